/**
 * The orchestrator's memory, in one process: transactions, their events, shards and their epochs, operators' wishes.
 * Every write of a shard passes its lock, so that who has taken it sees all that came before (R10, R11).
 */
import type { TransactionId } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import {
  Journal,
  type DuePlace,
  type Epoch,
  type JournalBatch,
  type JournalReceipt,
  type OperatorWish,
  type Outbox,
  type OutboxRow,
  type Shard,
  type StoredLock,
  type StoredTransaction,
  type TransactionQuery,
  type UnheardWish,
} from '@sagamore/runtime';
import { auditTable, listed, stored, tablesOf, type TransactionRow } from './journal-tables.js';
import { listLocks, locksAround, writeLocks } from './lock-rows.js';
import type { MemoryDatabase } from './memory-database.js';
import { writeEntries, writeStarts, writeStatuses } from './journal-writes.js';
import { memoryTx } from './memory-tx.js';

/** `Journal` over a `MemoryDatabase`; facts and wishes go through the given outbox of the same database. */
export class MemoryJournal extends Journal {
  constructor(
    private readonly database: MemoryDatabase,
    private readonly outbox: Outbox,
  ) {
    super();
  }

  override take(shard: Shard, owner: string, shardCount: number): Promise<Epoch> {
    return this.database.transaction(async (tx) => {
      const { shards, counts } = tablesOf(tx);
      const count = await counts.lock('shards');
      if (count !== undefined && count !== shardCount) {
        throw new Fault('SHARD_COUNT_CHANGED', `wanted ${shardCount} shards, found ${count}`, {
          retryable: false,
        });
      }
      if (count === undefined) await counts.put('shards', shardCount);
      const epoch = ((await shards.lock(String(shard)))?.epoch ?? 0) + 1;
      await shards.put(String(shard), { owner, epoch });
      return epoch;
    });
  }

  override commit(
    epochs: ReadonlyMap<Shard, Epoch>,
    batch: JournalBatch,
    owner: string,
  ): Promise<JournalReceipt> {
    return this.database.transaction(async (tx) => {
      const tables = tablesOf(tx);
      const stale: Shard[] = [];
      for (const shard of shardsOf(epochs, batch)) {
        const epoch = (await tables.shards.lock(String(shard)))?.epoch;
        if (epoch === undefined || epoch !== epochs.get(shard)) stale.push(shard);
      }
      const isFenced = ({ shard }: { readonly shard: Shard }) => stale.includes(shard);
      const known = await writeStarts(
        tables,
        batch.starts.filter((start) => !isFenced(start)),
      );
      const counts = (each: { readonly shard: Shard; readonly transactionId: TransactionId }) =>
        !isFenced(each) && !known.includes(each.transactionId);
      await writeEntries(tables, batch.entries.filter(counts));
      await writeStatuses(tables, batch.statuses.filter(counts));
      const { taken = [], released = [] } = batch.locks ?? {};
      await writeLocks(tx, { taken: taken.filter(counts), released: released.filter(counts) });
      const isTold = ({ shard, message }: JournalBatch['facts'][number]) =>
        !isFenced({ shard }) && !known.includes(message.key);
      const messages = batch.facts.filter(isTold).map((fact) => fact.message);
      return { stale, known, facts: await this.outbox.append(tx, messages, owner) };
    });
  }

  override live(
    shard: Shard,
    { limit, after }: { limit: number; after?: TransactionId },
  ): Promise<readonly StoredTransaction[]> {
    return this.read(
      ({ shard: own, phase, dueAt, transactionId }) =>
        own === shard && phase === 'moving' && dueAt === undefined && (after ?? '') < transactionId,
      limit,
    );
  }

  override due(
    shards: readonly Shard[],
    { until, limit, after }: { until: number; limit: number; after?: DuePlace },
  ): Promise<readonly StoredTransaction[]> {
    return this.database.transaction(async (tx) => {
      const tables = tablesOf(tx);
      const due = tables.transactions.scan().flatMap(([, row]) => {
        const { dueAt, transactionId, shard } = row;
        if (dueAt === undefined || dueAt > until || !shards.includes(shard)) return [];
        const place = { dueAt, transactionId, row };
        return after === undefined || byDueTime(after, place) < 0 ? [place] : [];
      });
      const inOrder = due.toSorted(byDueTime).slice(0, limit);
      return inOrder.map(({ row }) => stored(tables, row));
    });
  }

  override load(ids: readonly TransactionId[]): Promise<readonly StoredTransaction[]> {
    return this.database.transaction(async (tx) => {
      const tables = tablesOf(tx);
      const rows = [...new Set(ids)].map((id) => tables.transactions.get(id));
      return rows.filter((row) => row !== undefined).map((row) => stored(tables, row));
    });
  }

  override list(query: TransactionQuery): Promise<readonly StoredTransaction[]> {
    return this.database.transaction(async (tx) => listed(tablesOf(tx), query));
  }

  override wish(wish: OperatorWish): Promise<readonly OutboxRow[] | false> {
    return this.database.transaction(async (tx) => {
      const { transactions, audits } = tablesOf(tx);
      const { transactionId, parkedAt, action, actor, reason } = wish;
      const row = await transactions.lock(transactionId);
      if (row?.phase !== 'parked' || row.updatedAt !== parkedAt || row.wished.includes(action)) return false;
      await transactions.put(transactionId, { ...row, wished: [...row.wished, action] });
      const at = this.now();
      const id = memoryTx(tx).next(auditTable);
      const before = { transactionId, parkedAt, status: row.status };
      await audits.insert(String(id), { ...before, action, actor, reason, at });
      return this.outbox.append(tx, [wish.message], wish.owner);
    });
  }

  override unheardWishes(
    shards: readonly Shard[],
    { olderThanMs, limit }: { olderThanMs: number; limit: number },
  ): Promise<readonly UnheardWish[]> {
    return this.database.transaction(async (tx) => {
      const { transactions, audits } = tablesOf(tx);
      const before = this.now() - olderThanMs;
      const old = audits.scan().filter(([, { at }]) => at <= before);
      const oldestFirst = old.toSorted(([left], [right]) => Number(left) - Number(right));
      const unheard = oldestFirst.flatMap(([, { transactionId, parkedAt, actor, reason }]) => {
        const row = transactions.get(transactionId);
        const isResting = row?.phase === 'parked' && row.updatedAt === parkedAt;
        if (!isResting || !shards.includes(row.shard)) return [];
        return [{ transactionId, shard: row.shard, parkedAt, actor, reason }];
      });
      return unheard.slice(0, limit);
    });
  }

  override locksAround(keys: readonly string[]): Promise<readonly StoredLock[]> {
    return this.database.transaction(async (tx) => locksAround(tx, keys));
  }

  override listLocks(page: { keysMax: number; after?: string }): Promise<readonly StoredLock[]> {
    return this.database.transaction(async (tx) => listLocks(tx, page));
  }

  override now(): number {
    return this.database.now();
  }

  private read(
    wanted: (row: TransactionRow) => boolean,
    limit: number,
  ): Promise<readonly StoredTransaction[]> {
    return this.database.transaction(async (tx) => {
      const tables = tablesOf(tx);
      const rows = tables.transactions.scan().flatMap(([, row]) => (wanted(row) ? [row] : []));
      const inOrder = rows.toSorted((left, right) => (left.transactionId < right.transactionId ? -1 : 1));
      return inOrder.slice(0, limit).map((row) => stored(tables, row));
    });
  }
}

function byDueTime(one: DuePlace, other: DuePlace): number {
  if (one.dueAt !== other.dueAt) return one.dueAt - other.dueAt;
  return Number(one.transactionId > other.transactionId) - Number(one.transactionId < other.transactionId);
}

/** Every shard the caller speaks for or writes to, in sorted order, so that two batches cannot wait in a circle. */
function shardsOf(epochs: ReadonlyMap<Shard, Epoch>, batch: JournalBatch): readonly Shard[] {
  const parts = [batch.starts, batch.entries, batch.statuses, batch.facts].flat();
  const shards = new Set([...epochs.keys(), ...parts.map((part) => part.shard)]);
  return [...shards].toSorted((left, right) => left - right);
}
