/**
 * The contract of accepted starts: one key begins one transaction, with its message, and it begins whatever becomes of
 * the message. The owner that begins it is played by commits.
 */
import { expect, test } from '@jest/globals';
import type { AcceptedStart } from '@sagamore/runtime';
import { commit, record, take } from './journal-fixtures.js';
import { fact, nextId, type PortsUnderTest } from './open.js';

/** Registers the tests of `accept` and its looks in the surrounding `describe`. */
export function describeStarts(ports: () => PortsUnderTest): void {
  accepting(ports);
  beginning(ports);
}

const look = { olderThanMs: 0, limit: 10 };

/** A start as it comes in, for shard 1 unless told otherwise. */
export function startOf(overrides: Partial<AcceptedStart> = {}): AcceptedStart {
  const transactionId = nextId();
  const message = fact(transactionId, `${transactionId}/start`);
  const asked = { definition: 'book-trip', shard: 1, input: { seats: 2 }, requestHash: 'h-1', message };
  return { transactionId, ...asked, actor: 'ada', key: 'k-1', owner: 'process-1', ...overrides };
}

function accepting(ports: () => PortsUnderTest): void {
  test('R13: an accepted start leaves its message, claimed for the caller', async () => {
    const start = startOf();
    const { transactionId, requestHash, message } = start;
    expect(await ports().journal.accept(start)).toEqual({
      transactionId,
      requestHash,
      rows: [{ id: expect.any(String), message }],
    });
    const { definition, shard, input } = start;
    const known = { transactionId, definition, shard, input, acceptedAt: expect.any(Number) };
    expect(await ports().journal.accepted(transactionId)).toEqual(known);
    expect(await ports().journal.accepted(nextId())).toBeUndefined();
  });

  test('S42, S43: of starts with one key at the same moment one is new, and all learn which', async () => {
    const starts = Array.from({ length: 8 }, (_, index) => startOf({ requestHash: `h-${index}` }));
    const receipts = await Promise.all(starts.map((start) => ports().journal.accept(start)));
    expect(new Set(receipts.map(({ transactionId }) => transactionId)).size).toBe(1);
    expect(new Set(receipts.map(({ requestHash }) => requestHash)).size).toBe(1);
    expect(receipts.flatMap(({ rows }) => rows)).toHaveLength(1);
  });

  test('R29: keys of different callers are different keys', async () => {
    const [one, other] = [startOf(), startOf({ actor: 'bea' })];
    await ports().journal.accept(one);
    expect(await ports().journal.accept(other)).toMatchObject({ transactionId: other.transactionId });
  });
}

function beginning(ports: () => PortsUnderTest): void {
  test('R17: a start is unbegun until its transaction is there, whatever became of its message', async () => {
    const { transactionId, definition, shard, input, ...start } = startOf();
    const unbegun = { transactionId, definition, shard, input, tenant: 'crowd', priority: 9 };
    const { rows } = await ports().journal.accept({ ...unbegun, ...start });
    await ports().outbox.remove(rows.map(({ id }) => id));
    expect(await ports().journal.unbegunStarts([1], look)).toEqual([unbegun]);
    expect(await ports().journal.unbegunStarts([2], look)).toEqual([]);
    expect(await ports().journal.unbegunStarts([1], { ...look, olderThanMs: 60_000 })).toEqual([]);
    const epoch = await take(ports(), 1);
    await commit(ports(), [[1, epoch]], { starts: [record(1, { transactionId })] });
    expect(await ports().journal.unbegunStarts([1], look)).toEqual([]);
    expect(await ports().journal.accepted(transactionId)).toEqual({
      transactionId,
      definition,
      shard,
      acceptedAt: expect.any(Number),
    });
    expect(await ports().journal.accept({ ...unbegun, ...start })).toMatchObject({ transactionId, rows: [] });
  });
}
