/**
 * Goal: the sagas that are called over HTTP run for real as they do in the kit: nothing is done twice, and what is undone
 * is undone at the provider. Method: the orchestrator on a real Postgres, asked over REST; the providers over real HTTP.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { BookTripInput, SubscribeInput } from '@sagamore/contracts';
import type { Protocol } from '@sagamore/engine';
import { MemoryBus } from '@sagamore/memory';
import { OrchestratorModule } from '@sagamore/orchestrator';
import { readConfig, start, type Host, type RunningApp } from '@sagamore/platform';
import { SystemClock } from '@sagamore/runtime';
import { startSimulators, type Simulators } from '@sagamore/simulators';
import { bookTrip } from '../apps/orchestrator/src/transactions/book-trip.saga.js';
import { subscriptionOf } from '../apps/orchestrator/src/transactions/subscription.saga.js';
import { protocolsOf } from '../apps/orchestrator/src/transactions/transactions.js';
import { testPostgres } from './support/postgres.js';

jest.setTimeout(60_000);

let simulators: Simulators;
let running: RunningApp;

beforeAll(async () => {
  await testPostgres();
});
afterEach(async () => {
  await running.stop();
  await simulators.stop();
});
afterAll(async () => (await testPostgres()).stop());

/** The orchestrator with these definitions, and everybody they call. */
async function open(protocols: readonly Protocol[] = protocolsOf(bookTrip)): Promise<void> {
  simulators = await startSimulators();
  const config = readConfig({
    LOG_LEVEL: 'silent',
    BREAKER_FAILURES: '100',
    DATABASE_URL_ORCHESTRATOR: await (await testPostgres()).freshDatabase(),
    PARTICIPANT_URL_TRAVEL: `${simulators.url}/travel`,
    PARTICIPANT_URL_BILLING: `${simulators.url}/billing`,
  });
  const bus = new MemoryBus({ clock: new SystemClock() });
  const module = (host: Host) => OrchestratorModule.forRoot(host, protocols);
  running = await start({ service: 'orchestrator', config, bus, port: 0, module });
}

async function post(path: string, key: string, body: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const response = await fetch(`${running.url}${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
  return response.json();
}

async function begin(definition: string, input: unknown): Promise<string> {
  const begun = await post('/transactions', 'a-key', { definition, input });
  return (begun as { readonly transactionId: string }).transactionId;
}

interface View {
  readonly status: string;
  readonly reason: unknown;
  readonly steps: readonly { readonly name: string; readonly outcome: string }[];
}

/** Resolves once the transaction is shown as wanted. */
async function shown(transactionId: string, isWanted: (view: View) => boolean): Promise<View> {
  for (;;) {
    const response = await fetch(`${running.url}/transactions/${transactionId}`);
    const view = (await response.json()) as View;
    if (response.ok && isWanted(view)) return view;
    await pause(10);
  }
}

const endOf = (transactionId: string): Promise<View> =>
  shown(transactionId, ({ status }) => status === 'completed' || status === 'compensated');

interface Effect {
  readonly kind: string;
  readonly action: string;
  readonly key: string;
}

async function effectsAt(provider: 'travel' | 'billing'): Promise<readonly string[]> {
  const response = await fetch(`${simulators.url}/${provider}/ledger`);
  const { entries } = (await response.json()) as { readonly entries: readonly Effect[] };
  return entries.map(({ kind, action }) => `${kind} ${action}`);
}

const trip: BookTripInput = {
  tripId: 'trip-1',
  customerId: 'ada',
  from: 'LON',
  to: 'OSL',
  departsOn: '2027-03-01',
  returnsOn: '2027-03-05',
  currency: 'EUR',
  paymentToken: 'tok_ok',
  approvalAboveMinor: 1_000_000,
};

test('a trip is booked, paid and ticketed, each once', async () => {
  await open();
  expect(await endOf(await begin('book-trip', trip))).toMatchObject({ status: 'completed' });
  const travel = await effectsAt('travel');
  expect(travel.toSorted()).toEqual([
    'done travel.book-car',
    'done travel.book-flight',
    'done travel.book-hotel',
    'done travel.issue-tickets',
    'done travel.tell-traveller',
  ]);
  expect(await effectsAt('billing')).toEqual(['done billing.charge']);
});

test('S13, S15: a card that is declined undoes every booking at the provider, the car before its flight', async () => {
  await open();
  const end = await endOf(await begin('book-trip', { ...trip, paymentToken: 'tok_declined' }));
  expect(end).toMatchObject({ status: 'compensated', reason: { code: 'card-declined' } });
  const travel = await effectsAt('travel');
  const undone = travel.filter((effect) => effect.startsWith('undone'));
  expect(undone.toSorted()).toEqual([
    'undone travel.book-car',
    'undone travel.book-flight',
    'undone travel.book-hotel',
  ]);
  expect(undone.indexOf('undone travel.book-car')).toBeLessThan(undone.indexOf('undone travel.book-flight'));
  expect(await effectsAt('billing')).toEqual([]);
});

test('S14: where there is no car, flight and hotel are given back and nobody is charged', async () => {
  await open();
  const end = await endOf(await begin('book-trip', { ...trip, to: 'NOC' }));
  expect(end).toMatchObject({ status: 'compensated', reason: { code: 'no-car' } });
  const travel = await effectsAt('travel');
  expect(travel.filter((effect) => effect.startsWith('done travel.book'))).toHaveLength(2);
  expect(travel.filter((effect) => effect.startsWith('undone'))).toHaveLength(2);
  expect(await effectsAt('billing')).toEqual([]);
});

test('S2, R6: where every answer is lost, nothing is done twice and the trip is booked all the same', async () => {
  await open();
  const lossy = { ...trip, to: 'LST', paymentToken: 'tok_lost_reply' };
  expect(await endOf(await begin('book-trip', lossy))).toMatchObject({ status: 'completed' });
  expect(await effectsAt('travel')).toHaveLength(5);
  expect(await effectsAt('billing')).toEqual(['done billing.charge']);
});

test('S41: a dear trip waits for a person, over REST; the word that comes first decides, and a refusal undoes the trip', async () => {
  await open();
  const id = await begin('book-trip', { ...trip, approvalAboveMinor: 1 });
  await shown(id, ({ steps }) => steps.some(({ name }) => name === 'approve-trip'));
  await post(`/transactions/${id}/signals/approve-trip`, 'no', { payload: { approved: false, by: 'bob' } });
  expect(await endOf(id)).toMatchObject({ status: 'compensated', reason: { code: 'rejected' } });
  expect(await effectsAt('billing')).toEqual([]);
  expect((await effectsAt('travel')).filter((effect) => effect.startsWith('undone'))).toHaveLength(3);
});

test('S39: a customer who leaves early keeps the quarter, and is not charged for the next', async () => {
  await open(protocolsOf(subscriptionOf({ quarterMs: 2_000, graceMs: 50 })));
  const id = await begin('subscription', subscriber);
  await shown(id, ({ steps }) => steps.some(({ name }) => name === 'first-quarter'));
  await post(`/transactions/${id}/signals/leave-before-2`, 'bye', { payload: { because: 'moved' } });
  expect(await endOf(id)).toMatchObject({ status: 'completed' });
  expect(await effectsAt('billing')).toEqual([
    'done billing.charge',
    'done billing.open-access',
    'done billing.close-access',
  ]);
});

const subscriber: SubscribeInput = {
  subscriptionId: 's-1',
  customerId: 'ada',
  paymentToken: 'tok_ok',
  amount: { amountMinor: 900, currency: 'EUR' },
};
const brief = () => protocolsOf(subscriptionOf({ quarterMs: 100, graceMs: 50 }));

test('a subscription of four short quarters is paid four times, each renewal a transaction of its own', async () => {
  await open(brief());
  expect(await endOf(await begin('subscription', subscriber))).toMatchObject({ status: 'completed' });
  const billing = await effectsAt('billing');
  expect(billing.filter((effect) => effect === 'done billing.collect')).toHaveLength(3);
  expect(billing.filter((effect) => effect === 'done billing.charge')).toHaveLength(1);
  expect(billing.at(-1)).toBe('done billing.close-access');
});

test('a card that expires is reminded of twice, then access ends and nothing is given back', async () => {
  await open(brief());
  const end = await endOf(await begin('subscription', { ...subscriber, paymentToken: 'tok_expires' }));
  expect(end).toMatchObject({ status: 'completed' });
  expect(await effectsAt('billing')).toEqual([
    'done billing.charge',
    'done billing.open-access',
    'done billing.collect',
    'done billing.remind',
    'done billing.collect',
    'done billing.remind',
    'done billing.collect',
    'done billing.close-access',
  ]);
});
