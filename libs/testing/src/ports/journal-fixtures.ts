/**
 * What the three halves of the journal's contract have in common: records, entries, and short forms of its calls.
 * It holds no test, and must never hide what a test is about.
 */
import type {
  Epoch,
  JournalBatch,
  JournalEntry,
  JournalReceipt,
  Shard,
  TransactionRecord,
} from '@sagamore/runtime';
import { nextId, type PortsUnderTest } from './open.js';

/** The count of shards of every store under test. */
export const shardCount = 12;

/** The row of a transaction that begins now, on `shard`. */
export function record(shard: Shard, overrides: Partial<TransactionRecord> = {}): TransactionRecord {
  const input = { orderId: 'o-1', lines: [{ sku: 'tea', quantity: 2 }] };
  return {
    transactionId: nextId(),
    definition: 'place-order',
    version: 3,
    shard,
    input,
    startedAt: 5_000,
    ...overrides,
  };
}

/** The entry `seq` of a transaction: a reply to its branch of that number. */
export function entry({ transactionId, shard }: TransactionRecord, seq: number): JournalEntry {
  const reply = { outcome: 'succeeded', output: { seq } } as const;
  const branchId = `branch-${seq}`;
  const event = {
    type: 'replied',
    at: 5_000 + seq,
    branchId,
    operation: 'action',
    generation: 0,
    reply,
  } as const;
  return { transactionId, shard, seq, event };
}

function batch(parts: Partial<JournalBatch>): JournalBatch {
  return { starts: [], entries: [], statuses: [], facts: [], ...parts };
}

/** Takes `shard` and answers its epoch. */
export function take({ journal }: PortsUnderTest, shard: Shard, owner = 'process-1'): Promise<Epoch> {
  return journal.take(shard, owner, shardCount);
}

/** Commits a batch of which only `parts` is not empty. */
export function commit(
  { journal }: PortsUnderTest,
  epochs: readonly (readonly [Shard, Epoch])[],
  parts: Partial<JournalBatch>,
): Promise<JournalReceipt> {
  return journal.commit(new Map(epochs), batch(parts), 'process-1');
}
