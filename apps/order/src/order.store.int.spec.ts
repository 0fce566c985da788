/**
 * Goal: one key is one order, an order and its start are together or not at all, and an end never changes.
 * Method: service, participant and stores over a real Postgres, with calls that race; the bus only records.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { MemoryBus } from '@sagamore/memory';
import {
  openDataSource,
  PostgresDatabase,
  PostgresOutbox,
  platformMigrations,
  runMigrations,
  statement,
} from '@sagamore/postgres';
import { shardOf, uuidv7 } from '@sagamore/primitives';
import {
  OutboxRelay,
  SystemClock,
  type CommandOf,
  type HandledCommand,
  type Message,
  type Tx,
} from '@sagamore/runtime';
import type { rejectOrder } from '@sagamore/contracts';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { CatalogueStore } from './catalogue.store.js';
import { Order1800000000000 } from './migrations/1800000000000-order.js';
import { OrderProtocol1800000100000 } from './migrations/1800000100000-order-protocol.js';
import type { Product, Wish } from './order.js';
import { OrderParticipant } from './order.participant.js';
import { OrderService } from './order.service.js';
import { OrderStore, type NewOrder } from './order.store.js';
import { OrderWakeups } from './order.wakeups.js';
import { OrderWatchdog } from './order.watchdog.js';

/** A server of its own starts in a second on an idle machine. */
const serverMsMax = 60_000;
const clock = new SystemClock();
const firstId = '00000000-0000-0000-0000-000000000000';
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const cup: Product = {
  sku: 'CUP',
  name: 'Cup',
  prices: [{ currency: 'EUR', amountMinor: 1299 }],
  available: 5,
};
const wish: Wish = {
  customerId: 'ada',
  lines: [{ sku: 'CUP', quantity: 2 }],
  currency: 'EUR',
  paymentToken: 'tok_visa',
  shipTo: { name: 'Ada', street: 'Main 1', city: 'Turin', postcode: '10100', country: 'IT' },
  protocol: 'saga',
};

/** A bus whose broker is away: what is published stays in the outbox, where it can be counted. */
class AbsentBus extends MemoryBus {
  override send(): Promise<void> {
    return new Promise(() => {});
  }
}

let server: TestPostgres;
let database: PostgresDatabase;
let orders: OrderStore;
let catalogueStore: CatalogueStore;
let service: OrderService;
let participant: OrderParticipant;
let wakeups: OrderWakeups;
let products: Map<string, Product>;

beforeAll(async () => {
  server = await testPostgres();
  const url = await server.freshDatabase();
  const dataSource = await openDataSource({
    url,
    migrations: [...platformMigrations, Order1800000000000, OrderProtocol1800000100000],
    poolSize: 8,
  });
  await runMigrations(dataSource);
  database = await PostgresDatabase.open(dataSource);
  orders = new OrderStore(database);
  catalogueStore = new CatalogueStore(database);
}, serverMsMax);

afterAll(async () => {
  await database?.close();
  await server?.stop();
}, serverMsMax);

beforeEach(async () => {
  await database.dataSource.query('truncate orders, product, outbox');
  products = new Map([[cup.sku, cup]]);
  service = newService();
  const bus = new AbsentBus({ clock });
  wakeups = new OrderWakeups({ bus, clock, finals: (ids) => orders.finals(ids) }, { instance: 'test' });
  participant = new OrderParticipant(database, orders, newRelay(), wakeups);
});

function newRelay(): OutboxRelay {
  return new OutboxRelay(new PostgresOutbox(database), new AbsentBus({ clock }), clock, { owner: 'test' });
}

/** As another instance of the service has it: batches of its own over the same rows. */
function newService(): OrderService {
  return new OrderService({ database, orders, relay: newRelay(), catalogue: { products } }, { shards: 4 });
}

async function count(table: 'orders' | 'outbox'): Promise<number> {
  const [row] = await database.read<{ n: number }>(
    statement(`count-${table}`, `select count(*)::int as n from ${table}`),
  );
  return row!.n;
}

async function placed(key: string, asked: Wish = wish): Promise<string> {
  const result = await service.place(asked, key);
  if (result.outcome !== 'accepted') throw new Error(`expected accepted, found ${result.outcome}`);
  return result.orderId;
}

function command<Payload>(payload: Payload): HandledCommand<Payload> {
  const transactionId = uuidv7(Date.now());
  const operationId = `${transactionId}/b/action`;
  return { transactionId, branchId: 'b', operationId, settledOperationId: operationId, payload };
}

function confirm(...orderIds: string[]) {
  return database.transaction((tx: Tx) =>
    participant.confirm(
      orderIds.map((orderId) => command({ orderId })),
      tx,
    ),
  );
}

function reject(...orderIds: string[]) {
  const commands: CommandOf<typeof rejectOrder>[] = orderIds.map((orderId) =>
    command({ orderId, reason: { code: 'card-declined', details: { network: 'test' } } }),
  );
  return database.transaction((tx: Tx) => participant.reject(commands, tx));
}

describe('placing', () => {
  test('B22: one key 50 times in parallel, over two instances, is one order with one start', async () => {
    const other = newService();
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? service : other).place(wish, 'same')),
    );
    expect(
      new Set(results.map((result) => (result.outcome === 'accepted' ? result.orderId : result.outcome)))
        .size,
    ).toBe(1);
    expect(results.filter((result) => result.outcome === 'accepted' && !result.repeated)).toHaveLength(1);
    expect(await count('orders')).toBe(1);
    expect(await count('outbox')).toBe(1);
  });

  test('two instances that take the same keys in opposite order block nobody', async () => {
    const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
    const other = newService();
    const results = await Promise.all([
      ...keys.map((key) => service.place(wish, key)),
      ...keys.toReversed().map((key) => other.place(wish, key)),
    ]);
    expect(results.every((result) => result.outcome === 'accepted')).toBe(true);
    expect(await count('orders')).toBe(40);
    expect(await count('outbox')).toBe(40);
  });

  test('B23: the same key with another body is refused and the first is unharmed', async () => {
    const orderId = await placed('key');
    expect(await service.place({ ...wish, lines: [{ sku: 'CUP', quantity: 3 }] }, 'key')).toEqual({
      outcome: 'key-reused',
    });
    const [order] = await orders.find([orderId]);
    expect(order).toMatchObject({ status: 'PENDING', totalMinor: 2598, version: 1 });
    expect(await count('outbox')).toBe(1);
  });

  test('B23: two bodies that race for one key make one order, and only one of them is accepted', async () => {
    const results = await Promise.all([
      service.place(wish, 'key'),
      newService().place({ ...wish, lines: [{ sku: 'CUP', quantity: 3 }] }, 'key'),
    ]);
    expect(results.map((result) => result.outcome).toSorted()).toEqual(['accepted', 'key-reused']);
    expect(await count('orders')).toBe(1);
  });

  test('B24: the same key of another customer is new', async () => {
    expect(await placed('key')).not.toBe(await placed('key', { ...wish, customerId: 'bob' }));
    expect(await count('orders')).toBe(2);
  });

  test('B28: keys that differ in case alone are two keys', async () => {
    expect(await placed('key')).not.toBe(await placed('KEY'));
  });

  test('B26: a refused order may be placed with the same key once it can be', async () => {
    products.delete('CUP');
    products.set('TEE', { ...cup, sku: 'TEE' });
    expect(await service.place(wish, 'key')).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'sku-unknown' },
    });
    expect(await count('orders')).toBe(0);
    products.set('CUP', cup);
    await placed('key');
  });

  test('S46: a repeat finds its order even when the product has left the catalogue', async () => {
    const orderId = await placed('key');
    products.delete('CUP');
    expect(await service.place(wish, 'key')).toMatchObject({ outcome: 'accepted', orderId, repeated: true });
  });

  test('nothing is refused for an unknown SKU while the catalogue is empty', async () => {
    products.clear();
    expect(await service.place(wish, 'key')).toEqual({ outcome: 'catalogue-empty' });
  });

  test('S44: when the start cannot be saved there is no order', async () => {
    const relay = newRelay();
    relay.append = () => Promise.reject(new Error('no outbox'));
    const broken = new OrderService({ database, orders, relay, catalogue: { products } }, { shards: 4 });
    await expect(broken.place(wish, 'key')).rejects.toThrow('no outbox');
    expect([await count('orders'), await count('outbox')]).toEqual([0, 0]);
  });

  test('S44: when the order cannot be saved there is no start, and it fails alone', async () => {
    // U+0000 never passes the edge; here it stands for whatever the database may refuse.
    const poisoned = { ...wish, shipTo: { ...wish.shipTo, name: 'a\0b' } };
    const results = await Promise.allSettled(
      ['a', 'bad', 'c'].map((key) => service.place(key === 'bad' ? poisoned : wish, key)),
    );
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect([await count('orders'), await count('outbox')]).toEqual([2, 2]);
  });

  test('S44: the start that is saved names the order, its shard and its input', async () => {
    const orderId = await placed('key');
    const [start] = await orders.pending({ after: firstId, before: lastId, limit: 1 });
    const saved = await database.dataSource.query<{ message: Message }[]>('select message from outbox');
    expect(saved.map(({ message }) => message)).toEqual([
      expect.objectContaining({
        id: `${orderId}/start`,
        type: 'transaction.start',
        topic: 'orchestrator.inbox',
        key: orderId,
        partition: shardOf(orderId, 4),
        data: { transactionId: orderId, definition: 'place-order', input: start?.startInput },
      }),
    ]);
    expect(start?.startInput).toMatchObject({
      orderId,
      total: { amountMinor: 2598, currency: 'EUR' },
      paymentToken: 'tok_visa',
    });
  });
});

describe('ending', () => {
  test('I31: a final status never changes, whoever asks', async () => {
    const orderId = await placed('key');
    expect(await confirm(orderId)).toEqual([{ outcome: 'succeeded', output: {} }]);
    expect(await reject(orderId)).toMatchObject([{ outcome: 'failed', failure: { code: 'ORDER_FINAL' } }]);
    expect(await confirm(orderId)).toEqual([{ outcome: 'succeeded', output: {} }]);
    const [order] = await orders.find([orderId]);
    expect(order).toMatchObject({ status: 'CONFIRMED', reason: null, version: 2 });
  });

  test('I31: confirm and reject that race end the order once, with one fact', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, (_, index) => placed(`key-${index}`)));
    await database.dataSource.query('truncate outbox');
    const [confirmed, rejected] = await Promise.all([confirm(...ids), reject(...ids.toReversed())]);
    const ended = await orders.find(ids);
    const won = confirmed.filter((reply) => reply.outcome === 'succeeded').length;
    expect(ended.filter((order) => order.status === 'CONFIRMED')).toHaveLength(won);
    expect(rejected.filter((reply) => reply.outcome === 'succeeded')).toHaveLength(20 - won);
    expect(ended.every((order) => order.version === 2)).toBe(true);
    expect(await count('outbox')).toBe(20);
  });

  test('R28: a rejected order keeps its reason, and what began it is forgotten', async () => {
    const orderId = await placed('key');
    await reject(orderId);
    const [order] = await orders.find([orderId]);
    expect(order).toMatchObject({
      status: 'REJECTED',
      reason: { code: 'card-declined', details: { network: 'test' } },
    });
    const [row] = await database.dataSource.query<{ start_input: unknown }[]>(
      'select start_input from orders',
    );
    expect(row?.start_input).toBeNull();
  });

  test('a whole batch ends at once, and what names no order fails alone', async () => {
    const known = await Promise.all([placed('a'), placed('b')]);
    const replies = await confirm(known[0]!, 'no-uuid', uuidv7(Date.now()), known[1]!);
    expect(replies.map((reply) => reply.outcome)).toEqual(['succeeded', 'failed', 'failed', 'succeeded']);
  });

  test('R30: those who wait are woken by the commit, never by a rollback', async () => {
    const orderId = await placed('key');
    let woken = 0;
    wakeups.onFinal(orderId, () => woken++);
    const rolledBack = database.transaction(async (tx: Tx) => {
      await participant.confirm([command({ orderId })], tx);
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect(woken).toBe(0);
    await confirm(orderId);
    expect(woken).toBe(1);
    await wakeups.stop();
  });
});

describe('reading', () => {
  test('pages are whole and newest first, for every filter', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 7; index++)
      ids.push(await placed(`key-${index}`, { ...wish, customerId: index % 2 ? 'bob' : 'ada' }));
    await confirm(ids[0]!);
    await reject(ids[1]!, ids[3]!);
    const list = async (query: Parameters<OrderStore['list']>[0]) =>
      (await orders.list(query)).map((order) => order.orderId);
    expect(await list({ limit: 3 })).toEqual([ids[6], ids[5], ids[4]]);
    expect(await list({ limit: 9, before: ids[4]! })).toEqual([ids[3], ids[2], ids[1], ids[0]]);
    expect(await list({ limit: 9, status: 'REJECTED' })).toEqual([ids[3], ids[1]]);
    expect(await list({ limit: 9, status: 'REJECTED', customerId: 'bob', before: ids[3]! })).toEqual([
      ids[1],
    ]);
    expect(await list({ limit: 9, status: 'CONFIRMED' })).toEqual([ids[0]]);
    expect(await list({ limit: 9, status: 'PENDING', customerId: 'ada' })).toEqual([ids[6], ids[4], ids[2]]);
    expect(await list({ limit: 1, customerId: 'bob' })).toEqual([ids[5]]);
  });

  test('R17: the watchdog sends the very start that was saved, for old PENDING orders alone', async () => {
    const at = database.now();
    const old = oldOrder(at - 120_000);
    const ended = oldOrder(at - 120_000);
    await database.transaction((tx: Tx) => orders.insert(tx, [old, ended]));
    await confirm(ended.orderId);
    await placed('young');
    const sent: Message[] = [];
    const bus = { send: async (messages: readonly Message[]) => void sent.push(...messages) };
    const watchdog = new OrderWatchdog(
      { orders, bus, clock, cancellations: { resend: async () => 0 }, now: () => database.now() },
      { shards: 4 },
    );
    expect(await watchdog.round()).toBe(1);
    expect(sent.map((message) => message.data)).toEqual([
      { transactionId: old.orderId, definition: 'place-order', input: old.startInput },
    ]);
  });
});

function oldOrder(at: number): NewOrder {
  const orderId = uuidv7(at);
  const { customerId, paymentToken, shipTo } = wish;
  const startInput: NewOrder['startInput'] = {
    orderId,
    customerId,
    lines: [{ sku: 'CUP', quantity: 2 }],
    total: { amountMinor: 2598, currency: 'EUR' },
    paymentToken,
    shipTo,
  };
  const lines = [{ sku: 'CUP', quantity: 2, unitPriceMinor: 1299 }];
  const protocol = 'saga';
  return { orderId, customerId, idempotencyKey: orderId, requestHash: 'h', protocol, lines, startInput, at };
}

describe('the catalogue', () => {
  test('listings and levels may come again, late and in any order: the newest wins', async () => {
    const tee = { sku: 'TEE', name: 'Tee', prices: [{ currency: 'EUR' as const, amountMinor: 1 }] };
    const write = (work: (tx: Tx) => Promise<unknown>) => database.transaction(work);
    await write((tx) =>
      catalogueStore.level(tx, [
        { sku: 'TEE', available: 3, version: 5 },
        { sku: 'TEE', available: 9, version: 4 },
      ]),
    );
    expect(await catalogueStore.products()).toEqual([]);
    await write((tx) => catalogueStore.list(tx, [{ ...tee, name: 'New' }], 2_000));
    await write((tx) => catalogueStore.list(tx, [tee, tee], 1_000));
    await write((tx) => catalogueStore.level(tx, [{ sku: 'TEE', available: 8, version: 4 }]));
    expect(await catalogueStore.products()).toEqual([{ ...tee, name: 'New', available: 3 }]);
    await write((tx) => catalogueStore.level(tx, [{ sku: 'TEE', available: 2, version: 6 }]));
    expect((await catalogueStore.products())[0]?.available).toBe(2);
  });
});
