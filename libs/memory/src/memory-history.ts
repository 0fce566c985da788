/**
 * The past in one process: removal of what ended, and what is remembered of it. The tables are the journal's and the
 * barrier's; a start reads the tombstones and the horizon in `journal-writes`.
 */
import type { TransactionId } from '@sagamore/engine';
import { firstUuidAt } from '@sagamore/primitives';
import {
  BarrierHistory,
  History,
  type Removal,
  type RemovalPage,
  type StoredBarrierRow,
  type Tombstone,
} from '@sagamore/runtime';
import { tablesOf, type TransactionRow } from './journal-tables.js';
import { barrierTable } from './keys.js';
import type { MemoryDatabase } from './memory-database.js';
import { memoryTx, type TableView } from './memory-tx.js';

/** Between the planting of a tombstone and the removal of its row. */
const ripeMs = 60_000;

export class MemoryHistory extends History {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override remove({ before, endedBefore, limit, after = '' }: RemovalPage): Promise<Removal> {
    return this.database.transaction(async (tx) => {
      const { transactions, entries, tombstones, lateReplies } = tablesOf(tx);
      const rows = transactions.scan().map(([, row]) => row);
      const page = rows
        .filter(({ transactionId: id }) => id > after && id < before)
        .toSorted(byId)
        .slice(0, limit);
      const staying = new Set(rows.filter((row) => isWanted(row, endedBefore)).map(msOf));
      let removed = 0;
      for (const { transactionId, status } of page.filter((row) => !staying.has(msOf(row)))) {
        const plantedAt = tombstones.get(transactionId)?.plantedAt;
        if (plantedAt === undefined)
          await tombstones.put(transactionId, { transactionId, status, plantedAt: this.now() });
        if (plantedAt === undefined || plantedAt >= this.now() - ripeMs) continue;
        for (const [key] of entries.group(transactionId)) await entries.delete(key);
        for (const [key] of lateReplies.group(transactionId)) await lateReplies.delete(key);
        await transactions.delete(transactionId);
        removed++;
      }
      const last = page.at(-1)?.transactionId;
      return last === undefined ? { removed } : { removed, last };
    });
  }

  override removeAudits(before: number, limit: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const { audits, transactions } = tablesOf(tx);
      const hasEnded = (id: TransactionId) => (transactions.get(id)?.phase ?? 'final') === 'final';
      const old = audits.scan().filter(([, { at, transactionId }]) => at < before && hasEnded(transactionId));
      return removeFirst(audits, old, limit);
    });
  }

  override forget(before: TransactionId, limit: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const { tombstones } = tablesOf(tx);
      return removeFirst(
        tombstones,
        tombstones.scan().filter(([id]) => id < before),
        limit,
      );
    });
  }

  override removed(ids: readonly TransactionId[]): Promise<readonly Tombstone[]> {
    return this.database.transaction(async (tx) => {
      const { tombstones, transactions } = tablesOf(tx);
      return ids.flatMap((id) => {
        const found = transactions.get(id) === undefined ? tombstones.get(id) : undefined;
        return found === undefined ? [] : [{ transactionId: id, status: found.status }];
      });
    });
  }

  override raiseHorizon(floor: TransactionId): Promise<TransactionId> {
    return this.database.transaction(async (tx) => {
      const { horizon, transactions } = tablesOf(tx);
      const raised = (await horizon.lock('horizon')) ?? firstUuidAt(0);
      const [oldest] = transactions
        .scan()
        .map(([, row]) => row)
        .toSorted(byId);
      const first = oldest === undefined ? floor : `${msOf(oldest)}-7000-8000-000000000000`;
      const reached = first < floor ? first : floor;
      await horizon.put('horizon', raised < reached ? reached : raised);
      return raised < reached ? raised : reached;
    });
  }

  override now(): number {
    return this.database.now();
  }
}

export class MemoryBarrierHistory extends BarrierHistory {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override removeBelow(before: TransactionId, limit: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const rows = memoryTx(tx).table<StoredBarrierRow>(barrierTable);
      const old = rows
        .scan()
        .filter(([, { transactionId, outcome }]) => transactionId < before && outcome !== 'claimed');
      return removeFirst(rows, old, limit);
    });
  }

  override now(): number {
    return this.database.now();
  }
}

function isWanted({ phase, updatedAt }: TransactionRow, endedBefore: number): boolean {
  return (phase !== 'final' && phase !== 'held') || updatedAt >= endedBefore;
}

/** The 48 bits that a family shares. */
function msOf({ transactionId }: TransactionRow): string {
  return transactionId.slice(0, 13);
}

function byId(one: TransactionRow, other: TransactionRow): number {
  return one.transactionId < other.transactionId ? -1 : 1;
}

async function removeFirst<Row>(
  table: TableView<Row>,
  found: readonly (readonly [key: string, row: Row])[],
  limit: number,
): Promise<number> {
  const going = found.slice(0, limit);
  for (const [key] of going) await table.delete(key);
  return going.length;
}
