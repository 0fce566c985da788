/**
 * Goal: the outside world keeps its own promises, so that a failure seen through it is ours.
 * Method: real HTTP on a free port; slow calls take a quarter of a second, and a crash is a second start on the same directory.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startSimulators, type Simulators, type SimulatorsOptions } from './simulators.js';

interface Heard {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

let world: Simulators;
let directory: string;
const settings: SimulatorsOptions = { cardNetwork: { slowMs: 250 }, carrier: { slowMs: 250 } };

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sagamore-simulators-'));
  world = await startSimulators({ ...settings, directory });
});

afterEach(async () => {
  await world.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function restart(): Promise<void> {
  await world.stop();
  world = await startSimulators({ ...settings, directory });
}

async function ask(method: string, path: string, body?: unknown, key?: string): Promise<Heard> {
  const headers = {
    'content-type': 'application/json',
    ...(key !== undefined && { 'idempotency-key': key }),
  };
  const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
  const response = await fetch(`${world.url}${path}`, init);
  const heard: unknown = await response.json();
  return { status: response.status, body: Object.fromEntries(Object.entries(heard ?? {})) };
}

const post = (path: string, key: string, body: unknown): Promise<Heard> => ask('POST', path, body, key);
const payment = (token: string) => ({ amountMinor: 4_200, currency: 'EUR', token, reference: 'order-1' });
const charge = (key: string, token = 'tok_ok') => post('/card-network/charges', key, payment(token));
const refund = (key: string, chargeKey: string) =>
  post('/card-network/refunds', key, { chargeKey, reference: 'order-1' });
const parcel = {
  reference: 'order-1',
  country: 'DE',
  postcode: '10115',
  parcels: 1,
  name: 'Ada Private',
  street: 'Geheimweg 1',
  city: 'Berlin',
};

async function kinds(provider = 'card-network'): Promise<string[]> {
  const { body } = await ask('GET', `/${provider}/ledger`);
  return Array.isArray(body['entries']) ? body['entries'].map((entry: { kind: string }) => entry.kind) : [];
}

test('a charge asked twice with one key takes the money once and hears one answer', async () => {
  const first = await charge('tx/pay');
  expect(first).toEqual({ status: 201, body: { chargeId: expect.any(String), status: 'captured' } });
  expect(await charge('tx/pay')).toEqual(first);
  expect(await kinds()).toEqual(['charge']);
});

test('another body under a used key is refused with 422 and takes nothing', async () => {
  await charge('k');
  const other = await post('/card-network/charges', 'k', { ...payment('tok_ok'), amountMinor: 1 });
  expect(other).toEqual({ status: 422, body: { code: 'key-reused' } });
  expect(await kinds()).toEqual(['charge']);
});

test.each([
  ['tok_declined', 'card-declined'],
  ['tok_insufficient', 'insufficient-funds'],
  ['tok_nobody_knows', 'card-unknown'],
])('%s is refused with %s and takes nothing', async (token, code) => {
  expect(await charge('k', token)).toEqual({ status: 402, body: { code } });
  expect(await kinds()).toEqual([]);
});

test('requests beside a running one wait for it: ten at once are one charge', async () => {
  const heard = await Promise.all(Array.from({ length: 10 }, () => charge('k', 'tok_slow')));
  expect(new Set(heard.map(({ status }) => status))).toEqual(new Set([201]));
  expect(await kinds()).toEqual(['charge']);
});

test('a flaky card fails twice for each key, then works', async () => {
  const statuses = [];
  for (let tries = 0; tries < 4; tries++) statuses.push((await charge('k', 'tok_flaky')).status);
  expect(statuses).toEqual([503, 503, 201, 201]);
  expect((await charge('other', 'tok_flaky')).status).toBe(503);
});

test('a lost reply has taken the money, and a repeat hears the answer', async () => {
  await expect(charge('k', 'tok_lost_reply')).rejects.toThrow();
  expect(await kinds()).toEqual(['charge']);
  expect((await charge('k', 'tok_lost_reply')).status).toBe(201);
  expect(await kinds()).toEqual(['charge']);
});

test('a charge is refunded once, also under a second refund key', async () => {
  await charge('k');
  const first = await refund('r1', 'k');
  expect(first).toEqual({ status: 200, body: { refundId: expect.any(String), status: 'refunded' } });
  expect(await refund('r1', 'k')).toEqual(first);
  expect(await refund('r2', 'k')).toEqual(first);
  expect(await kinds()).toEqual(['charge', 'refund']);
});

test('R8: a refund that arrives before its charge plants a tombstone, and the charge is refused', async () => {
  expect(await refund('r', 'k')).toEqual({ status: 200, body: { status: 'nothing-to-refund' } });
  expect(await charge('k')).toEqual({ status: 409, body: { code: 'voided' } });
  expect(await kinds()).toEqual(['tombstone']);
});

test('R8: a refund that arrives while its charge is on its way voids it', async () => {
  const slow = charge('k', 'tok_slow');
  const deadline = Date.now() + 2_000;
  while ((await ask('GET', '/card-network/charges/k')).status === 404 && Date.now() < deadline);
  expect((await refund('r', 'k')).body).toEqual({ status: 'nothing-to-refund' });
  expect(await slow).toEqual({ status: 409, body: { code: 'voided' } });
  expect(await kinds()).toEqual(['tombstone']);
});

test('refunds that fail work after healing, and the next such charge fails anew', async () => {
  await charge('k', 'tok_refund_fails');
  expect(await refund('r', 'k')).toEqual({ status: 402, body: { code: 'refund-declined' } });
  expect((await ask('POST', '/card-network/admin/heal')).status).toBe(200);
  expect((await refund('r', 'k')).status).toBe(200);
  await charge('k2', 'tok_refund_fails');
  expect((await refund('r2', 'k2')).status).toBe(402);
});

test('an authorization is captured or voided, whichever comes first, and each once', async () => {
  const authorize = (key: string) => post('/card-network/authorizations', key, payment('tok_ok'));
  const settle = (path: string, key: string, authorizationKey: string) =>
    post(`/card-network/${path}`, key, { authorizationKey });
  expect((await authorize('a')).status).toBe(201);
  expect((await settle('captures', 'c', 'a')).body['status']).toBe('captured');
  expect(await settle('voids', 'v', 'a')).toEqual({ status: 409, body: { code: 'already-captured' } });
  await authorize('b');
  expect((await settle('voids', 'v2', 'b')).body['status']).toBe('voided');
  expect(await settle('captures', 'c2', 'b')).toEqual({ status: 409, body: { code: 'voided' } });
  expect((await settle('voids', 'v3', 'd')).body['status']).toBe('nothing-to-void');
  expect((await authorize('d')).body).toEqual({ code: 'voided' });
  expect(await kinds()).toEqual(['authorize', 'capture', 'authorize', 'void', 'tombstone']);
});

test('a capture before its authorization is not held against a later one', async () => {
  const capture = () => post('/card-network/captures', 'c', { authorizationKey: 'a' });
  expect((await capture()).body).toEqual({ code: 'not-authorized' });
  await post('/card-network/authorizations', 'a', payment('tok_ok'));
  expect((await capture()).status).toBe(200);
});

test('a probe by key tells captured, refunded, voided and unknown apart', async () => {
  const probe = async (key: string) =>
    (await ask('GET', `/card-network/charges/${encodeURIComponent(key)}`)).body;
  expect(await probe('tx/pay')).toEqual({ code: 'unknown-key' });
  await charge('tx/pay');
  expect((await probe('tx/pay'))['status']).toBe('captured');
  await refund('r', 'tx/pay');
  expect((await probe('tx/pay'))['status']).toBe('refunded');
  await refund('r2', 'never');
  expect((await probe('never'))['status']).toBe('voided');
});

test('a new process knows every answer, effect and tombstone of the one before', async () => {
  const first = await charge('k');
  await refund('r', 'gone');
  await charge('stubborn', 'tok_refund_fails');
  await ask('POST', '/card-network/admin/heal');
  await charge('stubborn2', 'tok_refund_fails');
  const before = await ask('GET', '/card-network/ledger');
  await restart();
  expect(await ask('GET', '/card-network/ledger')).toEqual(before);
  expect(await charge('k')).toEqual(first);
  expect((await charge('gone')).body).toEqual({ code: 'voided' });
  expect((await refund('r1', 'stubborn')).status).toBe(200);
  expect((await refund('r2', 'stubborn2')).status).toBe(402);
});

test('a line torn by a crash is dropped, and the ledger goes on behind it', async () => {
  await charge('k');
  await world.stop();
  appendFileSync(join(directory, 'card-network.jsonl'), '{"operation":"charge","key":"torn');
  world = await startSimulators({ ...settings, directory });
  await charge('k2');
  await restart();
  expect(await kinds()).toEqual(['charge', 'charge']);
});

test('an acknowledged charge is in the file already', async () => {
  await charge('k');
  expect(readFileSync(join(directory, 'card-network.jsonl'), 'utf8')).toContain('"key":"k"');
});

test('the ledger is paged by index', async () => {
  for (const key of ['1', '2', '3']) await charge(key);
  const page = async (query: string) => (await ask('GET', `/card-network/ledger?${query}`)).body;
  expect(await page('limit=2')).toMatchObject({ entries: [{ index: 1 }, { index: 2 }], next: 2 });
  expect(await page('after=2&limit=2')).toMatchObject({ entries: [{ index: 3, key: '3' }], next: null });
  expect((await ask('GET', '/card-network/ledger?limit=0')).status).toBe(400);
});

test.each([
  ['without a key', '/card-network/charges', undefined, payment('tok_ok')],
  ['with a negative amount', '/card-network/charges', 'k', { ...payment('tok_ok'), amountMinor: -1 }],
  ['with a fraction of a cent', '/card-network/charges', 'k', { ...payment('tok_ok'), amountMinor: 0.5 }],
  ['in an unknown currency', '/card-network/charges', 'k', { ...payment('tok_ok'), currency: 'XXX' }],
  ['with a list for a body', '/carrier/shipments', 'k', []],
])('a request %s is refused with 400 and has no effect', async (_what, path, key, body) => {
  expect(await ask('POST', path, body, key)).toEqual({ status: 400, body: { code: 'bad-request' } });
  expect([...(await kinds()), ...(await kinds('carrier'))]).toEqual([]);
});

test('a shipment is made once and cancelled once', async () => {
  const ship = () => post('/carrier/shipments', 's', parcel);
  const first = await ship();
  expect(first).toEqual({
    status: 201,
    body: { shipmentId: expect.any(String), trackingNumber: expect.any(String) },
  });
  expect(await ship()).toEqual(first);
  const cancel = (key: string) =>
    post('/carrier/cancellations', key, { shipmentKey: 's', reference: 'order-1' });
  expect((await cancel('c')).body['status']).toBe('cancelled');
  expect((await cancel('c2')).body['status']).toBe('cancelled');
  expect(await kinds('carrier')).toEqual(['shipment', 'cancellation']);
});

test('the carrier does not serve Antarctica', async () => {
  const heard = await post('/carrier/shipments', 's', { ...parcel, country: 'AQ' });
  expect(heard).toEqual({ status: 422, body: { code: 'country-not-served' } });
  expect(await kinds('carrier')).toEqual([]);
});

test('R8: a cancellation overtakes a slow shipment, which is then refused', async () => {
  const slow = post('/carrier/shipments', 's', { ...parcel, postcode: 'SLOW' });
  const deadline = Date.now() + 2_000;
  while ((await ask('GET', '/carrier/shipments/s')).status === 404 && Date.now() < deadline);
  const cancelled = await post('/carrier/cancellations', 'c', { shipmentKey: 's', reference: 'order-1' });
  expect(cancelled.body).toEqual({ status: 'nothing-to-cancel' });
  expect(await slow).toEqual({ status: 409, body: { code: 'voided' } });
  expect(await kinds('carrier')).toEqual(['tombstone']);
});

test('a booking becomes a shipment by confirmation, and none after a cancellation', async () => {
  const book = (key: string) => post('/carrier/bookings', key, parcel);
  const confirm = (key: string, bookingKey: string) => post('/carrier/confirmations', key, { bookingKey });
  expect((await confirm('c0', 'b')).body).toEqual({ code: 'not-booked' });
  await book('b');
  expect((await confirm('c1', 'b')).body).toHaveProperty('trackingNumber');
  await book('b2');
  await post('/carrier/cancellations', 'x', { bookingKey: 'b2' });
  expect(await confirm('c2', 'b2')).toEqual({ status: 409, body: { code: 'voided' } });
  expect(await kinds('carrier')).toEqual(['booking', 'confirmation', 'booking', 'cancellation']);
});

test('I42: no ledger holds a name, an address or a token', async () => {
  await charge('k');
  await post('/carrier/shipments', 's', parcel);
  const kept = ['card-network', 'carrier']
    .map((name) => readFileSync(join(directory, `${name}.jsonl`), 'utf8'))
    .join();
  for (const secret of ['tok_', 'Ada', 'Geheimweg', '10115', 'Berlin']) expect(kept).not.toContain(secret);
});

test('stopping ends a slow call undecided: the caller hears a 500 or nothing', async () => {
  const slow = charge('k', 'tok_slow').then(
    ({ status }) => status,
    () => 500,
  );
  const deadline = Date.now() + 2_000;
  while ((await ask('GET', '/card-network/charges/k')).status === 404 && Date.now() < deadline);
  await restart();
  expect(await slow).toBe(500);
  expect(await kinds()).toEqual([]);
});
