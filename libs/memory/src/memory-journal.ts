/**
 * The orchestrator's memory, in one process: transactions, their events, shards and their epochs, operators' wishes.
 * Every write of a shard passes its lock, so that who has taken it sees all that came before (R10, R11).
 */
import type { TransactionId } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import {
  Journal,
  type AcceptedReceipt,
  type AcceptedStart,
  type DuePlace,
  type Epoch,
  type JournalBatch,
  type JournalReceipt,
  type KnownStart,
  type LateRepliesToKeep,
  type Outbox,
  type Shard,
  type StoredLock,
  type StoredLateReply,
  type StoredTransaction,
  type TransactionQuery,
  type UnbegunStart,
  type UnheardWish,
  type Wanted,
  type Wish,
  type WishReceipt,
} from '@sagamore/runtime';
import { listed, stored, tablesOf, type TransactionRow } from './journal-tables.js';
import { listLocks, locksAround, writeLocks } from './lock-rows.js';
import type { MemoryDatabase } from './memory-database.js';
import { keepLate, writeEntries, writeStarts, writeStatuses } from './journal-writes.js';
import { hear, MemoryWishes, type Look } from './memory-wishes.js';

/** `Journal` over a `MemoryDatabase`; facts and wishes go through the given outbox of the same database. */
export class MemoryJournal extends Journal {
  private readonly wishes: MemoryWishes;

  constructor(
    private readonly database: MemoryDatabase,
    private readonly outbox: Outbox,
  ) {
    super();
    this.wishes = new MemoryWishes(database, outbox);
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
      await hear(
        tables,
        (batch.heard ?? []).filter((wish) => !isFenced(wish)),
      );
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

  override countParked(shards: readonly Shard[]): Promise<ReadonlyMap<string, number>> {
    return this.database.transaction(async (tx) => {
      const rows = tablesOf(tx).transactions.scan();
      const parked = rows.flatMap(([, row]) =>
        row.phase === 'parked' && shards.includes(row.shard) ? [row.definition] : [],
      );
      return new Map([...Map.groupBy(parked, (name) => name)].map(([name, found]) => [name, found.length]));
    });
  }

  override wish(wish: Wish): Promise<WishReceipt> {
    return this.wishes.wish(wish);
  }

  override wished(id: TransactionId, slot: string): Promise<Wanted | undefined> {
    return this.wishes.wished(id, slot);
  }

  override unheardWishes(shards: readonly Shard[], query: Look): Promise<readonly UnheardWish[]> {
    return this.wishes.unheard(shards, query);
  }

  override wishesFor(ids: readonly TransactionId[]): Promise<readonly UnheardWish[]> {
    return this.wishes.wishesFor(ids);
  }

  override accept(start: AcceptedStart): Promise<AcceptedReceipt> {
    return this.wishes.accept(start);
  }

  override unbegunStarts(shards: readonly Shard[], query: Look): Promise<readonly UnbegunStart[]> {
    return this.wishes.unbegun(shards, query);
  }

  override accepted(id: TransactionId): Promise<KnownStart | undefined> {
    return this.wishes.accepted(id);
  }

  override locksAround(keys: readonly string[]): Promise<readonly StoredLock[]> {
    return this.database.transaction(async (tx) => locksAround(tx, keys));
  }

  override listLocks(page: { keysMax: number; after?: string }): Promise<readonly StoredLock[]> {
    return this.database.transaction(async (tx) => listLocks(tx, page));
  }

  override keepLate(late: LateRepliesToKeep): Promise<readonly StoredLateReply[]> {
    return this.database.transaction((tx) => keepLate(tablesOf(tx), late));
  }

  override lateReplies(transactionId: TransactionId): Promise<readonly StoredLateReply[]> {
    return this.database.transaction(async (tx) => {
      const rows = tablesOf(tx)
        .lateReplies.group(transactionId)
        .map(([, row]) => row);
      return rows.toSorted((left, right) => left.at - right.at);
    });
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
