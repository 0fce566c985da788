/**
 * Goal: what the simulator and the stores in memory lean on beyond the common contract: tables, locks, crash points.
 * Method: small transactions of one or two clients over one store; a promise that never settles is told from one that
 * does by a turn of the event loop.
 */
import { describe, expect, test } from '@jest/globals';
import { Fault } from '@sagamore/resilience';
import type { Tx } from '@sagamore/runtime';
import { ManualClock } from './manual-clock.js';
import { commitUnknown, MemoryDatabase, MemoryStore, type CommitHooks } from './memory-database.js';
import { memoryTx, type TableView } from './memory-tx.js';

const stock = (tx: Tx): TableView<number> => memoryTx(tx).table<number>('stock');

function client(store: MemoryStore, onCommit: CommitHooks = {}): MemoryDatabase {
  return new MemoryDatabase({ clock: new ManualClock(), store, onCommit });
}

const put = (database: MemoryDatabase, key: string, row: number) =>
  database.transaction((tx) => stock(tx).put(key, row));

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => void (settled = true);
  promise.then(settle, settle);
  await new Promise(setImmediate);
  return settled;
}

describe('a table seen by a transaction', () => {
  test('shows its own writes over what is committed, deletions included', async () => {
    const database = client(new MemoryStore());
    await put(database, 'tea', 1);
    await put(database, 'salt', 2);
    const seen = await database.transaction(async (tx) => {
      await stock(tx).put('tea', 10);
      await stock(tx).delete('salt');
      await stock(tx).insert('milk', 3);
      return { rows: stock(tx).scan(), salt: stock(tx).get('salt') };
    });
    expect(seen).toEqual({
      rows: [
        ['tea', 10],
        ['milk', 3],
      ],
      salt: undefined,
    });
    expect(database.store.committed('stock')).toEqual([
      ['tea', 10],
      ['milk', 3],
    ]);
  });

  test('finds rows by what stands before the # of their keys, committed and own', async () => {
    const database = client(new MemoryStore());
    await put(database, 'tea#1', 1);
    await put(database, 'salt#1', 2);
    const found = await database.transaction(async (tx) => {
      await stock(tx).put('tea#2', 3);
      return stock(tx).group('tea');
    });
    expect(found).toEqual([
      ['tea#1', 1],
      ['tea#2', 3],
    ]);
  });

  test('is told among those of its store as long as it holds a row', async () => {
    const store = new MemoryStore();
    const database = client(store);
    await put(database, 'a', 1);
    store.table('empty');
    expect(store.filled).toEqual(['stock']);
    await database.transaction((tx) => stock(tx).delete('a'));
    expect(store.filled).toEqual([]);
  });

  test('an insert of a row that exists fails the transaction with DATA_REJECTED', async () => {
    const database = client(new MemoryStore());
    await put(database, 'tea', 1);
    const failing = database.transaction((tx) => stock(tx).insert('tea', 2));
    await expect(failing).rejects.toMatchObject({ code: 'DATA_REJECTED', retryable: false });
  });

  test('a row may be inserted again by the transaction that deleted it', async () => {
    const database = client(new MemoryStore());
    await put(database, 'tea', 1);
    await database.transaction(async (tx) => {
      await stock(tx).delete('tea');
      await stock(tx).insert('tea', 2);
    });
    expect(database.store.committed('stock')).toEqual([['tea', 2]]);
  });
});

describe('a lock', () => {
  test('makes read and write one step: no update is lost among many at once', async () => {
    const database = client(new MemoryStore());
    await put(database, 'tea', 0);
    const add = (tx: Tx) =>
      stock(tx)
        .lock('tea')
        .then((row) => stock(tx).put('tea', row! + 1));
    await Promise.all(Array.from({ length: 50 }, () => database.transaction(add)));
    expect(database.store.committed('stock')).toEqual([['tea', 50]]);
  });

  test('may be asked for several times at once by one transaction, which never waits for itself', async () => {
    const database = client(new MemoryStore());
    const first = database.transaction(async (tx) => {
      await stock(tx).put('tea', 1);
      await new Promise(setImmediate);
    });
    const twice = database.transaction((tx) => Promise.all([stock(tx).lock('tea'), stock(tx).lock('tea')]));
    await first;
    expect(await twice).toEqual([1, 1]);
  });

  test('that would have to wait is refused at once when only tried', async () => {
    const database = client(new MemoryStore());
    await database.transaction(async (tx) => {
      await stock(tx).lock('tea');
      expect(stock(tx).tryLock('tea')).toBe(true);
      expect(await database.transaction(async (other) => stock(other).tryLock('tea'))).toBe(false);
    });
    expect(await database.transaction(async (tx) => stock(tx).tryLock('tea'))).toBe(true);
  });

  test('R2: in a circle of three the youngest transaction fails, and the others commit', async () => {
    const database = client(new MemoryStore());
    const started: PromiseWithResolvers<void>[] = [1, 2, 3].map(() => Promise.withResolvers<void>());
    const run = (own: number) =>
      database.transaction(async (tx) => {
        await stock(tx).lock(`key-${own}`);
        started[own]!.resolve();
        await Promise.all(started.map((each) => each.promise));
        await stock(tx).lock(`key-${(own + 1) % 3}`);
        return own;
      });
    const outcomes = await Promise.allSettled([run(0), run(1), run(2)]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(outcomes[2]).toMatchObject({ reason: { code: 'SERIALIZATION_CONFLICT', retryable: true } });
  });
});

describe('a crash point', () => {
  test('before the commit leaves nothing, and the caller sees what broke', async () => {
    const error = new Fault('DATABASE_UNAVAILABLE', 'gone', { retryable: true });
    const database = client(new MemoryStore(), { before: () => Promise.reject(error) });
    await expect(put(database, 'tea', 1)).rejects.toBe(error);
    expect(database.store.committed('stock')).toEqual([]);
    expect(await isSettled(put(database, 'tea', 1))).toBe(true);
  });

  test('R12: after the commit leaves all, and the caller does not know', async () => {
    const database = client(new MemoryStore(), {
      after: () => {
        throw commitUnknown();
      },
    });
    await expect(put(database, 'tea', 1)).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' });
    expect(database.store.committed('stock')).toEqual([['tea', 1]]);
  });

  test('is not passed by a transaction that only reads', async () => {
    const database = client(new MemoryStore(), { before: () => Promise.reject(new Error('a crash')) });
    expect(await database.transaction(async (tx) => stock(tx).get('tea'))).toBeUndefined();
  });
});

describe('a process that crashes', () => {
  test('takes its open transaction with it and frees its locks; its own calls never settle', async () => {
    const store = new MemoryStore();
    const [dying, living] = [client(store), client(store)];
    const { promise: never } = Promise.withResolvers<void>();
    const lost = dying.transaction(async (tx) => {
      await stock(tx).put('tea', 1);
      await never;
    });
    const waiting = put(living, 'tea', 2);
    expect(await isSettled(waiting)).toBe(false);
    dying.crash();
    await waiting;
    expect(store.committed('stock')).toEqual([['tea', 2]]);
    expect(await isSettled(lost)).toBe(false);
    expect(await isSettled(put(dying, 'tea', 3))).toBe(false);
    expect(store.committed('stock')).toEqual([['tea', 2]]);
  });

  test('while it waits for the commit writes nothing, even when the wait ends later', async () => {
    const store = new MemoryStore();
    const commit = Promise.withResolvers<void>();
    const dying = client(store, { before: () => commit.promise });
    const lost = put(dying, 'tea', 1);
    await new Promise(setImmediate);
    dying.crash();
    commit.resolve();
    expect(await isSettled(lost)).toBe(false);
    expect(store.committed('stock')).toEqual([]);
  });

  test('leaves the queue of a lock it waited for', async () => {
    const store = new MemoryStore();
    const [dying, living] = [client(store), client(store)];
    const hold = Promise.withResolvers<void>();
    const holding = living.transaction(async (tx) => {
      await stock(tx).put('tea', 1);
      await hold.promise;
    });
    const lost = put(dying, 'tea', 2);
    const next = put(living, 'tea', 3);
    await new Promise(setImmediate);
    dying.crash();
    hold.resolve();
    await Promise.all([holding, next]);
    expect(await isSettled(lost)).toBe(false);
    expect(store.committed('stock')).toEqual([['tea', 3]]);
  });
});
