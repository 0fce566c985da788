/**
 * Goal: the travel and the billing provider keep the contract of participants that are called over HTTP, whatever order
 * the requests come in. Method: real HTTP on a free port; a crash is a second start on the same directory.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Desk } from './desk.js';
import { travelOffers } from './desks.js';
import { startSimulators, type Simulators } from './simulators.js';

let world: Simulators;
let directory: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sagamore-desk-'));
  world = await startSimulators({ directory });
});
afterEach(async () => {
  await world.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Heard {
  readonly status: number;
  readonly body: unknown;
}

async function ask(method: string, path: string, body?: unknown, key = ''): Promise<Heard> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const response = await fetch(
    `${world.url}${path}`,
    body === undefined ? { method } : { method, headers, body: JSON.stringify(body) },
  );
  return { status: response.status, body: await response.json() };
}

const flight = (to = 'OSL') => ({ tripId: 't', from: 'LON', to, departsOn: '2026-03-01', currency: 'EUR' });
const book = (key: string, to?: string) => ask('POST', '/travel/travel.book-flight', flight(to), key);
const cancel = (key: string) =>
  ask('POST', '/travel/travel.cancel-flight', { input: flight(), outcome: 'unknown' }, key);
const probe = (key: string) => ask('GET', `/travel/travel.book-flight/${encodeURIComponent(key)}`);
const pay = (paymentToken: string, verb = 'charge', key = 'k') => {
  const amount = { amountMinor: 900, currency: 'EUR' };
  return ask(
    'POST',
    `/billing/billing.${verb}`,
    { reference: 's', customerId: 'ada', paymentToken, amount },
    key,
  );
};
async function effects(desk = 'travel'): Promise<readonly string[]> {
  const { body } = await ask('GET', `/${desk}/ledger`);
  const { entries } = body as { readonly entries: readonly { readonly kind: string }[] };
  return entries.map(({ kind }) => kind);
}

describe('one key', () => {
  test('S1: is one effect, also for those who ask again after a crash', async () => {
    const first = await book('tx/flight');
    expect(first).toMatchObject({ status: 200, body: { amountMinor: 20_000 } });
    await world.stop();
    world = await startSimulators({ directory });
    expect(await book('tx/flight')).toEqual(first);
    expect(await probe('tx/flight')).toEqual(first);
    expect(await effects()).toEqual(['done']);
  });

  test('S3, S4: undone before it was asked for, it is closed: the undo found nothing, and the action is gone', async () => {
    expect(await cancel('tx/flight')).toEqual({ status: 200, body: { empty: true } });
    expect(await book('tx/flight')).toMatchObject({ status: 410 });
    expect(await probe('tx/flight')).toMatchObject({ status: 410 });
    expect(await effects()).toEqual(['closed']);
  });

  test('S8: undone twice, it is undone once; asked again it stays gone', async () => {
    await book('tx/flight');
    expect(await cancel('tx/flight')).toEqual({ status: 200, body: {} });
    expect(await cancel('tx/flight')).toEqual({ status: 200, body: {} });
    expect(await effects()).toEqual(['done', 'undone']);
    expect(await probe('tx/flight')).toMatchObject({ status: 410 });
  });

  test('R6: a probe that finds nothing promises that nothing will ever be done', async () => {
    expect(await probe('tx/flight')).toMatchObject({ status: 410 });
    expect(await book('tx/flight')).toMatchObject({ status: 410 });
  });

  test('S5: an undo that comes while the action is at work wins', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const desk = new Desk(travelOffers, { file: undefined, pause: () => promise });
    const [offer] = travelOffers;
    assert(offer !== undefined);
    const slow = desk.ask(offer, 'k', flight('SLO'));
    expect(await desk.probe(offer, 'k')).toMatchObject({ status: 202 });
    expect(await desk.undo(offer, 'k', {})).toMatchObject({ answer: { body: { empty: true } } });
    resolve();
    expect(await slow).toMatchObject({ answer: { status: 410 } });
    expect(desk.ledger(0, 10).entries.map(({ kind }) => kind)).toEqual(['closed']);
  });
});

describe('misbehaving on request', () => {
  test.each([
    ['a full flight', () => book('k', 'NIL'), 'fully-booked'],
    ['a card that is declined', () => pay('tok_declined'), 'card-declined'],
  ])('%s is refused with a code', async (_what, asked, code) => {
    expect(await asked()).toEqual({ status: 422, body: { code } });
  });

  test('a refusal is what a probe finds, too', async () => {
    await book('k', 'NIL');
    expect(await probe('k')).toEqual({ status: 422, body: { code: 'fully-booked' } });
  });

  test('a lost answer was an effect, and the next asking hears it', async () => {
    await expect(pay('tok_lost_reply')).rejects.toThrow();
    expect(await effects('billing')).toEqual(['done']);
    expect(await pay('tok_lost_reply')).toMatchObject({ status: 200 });
  });

  test('a flaky bank is away twice for each key', async () => {
    const heard = [await pay('tok_flaky'), await pay('tok_flaky'), await pay('tok_flaky')];
    expect(heard.map(({ status }) => status)).toEqual([503, 503, 200]);
  });

  test('what cannot be collected is an answer', async () => {
    expect(await pay('tok_declined', 'collect')).toEqual({ status: 200, body: { isPaid: false } });
  });

  test('B75: what does not fit the contract is no request', async () => {
    expect(await ask('POST', '/travel/travel.book-flight', { to: 'OSL' }, 'k')).toMatchObject({
      status: 400,
    });
  });
});
