/**
 * What people want of transactions, in one process: saved under the lock of the transaction's row, as the look is made that
 * precedes the end of a wait, so that which came first is one order for everybody (S34). It judges nothing.
 */
import type { TransactionId } from '@sagamore/engine';
import { precedenceOf } from '@sagamore/runtime';
import type {
  AcceptedReceipt,
  AcceptedStart,
  KnownStart,
  Outbox,
  Shard,
  Tx,
  UnbegunStart,
  UnheardWish,
  Wanted,
  Wish,
  WishReceipt,
} from '@sagamore/runtime';
import {
  auditTable,
  tablesOf,
  type AuditRow,
  type JournalTables,
  type TransactionRow,
} from './journal-tables.js';
import type { MemoryDatabase } from './memory-database.js';
import { memoryTx, type TableView } from './memory-tx.js';

/** Which of what nobody heard is looked for. */
export interface Look {
  readonly olderThanMs: number;
  readonly limit: number;
}

interface StartRow extends Omit<AcceptedStart, 'message' | 'owner'> {
  readonly at: number;
}

/** The part of `Journal` that is about wishes and starts. */
export class MemoryWishes {
  constructor(
    private readonly database: MemoryDatabase,
    private readonly outbox: Outbox,
  ) {}

  wish(wish: Wish): Promise<WishReceipt> {
    return this.database.transaction(async (tx) => {
      const tables = tablesOf(tx);
      const { transactionId, wanted, slot, version, actor, reason } = wish;
      const row = await tables.transactions.lock(transactionId);
      const earlier = earlierThan(tables, wish);
      if (earlier !== undefined) return { outcome: 'repeated', wanted: earlier.wanted };
      const seen = tables.entries.group(transactionId).length;
      const subject = row === undefined ? unbegunIn(tx, transactionId) : openRow(row);
      if (subject === undefined || seen !== version) return { outcome: 'stale' };
      const at = this.database.now();
      const audit = { transactionId, slot, wanted, actor, reason, at, isHeard: false, ...subject };
      await tables.audits.insert(String(memoryTx(tx).next(auditTable)), audit);
      return { outcome: 'taken', at, rows: await this.outbox.append(tx, [wish.message], wish.owner) };
    });
  }

  wished(id: TransactionId, slot: string): Promise<Wanted | undefined> {
    return this.database.transaction(async (tx) => inSlot(tablesOf(tx), id, slot).at(-1)?.wanted);
  }

  unheard(shards: readonly Shard[], { olderThanMs, limit }: Look): Promise<readonly UnheardWish[]> {
    return this.database.transaction(async (tx) => {
      const tables = tablesOf(tx);
      const before = this.database.now() - olderThanMs;
      const found = unheardOf(tables, ({ shard, at }) => shards.includes(shard) && at <= before);
      return found.filter((wish) => canBeHeard(tables, wish)).slice(0, limit);
    });
  }

  wishesFor(ids: readonly TransactionId[]): Promise<readonly UnheardWish[]> {
    return this.database.transaction(async (tx) => {
      const tables = tablesOf(tx);
      for (const id of ids.toSorted()) await tables.transactions.lock(id);
      return unheardOf(tables, ({ transactionId }) => ids.includes(transactionId));
    });
  }

  accept(start: AcceptedStart): Promise<AcceptedReceipt> {
    return this.database.transaction(async (tx) => {
      const starts = startsOf(tx);
      const { message, owner, ...kept } = start;
      const key = `${start.actor} ${start.key}`;
      const known = await starts.lock(key);
      if (known !== undefined)
        return { transactionId: known.transactionId, requestHash: known.requestHash, rows: [] };
      await starts.insert(key, { ...kept, at: this.database.now() });
      const { transactionId, requestHash } = start;
      return { transactionId, requestHash, rows: await this.outbox.append(tx, [message], owner) };
    });
  }

  unbegun(shards: readonly Shard[], { olderThanMs, limit }: Look): Promise<readonly UnbegunStart[]> {
    return this.database.transaction(async (tx) => {
      const { transactions } = tablesOf(tx);
      const before = this.database.now() - olderThanMs;
      const rows = startsOf(tx)
        .scan()
        .map(([, row]) => row);
      const found = rows.filter(({ transactionId, shard, at }) => {
        return at <= before && shards.includes(shard) && transactions.get(transactionId) === undefined;
      });
      return found.slice(0, limit).map(({ transactionId, definition, shard, input, ...row }) => {
        return { transactionId, definition, shard, input, ...precedenceOf(row) };
      });
    });
  }

  accepted(id: TransactionId): Promise<KnownStart | undefined> {
    return this.database.transaction(async (tx) => {
      const found = startIn(tx, id);
      if (found === undefined) return undefined;
      const { definition, shard, input, at: acceptedAt } = found;
      const start = { transactionId: id, definition, shard, acceptedAt };
      return isBegun(tx, id) ? start : { ...start, input };
    });
  }
}

/** Marks wishes as heard, within the batch that tells them. */
export async function hear(
  { audits }: JournalTables,
  wishes: readonly { readonly wishId: string }[],
): Promise<void> {
  for (const { wishId } of wishes) {
    const row = await audits.lock(wishId);
    if (row !== undefined) await audits.put(wishId, { ...row, isHeard: true });
  }
}

type Subject = Pick<AuditRow, 'shard' | 'status' | 'parkedAt'>;

function openRow({ phase, shard, status, updatedAt }: TransactionRow): Subject | undefined {
  if (phase === 'parked') return { shard, status, parkedAt: updatedAt };
  return phase === 'moving' ? { shard, status } : undefined;
}

/** Whoever wishes holds the lock of the transaction's row, also where there is none yet. */
function unbegunIn(tx: Tx, id: TransactionId): Subject | undefined {
  const start = startIn(tx, id);
  return start === undefined || isBegun(tx, id) ? undefined : { shard: start.shard, status: 'accepted' };
}

function startIn(tx: Tx, id: TransactionId): StartRow | undefined {
  const rows = startsOf(tx).scan();
  return rows.find(([, { transactionId }]) => transactionId === id)?.[1];
}

function isBegun(tx: Tx, id: TransactionId): boolean {
  const { transactions, tombstones } = tablesOf(tx);
  return transactions.get(id) !== undefined || tombstones.get(id) !== undefined;
}

function startsOf(tx: Tx): TableView<StartRow> {
  return memoryTx(tx).table<StartRow>('accepted-start');
}

function inOrder({ audits }: JournalTables): readonly (readonly [string, AuditRow])[] {
  return audits.scan().toSorted(([one], [other]) => Number(one) - Number(other));
}

function inSlot(tables: JournalTables, id: TransactionId, slot: string): readonly AuditRow[] {
  const rows = inOrder(tables).map(([, row]) => row);
  return rows.filter((row) => row.transactionId === id && row.slot === slot);
}

/** The same that nobody heard, the same signal ever, or another signal of the name that nobody heard (S41). */
function earlierThan(tables: JournalTables, { transactionId, slot, wanted }: Wish): AuditRow | undefined {
  const isSignal = wanted.type === 'signal-received';
  const same = inSlot(tables, transactionId, slot).findLast(({ isHeard }) => isSignal || !isHeard);
  if (same !== undefined || !isSignal) return same;
  const { name } = wanted;
  const isRival = (row: AuditRow) => row.wanted.type === 'signal-received' && row.wanted.name === name;
  const unheard = inOrder(tables).filter(([, row]) => row.transactionId === transactionId && !row.isHeard);
  return unheard.findLast(([, row]) => isRival(row))?.[1];
}

function unheardOf(tables: JournalTables, isMeant: (row: AuditRow) => boolean): readonly UnheardWish[] {
  const rows = inOrder(tables).filter(([, row]) => !row.isHeard && isMeant(row));
  return rows.map(([wishId, { slot: _slot, status: _status, isHeard: _isHeard, ...wish }]) => ({
    wishId,
    ...wish,
  }));
}

/** Where the definition is missing nobody can hear more than that it shall go on. */
function canBeHeard({ transactions }: JournalTables, { transactionId, wanted }: UnheardWish): boolean {
  const row = transactions.get(transactionId);
  if (row?.phase !== 'moving' && row?.phase !== 'parked') return false;
  return row.reason?.kind !== 'no-handler' || wanted.type === 'operator-resumed';
}
