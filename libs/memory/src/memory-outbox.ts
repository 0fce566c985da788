/**
 * Facts that wait for the relay, in one process, under numbers that rise in the order of saving.
 * It publishes nothing and keeps no high-water mark, which would pass over rows that commit late (R17).
 */
import { Outbox, type Message, type OutboxClaim, type OutboxRow, type Tx } from '@sagamore/runtime';
import type { MemoryDatabase } from './memory-database.js';
import { memoryTx, type TableView } from './memory-tx.js';

interface StoredOutboxRow extends OutboxRow {
  readonly number: number;
  readonly owner: string;
  readonly claimedUntil: number;
  readonly savedAt: number;
}

export interface MemoryOutboxOptions {
  /** How long a row stays claimed for the relay of the process that saved it. Default 10 000 ms. */
  readonly claimMs?: number;
}

/** `Outbox` over a `MemoryDatabase`. */
export class MemoryOutbox extends Outbox {
  private readonly claimMs: number;

  constructor(
    private readonly database: MemoryDatabase,
    { claimMs = 10_000 }: MemoryOutboxOptions = {},
  ) {
    super();
    this.claimMs = claimMs;
  }

  override append(tx: Tx, messages: readonly Message[], owner: string): Promise<readonly OutboxRow[]> {
    const own = memoryTx(tx);
    const savedAt = own.now();
    return own.inTurn(async () => {
      const rows: OutboxRow[] = [];
      for (const message of messages) {
        const number = own.next('outbox');
        const row = { id: String(number), message };
        const claim = { owner, claimedUntil: savedAt + this.claimMs };
        await tableOf(tx).insert(row.id, { ...row, ...claim, number, savedAt });
        rows.push(row);
      }
      return rows;
    });
  }

  override claim(claim: OutboxClaim): Promise<readonly OutboxRow[]> {
    return this.claimThose(claim, claimable);
  }

  override inherit({
    after = '0',
    ...claim
  }: Parameters<Outbox['inherit']>[0]): Promise<readonly OutboxRow[]> {
    return this.claimThose(claim, (table, _now, limit) =>
      oldestFirst(table)
        .filter(({ number }) => number > Number(after))
        .filter(({ id }) => table.tryLock(id))
        .slice(0, limit),
    );
  }

  private claimThose(claim: OutboxClaim, chosen: typeof claimable): Promise<readonly OutboxRow[]> {
    return this.database.transaction(async (tx) => {
      const table = tableOf(tx);
      const now = memoryTx(tx).now();
      const claimed = chosen(table, now, claim.limit);
      const until = { owner: claim.owner, claimedUntil: now + claim.claimMs };
      for (const row of claimed) await table.put(row.id, { ...row, ...until });
      return claimed.map(({ id, message }) => ({ id, message }));
    });
  }

  override remove(ids: readonly string[]): Promise<void> {
    return this.database.transaction(async (tx) => {
      const table = tableOf(tx);
      for (const id of ids.toSorted()) if (table.get(id) !== undefined) await table.delete(id);
    });
  }

  override age(): Promise<number> {
    return this.database.transaction(async (tx) => {
      const savedAt = tableOf(tx)
        .scan()
        .map(([, row]) => row.savedAt);
      return savedAt.length === 0 ? 0 : Math.max(0, memoryTx(tx).now() - Math.min(...savedAt));
    });
  }
}

/** Locks and answers the rows that may be claimed, oldest first. A row that may not holds back the rest of its key. */
function claimable(
  table: TableView<StoredOutboxRow>,
  now: number,
  limit: number,
): readonly StoredOutboxRow[] {
  const heldBack = new Set<string>();
  const rows: StoredOutboxRow[] = [];
  for (const row of oldestFirst(table)) {
    if (rows.length === limit) break;
    if (heldBack.has(row.message.key)) continue;
    if (row.claimedUntil <= now && table.tryLock(row.id)) rows.push(row);
    else heldBack.add(row.message.key);
  }
  return rows;
}

function oldestFirst(table: TableView<StoredOutboxRow>): readonly StoredOutboxRow[] {
  const rows = table.scan().map(([, row]) => row);
  return rows.toSorted((left, right) => left.number - right.number);
}

function tableOf(tx: Tx): TableView<StoredOutboxRow> {
  return memoryTx(tx).table<StoredOutboxRow>('outbox');
}
