/**
 * The contract of the registry of semantic locks, which is part of `Journal`: claims come and go with the batch that led to
 * them, and get their places in the order of commits. Who holds what is judged by the engine's own rule.
 */
import { expect, test } from '@jest/globals';
import { deadlocksIn, judgeClaim, type LockPolicy, type TransactionId } from '@sagamore/engine';
import type { Epoch, LockTaking, Shard, TransactionRecord } from '@sagamore/runtime';
import { commit, record, take } from './journal-fixtures.js';
import type { PortsUnderTest } from './open.js';

/** Registers the tests of locks in the surrounding `describe`. */
export function describeLocks(ports: () => PortsUnderTest): void {
  queueing(ports);
  fencing(ports);
  reading(ports);
}

function claim(
  { transactionId, shard, startedAt }: TransactionRecord,
  key: string,
  overrides: Partial<LockTaking> = {},
): LockTaking {
  const branchId = `lock-${key}`;
  return { transactionId, shard, startedAt, key, branchId, policy: 'wait', canYield: true, ...overrides };
}

/** Begins a transaction that claims `keys`. */
async function begin(
  ports: PortsUnderTest,
  [shard, epoch]: readonly [Shard, Epoch],
  keys: readonly string[],
  policy: LockPolicy = 'wait',
): Promise<TransactionRecord> {
  const start = record(shard);
  const taken = keys.map((key) => claim(start, key, { policy }));
  await commit(ports, [[shard, epoch]], { starts: [start], locks: { taken, released: [] } });
  return start;
}

async function end(
  ports: PortsUnderTest,
  epoch: Epoch,
  { transactionId, shard }: TransactionRecord,
  keys: readonly string[],
): Promise<void> {
  const statuses = [{ transactionId, shard, status: 'completed', phase: 'final', at: 9_000 } as const];
  const released = keys.map((key) => ({ transactionId, shard, key, branchId: `lock-${key}` }));
  await commit(ports, [[shard, epoch]], { statuses, locks: { taken: [], released } });
}

async function holdersOf(ports: PortsUnderTest, key: string): Promise<readonly TransactionId[]> {
  const rows = await ports.journal.locksAround([key]);
  const held = rows.filter((row) => row.key === key && judgeClaim(row, rows)?.outcome === 'granted');
  return held.map(({ transactionId }) => transactionId);
}

function queueing(ports: () => PortsUnderTest): void {
  test('S101: the first to commit holds a key, and the next one once it has come to its end', async () => {
    const epoch = await take(ports(), 1);
    const first = await begin(ports(), [1, epoch], ['order/7']);
    const second = await begin(ports(), [1, epoch], ['order/7']);
    expect(await holdersOf(ports(), 'order/7')).toEqual([first.transactionId]);
    await end(ports(), epoch, first, ['order/7']);
    expect(await holdersOf(ports(), 'order/7')).toEqual([second.transactionId]);
  });

  test('S101: a new owner finds every claim as the old one left it', async () => {
    const first = await begin(ports(), [1, await take(ports(), 1)], ['order/7']);
    await take(ports(), 1, 'process-2');
    expect(await holdersOf(ports(), 'order/7')).toEqual([first.transactionId]);
  });

  test('S101: of many who claim one key on two shards at once one holds it, and whoever holds keeps holding', async () => {
    const owned = [[1, await take(ports(), 1)] as const, [2, await take(ports(), 2)] as const];
    const seen = new Set<TransactionId>();
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        await begin(ports(), owned[index % 2]!, ['order/7']);
        // Each looks as soon as its own claim is committed, as an owner does.
        for (const holder of await holdersOf(ports(), 'order/7')) seen.add(holder);
      }),
    );
    expect(await ports().journal.locksAround(['order/7'])).toHaveLength(20);
    expect([...seen]).toEqual(await holdersOf(ports(), 'order/7'));
  });

  test('batches that claim the same keys in other orders do not wait for each other in a circle', async () => {
    const owned = [[1, await take(ports(), 1)] as const, [2, await take(ports(), 2)] as const];
    const keys = Array.from({ length: 12 }, (_, index) => `order/${index}`);
    const rounds = Array.from({ length: 10 }, (_, index) =>
      begin(ports(), owned[index % 2]!, index % 2 === 0 ? keys : keys.toReversed()),
    );
    await Promise.all(rounds);
    expect(await ports().journal.locksAround(['order/3'])).toHaveLength(120);
  });
}

function fencing(ports: () => PortsUnderTest): void {
  test('R10: a claim under a stale epoch is not written, and a stale owner gives nothing up', async () => {
    const old = await take(ports(), 1);
    const first = await begin(ports(), [1, old], ['order/7']);
    await take(ports(), 1, 'process-2');
    await begin(ports(), [1, old], ['order/8']);
    await end(ports(), old, first, ['order/7']);
    expect(await ports().journal.locksAround(['order/8'])).toEqual([]);
    expect(await holdersOf(ports(), 'order/7')).toEqual([first.transactionId]);
  });

  test('R16: a repeated start claims nothing a second time', async () => {
    const epoch = await take(ports(), 1);
    const first = await begin(ports(), [1, epoch], ['order/7']);
    const locks = { taken: [claim(first, 'order/9')], released: [] };
    await commit(ports(), [[1, epoch]], { starts: [first], locks });
    expect(await ports().journal.locksAround(['order/9'])).toEqual([]);
  });
}

function reading(ports: () => PortsUnderTest): void {
  test('a claim is read as it was written', async () => {
    const epoch = await take(ports(), 1);
    const first = await begin(ports(), [1, epoch], ['order/7'], 'commutative');
    const [row] = await ports().journal.locksAround(['order/7']);
    const { claimedAt, place, ...rest } = row!;
    expect(rest).toEqual(claim(first, 'order/7', { policy: 'commutative' }));
    expect([Number.isFinite(claimedAt), place > 0]).toEqual([true, true]);
  });

  test('S102: what is around a key is all that a circle through it is made of, and nothing else', async () => {
    const [one, two] = [await take(ports(), 1), await take(ports(), 2)];
    const a = await begin(ports(), [1, one], ['x']);
    const b = await begin(ports(), [2, two], ['y']);
    await begin(ports(), [1, one], ['elsewhere']);
    await commit(ports(), [[1, one]], { locks: { taken: [claim(a, 'y')], released: [] } });
    await commit(ports(), [[2, two]], { locks: { taken: [claim(b, 'x')], released: [] } });
    const rows = await ports().journal.locksAround(['x']);
    expect(rows.map(({ key }) => key)).toEqual(['x', 'x', 'y', 'y']);
    expect(deadlocksIn(rows).victims.map(({ row }) => row.transactionId)).toEqual([b.transactionId]);
  });

  test('S102: who is parked is not said to be able to give way', async () => {
    const epoch = await take(ports(), 1);
    const { transactionId } = await begin(ports(), [1, epoch], ['x']);
    const parked = { transactionId, shard: 1, status: 'parked', phase: 'parked', at: 6_000 } as const;
    await commit(ports(), [[1, epoch]], { statuses: [parked] });
    expect(await ports().journal.locksAround(['x'])).toMatchObject([{ transactionId, canYield: false }]);
  });

  test('locks are listed by key, whole queues at a time', async () => {
    const epoch = await take(ports(), 1);
    for (const key of ['b', 'C', 'a', 'a']) await begin(ports(), [1, epoch], [key]);
    const keysOf = async (page: { keysMax: number; after?: string }) =>
      (await ports().journal.listLocks(page)).map(({ key }) => key);
    expect(await keysOf({ keysMax: 2 })).toEqual(['C', 'a', 'a']);
    expect(await keysOf({ keysMax: 2, after: 'a' })).toEqual(['b']);
    expect(await keysOf({ keysMax: 2, after: 'b' })).toEqual([]);
  });
}
