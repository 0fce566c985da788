/**
 * The journal's tables in one process, and how a transaction is put together again from its rows.
 * Reading only: whatever changes a row passes through `MemoryJournal`, under the lock of its shard.
 */
import assert from 'node:assert/strict';
import type { Phase, RestReason, TransactionEvent, TransactionId } from '@sagamore/engine';
import type {
  Epoch,
  StoredLateReply,
  StoredTransaction,
  TransactionQuery,
  TransactionRecord,
  Tx,
  UnheardWish,
} from '@sagamore/runtime';
import { memoryTx, type TableView } from './memory-tx.js';

/** The row of a transaction. */
export interface TransactionRow extends TransactionRecord {
  readonly status: string;
  readonly phase: Phase;
  readonly reason?: RestReason;
  readonly output?: unknown;
  readonly updatedAt: number;
  /** Until when it is out of its owner's memory. */
  readonly dueAt?: number;
}

/** One line of a transaction's story. */
export interface JournalRow {
  readonly seq: number;
  readonly event: TransactionEvent;
}

/** Who holds a shard, and under which epoch. */
export interface ShardRow {
  readonly owner: string;
  readonly epoch: Epoch;
}

/** What somebody wanted, kept for audit (I41). `status`: where the transaction stood. */
export interface AuditRow extends Omit<UnheardWish, 'wishId'> {
  readonly slot: string;
  readonly status: string;
  readonly isHeard: boolean;
}

/** What is remembered of a transaction that was removed, or is about to be. */
export interface TombstoneRow {
  readonly transactionId: TransactionId;
  readonly status: string;
  readonly plantedAt: number;
}

/** The table of audit rows, and the sequence of their keys. */
export const auditTable = 'audit';

export interface JournalTables {
  readonly counts: TableView<number>;
  readonly shards: TableView<ShardRow>;
  readonly transactions: TableView<TransactionRow>;
  readonly entries: TableView<JournalRow>;
  readonly audits: TableView<AuditRow>;
  readonly tombstones: TableView<TombstoneRow>;
  /** One row: below it no transaction begins. */
  readonly horizon: TableView<TransactionId>;
  readonly lateReplies: TableView<StoredLateReply>;
}

/** The journal's tables as `tx` sees them. */
export function tablesOf(tx: Tx): JournalTables {
  const own = memoryTx(tx);
  return {
    counts: own.table('count'),
    shards: own.table('shard'),
    transactions: own.table('transaction'),
    entries: own.table('journal'),
    audits: own.table(auditTable),
    tombstones: own.table('tombstone'),
    horizon: own.table('horizon'),
    lateReplies: own.table('late-reply'),
  };
}

/** The transaction with all its events in order. */
export function stored({ entries }: JournalTables, row: TransactionRow): StoredTransaction {
  const rows = entries.group(row.transactionId).map(([, entry]) => entry);
  const events = rows.toSorted((left, right) => left.seq - right.seq).map((entry) => entry.event);
  return withEvents(row, events);
}

/** What a query asks for, newest first, without events. */
export function listed(
  { transactions }: JournalTables,
  query: TransactionQuery,
): readonly StoredTransaction[] {
  assert(query.limit >= 1 && query.limit <= 500, `a list holds 1 to 500 rows, found ${query.limit}`);
  const rows = transactions.scan().flatMap(([, row]) => (isWanted(row, query) ? [row] : []));
  const newestFirst = rows.toSorted((left, right) => (left.transactionId > right.transactionId ? -1 : 1));
  return newestFirst.slice(0, query.limit).map((row) => withEvents(row, []));
}

function isWanted(row: TransactionRow, { status, phase, definition, before }: TransactionQuery): boolean {
  return (
    (status === undefined || row.status === status) &&
    (phase === undefined || row.phase === phase) &&
    (definition === undefined || row.definition === definition) &&
    (before === undefined || row.transactionId < before)
  );
}

function withEvents(row: TransactionRow, events: readonly TransactionEvent[]): StoredTransaction {
  return { ...row, events };
}
