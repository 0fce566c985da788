/**
 * The contract of the ledger of late replies: kept once, bounded, and by nobody who was replaced.
 * What a late reply means is the protocols' affair; nothing here judges it.
 */
import { expect, test } from '@jest/globals';
import type { StoredLateReply } from '@sagamore/runtime';
import { shardCount, take } from './journal-fixtures.js';
import { nextId, type PortsUnderTest } from './open.js';

function late(overrides: Partial<StoredLateReply> = {}): StoredLateReply {
  return {
    transactionId: nextId(),
    branchId: 'reserve-inventory',
    operation: 'action',
    generation: 1,
    outcome: 'succeeded',
    meaning: 'covered',
    at: 6_000,
    ...overrides,
  };
}

const bounds = { ofTransactionMax: 3, ofNobodyMax: 2 };

/** Registers the tests. */
export function describeLateReplies(ports: () => PortsUnderTest): void {
  const keepOn = async (shard: number, epoch: number, replies: readonly StoredLateReply[]) => {
    const there = replies.map((reply) => ({ ...reply, shard }));
    return ports().journal.keepLate({ epochs: new Map([[1, epoch]]), replies: there, ...bounds });
  };
  const keep = (epoch: number, ...replies: readonly StoredLateReply[]) => keepOn(1, epoch, replies);
  const of = (transactionId: string) => ports().journal.lateReplies(transactionId);

  test('S17: a late reply is kept as it was told, and one transaction shows its own alone', async () => {
    const epoch = await take(ports(), 1);
    const [first, second] = [late(), late({ meaning: 'contradicts', outcome: 'refused' })];
    expect(await keep(epoch, first, second)).toEqual(expect.arrayContaining([first, second]));
    expect(await of(first.transactionId)).toEqual([first]);
    expect(await of(nextId())).toEqual([]);
  });

  test('S95: what is said again is not new, whenever and by whomever', async () => {
    const epoch = await take(ports(), 1);
    const first = late({ meaning: 'contradicts' });
    await keep(epoch, first);
    expect(await keep(epoch, { ...first, at: 9_000, meaning: 'covered' })).toEqual([]);
    const other = { ...first, outcome: 'refused', at: 9_000 } as const;
    expect(await keep(epoch, first, other)).toEqual([other]);
    expect(await of(first.transactionId)).toEqual([first, other]);
  });

  test('R10: what a stale epoch brings, or one of a shard that is not held, is dropped', async () => {
    const stale = await take(ports(), 1);
    const epoch = await take(ports(), 1, 'process-2');
    const [old, strange, fresh] = [late(), late(), late()];
    expect(await keep(stale, old)).toEqual([]);
    expect(await keepOn(shardCount - 1, epoch, [strange])).toEqual([]);
    expect(await keep(epoch, fresh)).toEqual([fresh]);
    expect(await of(old.transactionId)).toEqual([]);
  });

  test('B96: there is room for so many of one transaction, and for so many of transactions nobody knows', async () => {
    const epoch = await take(ports(), 1);
    const { transactionId } = late();
    for (let generation = 1; generation <= 5; generation++)
      await keep(epoch, late({ transactionId, generation }));
    expect(await of(transactionId)).toHaveLength(3);
    const strangers = Array.from({ length: 4 }, () => late({ meaning: 'unknown-transaction' }));
    const kept: unknown[] = [];
    for (const stranger of strangers) kept.push(...(await keep(epoch, stranger)));
    expect(kept).toHaveLength(2);
    expect(await keep(epoch, late())).toHaveLength(1);
  });
}
