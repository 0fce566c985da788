/**
 * The three writes of a journal batch in one process, given what fencing has left of it.
 * The caller holds the locks of all shards involved; nothing here looks at an epoch.
 */
import type { TransactionId } from '@sagamore/engine';
import type {
  LateRepliesToKeep,
  StoredLateReply,
  JournalEntry,
  TransactionRecord,
  TransactionStatus,
} from '@sagamore/runtime';
import type { JournalTables, TransactionRow } from './journal-tables.js';

/** Writes the rows of new transactions and answers those that existed already (R16), removed ones included (S45). */
export async function writeStarts(
  { transactions, tombstones, horizon }: JournalTables,
  starts: readonly TransactionRecord[],
): Promise<readonly TransactionId[]> {
  const known: TransactionId[] = [];
  for (const start of starts) {
    const { transactionId, startedAt } = start;
    const isPast =
      tombstones.get(transactionId) !== undefined || transactionId < (horizon.get('horizon') ?? '');
    if (isPast || transactions.get(transactionId) !== undefined) {
      known.push(transactionId);
      continue;
    }
    const standing = { status: 'begun', phase: 'moving', updatedAt: startedAt } as const;
    await transactions.insert(transactionId, { ...start, ...standing });
  }
  return known;
}

/** Writes events; a (transaction, seq) that exists fails the transaction with `DATA_REJECTED`. */
export async function writeEntries({ entries }: JournalTables, all: readonly JournalEntry[]): Promise<void> {
  for (const { transactionId, seq, event } of all) {
    await entries.insert(`${transactionId}#${seq}`, { seq, event });
  }
}

/** Moves transaction rows. */
export async function writeStatuses(
  { transactions }: JournalTables,
  statuses: readonly TransactionStatus[],
): Promise<void> {
  for (const { transactionId, status, phase, reason, output, at, dueAt } of statuses) {
    const row = await transactions.lock(transactionId);
    // What is final never changes again (I31).
    if (row === undefined || row.phase === 'final') continue;
    const { reason: _, output: __, dueAt: ___, ...rest } = row;
    const moved: TransactionRow = {
      ...rest,
      status,
      phase,
      ...(reason !== undefined && { reason }),
      ...(output !== undefined && { output }),
      ...(dueAt !== undefined && { dueAt }),
      updatedAt: at,
    };
    await transactions.put(transactionId, moved);
  }
}

/** Keeps what is new of the late replies, under the locks of their shards. */
export async function keepLate(
  { shards, lateReplies }: JournalTables,
  { epochs, replies, ofTransactionMax, ofNobodyMax }: LateRepliesToKeep,
): Promise<readonly StoredLateReply[]> {
  const kept: StoredLateReply[] = [];
  for (const { shard, ...late } of replies) {
    const { transactionId, branchId, operation, generation, outcome, meaning } = late;
    const epoch = (await shards.lock(String(shard)))?.epoch;
    const key = `${transactionId}#${branchId}/${operation}/${generation}/${outcome}`;
    const ofNobody = (): number => lateReplies.scan().filter(([, row]) => row.meaning === meaning).length;
    const isFull =
      lateReplies.group(transactionId).length >= ofTransactionMax ||
      (meaning === 'unknown-transaction' && ofNobody() >= ofNobodyMax);
    if (epoch === undefined || epoch !== epochs.get(shard) || isFull || lateReplies.get(key) !== undefined)
      continue;
    await lateReplies.insert(key, late);
    kept.push(late);
  }
  return kept;
}
