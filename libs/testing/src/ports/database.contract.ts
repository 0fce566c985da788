/**
 * The contract of `Database`: what a transaction promises, whatever the technology.
 * Barrier rows serve as the effect, because every adapter has them; nothing here may name a store.
 */
import { describe, expect, test } from '@jest/globals';
import type { StoredBarrierRow, Tx } from '@sagamore/runtime';
import {
  barrierRow,
  faultOf,
  freshPorts,
  gate,
  intent,
  type OpenPorts,
  type PortsUnderTest,
} from './open.js';

/** Registers the suite under `name`; `open` is called once for each test. */
export function describeDatabaseContract(name: string, open: OpenPorts): void {
  describe(`${name} keeps the contract of Database`, () => {
    const ports = freshPorts(open);
    oneTransaction(ports);
    sideBySide(ports);
    time(ports);
  });
}

function isThere({ database, barrier }: PortsUnderTest, row: StoredBarrierRow): Promise<boolean> {
  return database.transaction(async (tx) => (await barrier.find(tx, [row])).length === 1);
}

function oneTransaction(ports: () => PortsUnderTest): void {
  test('a transaction answers what its work answered, and its writes are there', async () => {
    const { database, barrier } = ports();
    const row = barrierRow();
    const answer = await database.transaction(async (tx) => {
      await barrier.insert(tx, [row]);
      return 42;
    });
    expect(answer).toBe(42);
    expect(await isThere(ports(), row)).toBe(true);
  });

  test('S44: work that throws leaves nothing behind, and its own error comes out', async () => {
    const { database, barrier, outbox } = ports();
    const row = barrierRow();
    const error = new Error('the handler broke');
    const failing = database.transaction(async (tx) => {
      await outbox.append(tx, [], 'process-1');
      await barrier.insert(tx, [row]);
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    expect(await isThere(ports(), row)).toBe(false);
  });

  test('work that swallows the error of a statement still commits nothing', async () => {
    const { database, barrier } = ports();
    const taken = barrierRow();
    const other = barrierRow();
    await database.transaction((tx) => barrier.insert(tx, [taken]));
    const swallowing = database.transaction(async (tx) => {
      await barrier.insert(tx, [other]);
      await barrier.insert(tx, [taken]).catch(() => undefined);
    });
    expect(await faultOf(swallowing)).not.toBe('none');
    expect(await isThere(ports(), other)).toBe(false);
  });
}

function sideBySide(ports: () => PortsUnderTest): void {
  test('what one transaction has not committed, no other sees; once committed, even an open one does', async () => {
    const { database, barrier } = ports();
    const row = barrierRow();
    const looked = gate();
    const committed = gate();
    const reader = database.transaction(async (tx) => {
      const before = await barrier.find(tx, [row]);
      looked.open();
      await committed.passed;
      return { before: before.length, after: (await barrier.find(tx, [row])).length };
    });
    await database.transaction(async (tx) => {
      await barrier.insert(tx, [row]);
      await looked.passed;
    });
    committed.open();
    expect(await reader).toEqual({ before: 0, after: 1 });
  });

  test('transactions that touch different rows all commit, however many run at once', async () => {
    const { database, barrier } = ports();
    const rows = Array.from({ length: 20 }, () => barrierRow());
    await Promise.all(rows.map((row) => database.transaction((tx) => barrier.insert(tx, [row]))));
    const found = await database.transaction((tx) => barrier.find(tx, rows));
    expect(found).toHaveLength(20);
  });

  test('R2: of two transactions that wait for each other one fails with SERIALIZATION_CONFLICT, the other commits', async () => {
    const { database, intents } = ports();
    const left = intent(database.now() + 60_000);
    const right = intent(database.now() + 60_000);
    await database.transaction((tx) => intents.insert(tx, [left, right]));
    const locked = [gate(), gate()] as const;
    const crossing = async (tx: Tx, own: 0 | 1): Promise<void> => {
      await intents.lock(tx, [own === 0 ? left : right]);
      locked[own].open();
      await locked[own === 0 ? 1 : 0].passed;
      await intents.lock(tx, [own === 0 ? right : left]);
    };
    const both = [
      database.transaction((tx) => crossing(tx, 0)),
      database.transaction((tx) => crossing(tx, 1)),
    ];
    const outcomes = await Promise.all(both.map(faultOf));
    expect(outcomes.toSorted()).toEqual(['SERIALIZATION_CONFLICT', 'none']);
  });
}

function time(ports: () => PortsUnderTest): void {
  test('R15: the clocks of the database and of the journal tell ms, agree, and never go back', async () => {
    const { database, journal } = ports();
    const before = database.now();
    await database.transaction(async () => undefined);
    const after = database.now();
    expect(Number.isFinite(before)).toBe(true);
    expect(after).toBeGreaterThanOrEqual(before);
    expect(Math.abs(journal.now() - after)).toBeLessThan(1_000);
  });
}
