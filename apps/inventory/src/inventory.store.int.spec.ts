/**
 * Goal: on the real database no interleaving of batches makes stock negative or parts a level from its log.
 * Method: many transactions at once over several connections, as several instances would run them, then the sums.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openDataSource, PostgresDatabase, statement, type PostgresTx } from '@sagamore/postgres';
import { seededRandom } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { allocate, settle, skusOf, type StockOrder } from './inventory.js';
import { StockStore, type OpeningStock } from './inventory.store.js';
import { Stock1800000000000 } from './migrations/1800000000000-stock.js';
import { StockHold1800000100000 } from './migrations/1800000100000-stock-hold.js';

const unexplained = statement(
  'test-unexplained',
  `select sku from stock left join (
     select sku,
       sum(case when kind in ('taken', 'held') then -quantity when kind = 'deducted' then 0 else quantity end) as moved,
       sum(case when kind = 'held' then quantity when kind in ('deducted', 'released') then -quantity else 0 end) as held
     from stock_move group by sku
   ) as log using (sku)
   where available <> coalesce(moved, 0) or reserved <> coalesce(held, 0)`,
);
// Changes the row without changing what it says.
const touch = statement('test-touch', 'update stock set version = version where sku = $1');
const standing = statement('test-standing', 'select available, reserved from stock where sku = $1');
const lowest = statement(
  'test-lowest',
  'select min(available)::int as level, min(quantity)::int as moved from stock, stock_move',
);
const countOf = statement('test-count', 'select count(*)::int as moves from stock_move where kind = $1');

describe('stock in Postgres', () => {
  let server: TestPostgres;
  let database: PostgresDatabase;
  let store: StockStore;

  beforeAll(async () => {
    server = await testPostgres();
    database = await freshDatabase();
    store = new StockStore(database);
  }, 60_000);

  afterAll(async () => {
    await database.dataSource.destroy();
    await server.stop();
  });

  async function freshDatabase(): Promise<PostgresDatabase> {
    const url = await server.freshDatabase();
    const source = await openDataSource({
      url,
      migrations: [Stock1800000000000, StockHold1800000100000],
      poolSize: 10,
    });
    await source.runMigrations();
    return PostgresDatabase.open(source);
  }

  async function expectSoundBooks(): Promise<void> {
    expect(await database.read(unexplained)).toEqual([]);
    const [{ level, moved } = { level: -1, moved: -1 }] = await database.read<{
      level: number;
      moved: number;
    }>(lowest);
    expect([level >= 0, moved > 0]).toEqual([true, true]);
  }

  async function open(...products: readonly OpeningStock[]): Promise<void> {
    await store.open(products);
  }

  /** One batch of an instance, as the participant runs it; answers which orders were served. */
  async function reserve(orders: readonly StockOrder[]): Promise<readonly StockOrder[]> {
    return database.transaction(async (tx) => {
      const { refusals, moves } = allocate(await store.lock(tx, skusOf(orders)), orders);
      store.book(tx, moves);
      return orders.filter((_, index) => refusals[index] === undefined);
    });
  }

  async function release(orders: readonly StockOrder[]): Promise<void> {
    await database.transaction(async (tx) => store.book(tx, settle(orders, 'returned')));
  }

  function order(name: string, ...lines: readonly (readonly [string, number])[]): StockOrder {
    return {
      operationId: `${name}/action`,
      transactionId: name,
      lines: lines.map(([sku, quantity]) => ({ sku, quantity })),
    };
  }

  test('B43, I34: of 200 orders at once for the last piece exactly one gets it', async () => {
    await open({ sku: 'LAST-ONE', initialStock: 1 });
    const orders = Array.from({ length: 200 }, (_, index) => order(`last-${index}`, ['LAST-ONE', 1]));
    const served = await Promise.all(orders.map((each) => reserve([each])));
    expect(served.flat()).toHaveLength(1);
    expect(await store.levels(['LAST-ONE'])).toEqual([{ sku: 'LAST-ONE', available: 0, version: 2 }]);
    await expectSoundBooks();
  });

  test('I02, I03: batches of several instances, with undos among them, leave every level equal to its log', async () => {
    const skus = ['R-1', 'R-2', 'R-3', 'R-4', 'R-5', 'R-6'];
    await open(...skus.map((sku) => ({ sku, initialStock: 40 })));
    const random = seededRandom(20_261_122);
    const pick = (most: number): number => Math.floor(random.next() * most);
    let number = 0;
    const randomOrder = (): StockOrder =>
      order(
        `mixed-${number++}`,
        ...Array.from({ length: 1 + pick(3) }, () => [skus[pick(6)]!, 1 + pick(4)] as const),
      );
    const instances = Array.from({ length: 6 }, () =>
      Array.from({ length: 12 }, () => Array.from({ length: 1 + pick(12) }, randomOrder)),
    );
    await Promise.all(
      instances.map(async (batches) => {
        for (const batch of batches) {
          const served = await reserve(batch);
          await release(
            served
              .filter((_, index) => index % 2 === 0)
              .map((each) => ({ ...each, operationId: `${each.transactionId}/undo` })),
          );
        }
      }),
    );
    await expectSoundBooks();
    expect((await database.read<{ moves: number }>(countOf, ['returned']))[0]?.moves).toBeGreaterThan(0);
  }, 30_000);

  test('R26: what is held is reserved, in the row as in the log, and leaves it deducted or released', async () => {
    await open({ sku: 'HELD', initialStock: 10 });
    const settleAll = (kind: 'deducted' | 'released', ...orders: readonly StockOrder[]) =>
      database.transaction(async (tx) => store.book(tx, settle(orders, kind)));
    const orders = [order('kept', ['HELD', 3]), order('let-go', ['HELD', 2])];
    await database.transaction(async (tx) => {
      store.book(tx, allocate(await store.lock(tx, ['HELD']), orders, 'held').moves);
    });
    expect(await database.read(standing, ['HELD'])).toEqual([{ available: '5', reserved: '5' }]);
    await settleAll('deducted', { ...orders[0]!, operationId: 'kept/confirm' });
    await settleAll('released', { ...orders[1]!, operationId: 'let-go/cancel' });
    expect(await database.read(standing, ['HELD'])).toEqual([{ available: '7', reserved: '0' }]);
    await expectSoundBooks();
  });

  test('R26: a transaction that rolls back leaves neither level nor move', async () => {
    await open({ sku: 'ROLLED-BACK', initialStock: 5 });
    const failing = database.transaction(async (tx) => {
      const orders = [order('rolled-back', ['ROLLED-BACK', 2])];
      store.book(tx, allocate(await store.lock(tx, skusOf(orders)), orders).moves);
      throw new Error('a later handler failed');
    });
    await expect(failing).rejects.toThrow('a later handler failed');
    expect(await store.levels(['ROLLED-BACK'])).toEqual([{ sku: 'ROLLED-BACK', available: 5, version: 1 }]);
    await expectSoundBooks();
  });

  test('I03: the database itself refuses a level below zero', async () => {
    await open({ sku: 'GUARDED', initialStock: 1 });
    const moves = [
      { operationId: 'g', transactionId: 'g', sku: 'GUARDED', kind: 'taken', quantity: 2 } as const,
    ];
    const overdrawn = database.transaction(async (tx) => store.book(tx, moves));
    await expect(overdrawn).rejects.toMatchObject({ code: 'DATA_REJECTED', retryable: false });
    await expect(overdrawn).rejects.toBeInstanceOf(Fault);
    expect((await store.levels(['GUARDED']))[0]?.available).toBe(1);
  });

  test('I12: one operation cannot take the same SKU twice', async () => {
    await open({ sku: 'ONCE', initialStock: 9 });
    const once = order('once', ['ONCE', 1]);
    await reserve([once]);
    await expect(reserve([once])).rejects.toMatchObject({ code: 'DATA_REJECTED' });
    expect((await store.levels(['ONCE']))[0]?.available).toBe(8);
  });

  test('opening stock is booked once, however many instances start at once and however often', async () => {
    const products = Array.from({ length: 50 }, (_, index) => ({
      sku: `OPEN-${index}`,
      initialStock: index,
    }));
    await Promise.all(Array.from({ length: 8 }, () => store.open(products)));
    await reserve([order('bought', ['OPEN-10', 3])]);
    await store.open(products.toReversed());
    const levels = new Map((await store.levels()).map(({ sku, available }) => [sku, available]));
    expect([levels.get('OPEN-0'), levels.get('OPEN-10'), levels.get('OPEN-49')]).toEqual([0, 7, 49]);
    await expectSoundBooks();
  });

  test('S69: stock that somebody left locked does not keep the shop from opening', async () => {
    await open({ sku: 'IN-DOUBT', initialStock: 5 });
    const locked = Promise.withResolvers<void>();
    const opened = Promise.withResolvers<void>();
    const holding = database.transaction(async (tx) => {
      await (tx as PostgresTx).query(touch, ['IN-DOUBT']);
      locked.resolve();
      await opened.promise;
    });
    await locked.promise;
    await expect(open({ sku: 'IN-DOUBT', initialStock: 5 }).finally(opened.resolve)).resolves.toBeUndefined();
    await holding;
    expect((await store.levels(['IN-DOUBT']))[0]?.available).toBe(5);
  });

  test('SKUs that are not sold are absent, and a large quantity stays exact', async () => {
    await open({ sku: 'MANY', initialStock: Number.MAX_SAFE_INTEGER });
    const levels = await database.transaction((tx) => store.lock(tx, ['MANY', 'NO-SUCH']));
    expect([...levels]).toEqual([['MANY', Number.MAX_SAFE_INTEGER]]);
  });
});
