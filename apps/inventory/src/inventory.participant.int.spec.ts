/**
 * Goal: inventory keeps its promises as a running service: commands in, replies out, the barrier between.
 * Method: the real module on a real database; the bus alone is in memory.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  productsListed,
  productsListedType,
  reserveStock,
  stockChanged,
  stockChangedType,
} from '@sagamore/contracts';
import { openDataSource, PostgresDatabase } from '@sagamore/postgres';
import { uuidv7 } from '@sagamore/primitives';
import { askedParticipant, type AskedParticipant, type Question } from '../../../test/support/participant.js';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { InventoryModule } from './inventory.module.js';
import { StockStore } from './inventory.store.js';

describe('the inventory service', () => {
  let server: TestPostgres;
  let inventory: AskedParticipant;
  let database: PostgresDatabase;

  beforeAll(async () => {
    server = await testPostgres();
    const databaseUrl = await server.freshDatabase();
    inventory = await askedParticipant({
      service: 'inventory',
      module: (host) => InventoryModule.forRoot(host),
      databaseUrl,
      settings: { INITIAL_STOCK: '1000' },
    });
    database = await PostgresDatabase.open(await openDataSource({ url: databaseUrl, poolSize: 2 }));
  }, 60_000);

  afterAll(async () => {
    await database.dataSource.destroy();
    await inventory.stop();
    await server.stop();
  });

  function reservation(sku: string, quantity = 1): Question {
    const transactionId = uuidv7(Date.now());
    const payload = { orderId: transactionId, lines: [{ sku, quantity }] };
    return { operation: reserveStock, transactionId, payload };
  }

  function undoOf({ payload, ...question }: Question): Question {
    return { ...question, half: 'compensation', payload: { input: payload, outcome: 'unknown' } };
  }

  async function available(sku: string): Promise<number | undefined> {
    const [level] = await new StockStore(database).levels([sku]);
    return level?.available;
  }

  test('a start opens the stock and tells the catalogue and every level', async () => {
    const { data: listed } = await inventory.told(productsListedType);
    expect(productsListed.parse(listed).products).toHaveLength(24);
    const { data: told } = await inventory.told(stockChangedType);
    const levels = new Map(stockChanged.parse(told).levels.map(({ sku, available: level }) => [sku, level]));
    expect([levels.get('SOLD-OUT-TEAPOT-SILVER'), levels.get('MOKA-POT-6')]).toEqual([0, 1_000]);
  });

  test('I34: a batch of orders for the last piece serves exactly one and refuses the others', async () => {
    const replies = await inventory.ask(Array.from({ length: 50 }, () => reservation('LAST-ONE-SAMOVAR')));
    expect(replies.filter(({ outcome }) => outcome === 'succeeded')).toHaveLength(1);
    const refusal = { code: 'out-of-stock', details: { sku: 'LAST-ONE-SAMOVAR', available: 0 } };
    expect(replies.filter(({ outcome }) => outcome === 'refused')).toEqual(
      Array.from({ length: 49 }, () => ({ outcome: 'refused', refusal })),
    );
    expect(await available('LAST-ONE-SAMOVAR')).toBe(0);
  });

  test('S1: a command that comes again gets the same reply and takes nothing more', async () => {
    const question = reservation('ESPRESSO-CUP', 3);
    const first = await inventory.ask([question]);
    expect(await inventory.ask([{ ...question, attempt: 2 }])).toEqual(first);
    expect(await available('ESPRESSO-CUP')).toBe(997);
  });

  test('R26: an undo gives back what was taken, and a second undo nothing more', async () => {
    const question = reservation('HAND-GRINDER', 4);
    await inventory.ask([question]);
    expect(await available('HAND-GRINDER')).toBe(996);
    const [undone] = await inventory.ask([undoOf(question)]);
    expect(undone).toMatchObject({ outcome: 'succeeded' });
    await inventory.ask([{ ...undoOf(question), attempt: 2 }]);
    expect(await available('HAND-GRINDER')).toBe(1_000);
  });

  test('S3: an undo that arrives first is empty, and the action behind it takes nothing', async () => {
    const question = reservation('MUG-STONEWARE', 5);
    expect(await inventory.ask([undoOf(question)])).toMatchObject([{ outcome: 'succeeded', empty: true }]);
    expect(await inventory.ask([question])).toMatchObject([{ outcome: 'refused' }]);
    expect(await available('MUG-STONEWARE')).toBe(1_000);
  });
});
