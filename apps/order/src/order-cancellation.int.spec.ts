/**
 * Goal: a customer who calls an order off is told which side of the pivot that came to, and nothing is told twice.
 * Method: the real service over real HTTP and a real Postgres, with the bus in memory; the test plays the orchestrator.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { confirmOrder, productsListedType, rejectOrder } from '@sagamore/contracts';
import { MemoryBus } from '@sagamore/memory';
import { bootstrap, readConfig, type RunningApp } from '@sagamore/platform';
import { PostgresDatabase } from '@sagamore/postgres';
import { uuidv7 } from '@sagamore/primitives';
import { commandMessage, OutboxRelay, SystemClock, type Message } from '@sagamore/runtime';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { OrderCancellation } from './order.cancellation.js';
import { CancellationStore } from './order.cancellation.store.js';
import { OrderModule } from './order.module.js';

const serverMsMax = 60_000;
const clock = new SystemClock();
const wish = {
  customerId: 'ada',
  lines: [{ sku: 'CUP', quantity: 2 }],
  currency: 'EUR',
  paymentToken: 'tok_visa',
  shipTo: { name: 'Ada', street: 'Main 1', city: 'Turin', postcode: '10100', country: 'IT' },
};

let server: TestPostgres;
let running: RunningApp;
let bus: MemoryBus;
let keys = 0;
const inbox: Message[] = [];
const facts: Message[] = [];

beforeAll(async () => {
  server = await testPostgres();
  const DATABASE_URL_ORDER = await server.freshDatabase();
  const config = readConfig({ DATABASE_URL_ORDER, LOG_LEVEL: 'silent', PORT: '0' });
  bus = new MemoryBus({ clock });
  running = await bootstrap({ service: 'order', module: (host) => OrderModule.forRoot(host), config, bus });
  await listen('orchestrator.inbox', inbox);
  await listen('order.events', facts);
  const prices = [{ currency: 'EUR', amountMinor: 1299 }];
  const data = { products: [{ sku: 'CUP', name: 'Cup', prices }] };
  const told = { source: 'inventory', topic: 'inventory.events', key: 'catalogue', occurredAt: 1, data };
  await bus.send([{ ...told, id: '1', type: productsListedType }]);
  await until(async () => (await place()) !== undefined);
}, serverMsMax);

afterAll(async () => {
  await running?.stop();
  await server?.stop();
}, serverMsMax);

beforeEach(() => {
  inbox.length = 0;
  facts.length = 0;
});

async function listen(topic: string, into: Message[]): Promise<void> {
  const handle = async (batch: readonly { readonly message: Message }[]) =>
    void into.push(...batch.map(({ message }) => message));
  await bus.subscribe({ topic, group: 'test', handle });
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = clock.now() + 10_000;
  while (!(await condition())) {
    if (clock.now() > deadline) throw new Error('the condition did not come true');
    await new Promise<void>((resolve) => void clock.after(10, resolve));
  }
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const typed = body === undefined ? headers : { 'content-type': 'application/json', ...headers };
  const response = await fetch(`${running.url}${path}`, { method: 'POST', headers: typed, ...sent });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** A new order's id; undefined while nothing can be priced. */
async function place(): Promise<string | undefined> {
  const { status, body } = await post('/orders', wish, { 'idempotency-key': `k-${keys++}` });
  return status === 202 ? String(body['orderId']) : undefined;
}

async function placed(): Promise<string> {
  const orderId = await place();
  if (orderId === undefined) throw new Error('the order was not placed');
  return orderId;
}

const cancel = (orderId: string, headers: Record<string, string> = {}) =>
  post(`/orders/${orderId}/cancel`, undefined, headers);

/** The transaction's last word to the order. */
async function end(orderId: string, how: 'confirm' | { readonly code: string }): Promise<void> {
  const payload = how === 'confirm' ? { orderId } : { orderId, reason: how };
  const operation = how === 'confirm' ? confirmOrder : rejectOrder;
  const asked = { operation: 'action', generation: 1, attempt: 1, payload } as const;
  const command = {
    type: 'send',
    participant: 'order',
    messageType: operation.action,
    branchId: 'end',
    ...asked,
  } as const;
  const context = { transactionId: orderId, replyTo: { topic: 'orchestrator.inbox', partition: 0 }, at: 1 };
  await bus.send([commandMessage(command, context)]);
}

const typesFor = (orderId: string) => inbox.filter(({ key }) => key === orderId).map(({ type }) => type);

describe('S109: calling an order off', () => {
  test('is accepted while nobody knows which was first, and told to the transaction behind its start', async () => {
    const orderId = await placed();
    const { status, body } = await cancel(orderId);
    expect([status, body]).toEqual([202, { orderId, transactionId: orderId, status: 'PENDING' }]);
    await until(() => typesFor(orderId).length === 2);
    expect(typesFor(orderId)).toEqual(['transaction.start', 'transaction.cancel']);
    expect(inbox.at(-1)).toMatchObject({ data: { transactionId: orderId, actor: 'customer' } });
  });

  test('answers the CANCELLED order to who waits, tells it once, and gives the same answer ever after', async () => {
    const orderId = await placed();
    const waiting = cancel(orderId, { prefer: 'wait=10' });
    await until(() => typesFor(orderId).length === 2);
    await end(orderId, { code: 'cancelled' });
    expect(await waiting).toMatchObject({
      status: 200,
      body: { orderId, status: 'CANCELLED', reason: { code: 'cancelled' } },
    });
    await until(() => facts.length > 0);
    expect(facts).toMatchObject([
      { type: 'order.cancelled', data: { orderId, status: 'CANCELLED', version: 2 } },
    ]);
    expect(await cancel(orderId)).toMatchObject({ status: 200, body: { status: 'CANCELLED' } });
    const listed = await fetch(`${running.url}/orders?status=CANCELLED&limit=1`);
    expect(await listed.json()).toMatchObject({ items: [{ orderId }] });
  });

  test('is a 409 with the order when the pivot was first, also for who waited for it', async () => {
    const orderId = await placed();
    const waiting = cancel(orderId, { prefer: 'wait=10' });
    await until(() => typesFor(orderId).length === 2);
    await end(orderId, 'confirm');
    const lost = {
      status: 409,
      body: { code: 'ORDER_ALREADY_CONFIRMED', order: { orderId, status: 'CONFIRMED' } },
    };
    expect(await waiting).toMatchObject(lost);
    expect(await cancel(orderId)).toMatchObject(lost);
    expect(typesFor(orderId).filter((type) => type === 'transaction.cancel')).toHaveLength(1);
  });

  test('is a 409 when the order was rejected for another reason', async () => {
    const orderId = await placed();
    await end(orderId, { code: 'out-of-stock' });
    await until(() => facts.length > 0);
    expect(await cancel(orderId)).toMatchObject({ status: 409, body: { code: 'ORDER_ALREADY_REJECTED' } });
    expect(typesFor(orderId)).not.toContain('transaction.cancel');
  });

  test('B42: a hundred times at once is told once', async () => {
    const orderId = await placed();
    const answers = await Promise.all(Array.from({ length: 100 }, () => cancel(orderId)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    await until(() => typesFor(orderId).includes('transaction.cancel'));
    expect(typesFor(orderId).filter((type) => type === 'transaction.cancel')).toHaveLength(1);
  });

  test('I31: an order that was cancelled is never confirmed', async () => {
    const orderId = await placed();
    await end(orderId, { code: 'cancelled' });
    await until(() => facts.length > 0);
    await end(orderId, 'confirm');
    await until(() => typesFor(orderId).some((type) => type.startsWith('order.confirm')));
    expect(await cancel(orderId)).toMatchObject({ status: 200, body: { status: 'CANCELLED' } });
  });

  test('R17: what the broker lost is told again, until the order has ended', async () => {
    const orderId = await placed();
    await cancel(orderId);
    await until(() => typesFor(orderId).length === 2);
    const database = running.app.get(PostgresDatabase, { strict: false });
    const relay = running.app.get(OutboxRelay, { strict: false });
    const ports = { database, relay, bus, wanted: new CancellationStore(database) };
    const cancellation = new OrderCancellation(ports, { shards: 4, olderThanMs: -1_000 });
    expect(await cancellation.resend()).toBeGreaterThanOrEqual(1);
    await until(() => typesFor(orderId).length === 3);
    const told = inbox.filter(({ id }) => id === `${orderId}/cancel`);
    expect(told[1]).toMatchObject({ partition: told[0]?.partition, data: told[0]?.data });
    await end(orderId, { code: 'cancelled' });
    await until(() => facts.some(({ key }) => key === orderId));
    await cancellation.resend();
    expect(typesFor(orderId).filter((type) => type === 'transaction.cancel')).toHaveLength(2);
  });
});

test.each([
  ['B8: an order that does not exist', `/orders/${uuidv7(1)}/cancel`, undefined, 404],
  ['B31: an id that is none', `/orders/${encodeURIComponent("' OR 1=1--")}/cancel`, undefined, 404],
  ['B17: a status that somebody would like', `/orders/${uuidv7(1)}/cancel`, { status: 'CANCELLED' }, 400],
  ['B53: a body that is no object', `/orders/${uuidv7(1)}/cancel`, 'now', 400],
])('%s is refused', async (_what, path, body, status) => {
  const answer = await post(path, body);
  const about = inbox.filter(({ key }) => path.includes(key));
  expect([answer.status, about]).toEqual([status, []]);
});
