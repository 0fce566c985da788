/**
 * The journal as the audit sees it: every event is stored with the epoch its writer believed in, and every write is
 * compared with the shard's stored epoch while the shard's lock is held (R10, R11, I26). It changes nothing else.
 */
import { memoryTx } from '@sagamore/memory';
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
  type Shard,
  type StoredLock,
  type StoredLateReply,
  type StoredTransaction,
  type TransactionQuery,
  type Tx,
  type UnbegunStart,
  type UnheardWish,
  type Wanted,
  type Wish,
  type WishReceipt,
} from '@sagamore/runtime';
import type { HostDatabase } from './host-ports.js';

interface Watcher {
  readonly problems: string[];
  count(what: string, by?: number): void;
}

export class WatchedJournal extends Journal {
  private underWay: { readonly epochs: ReadonlyMap<Shard, Epoch>; readonly batch: JournalBatch } | undefined;

  constructor(
    private readonly inner: Journal,
    private readonly database: HostDatabase,
    private readonly watcher: Watcher,
  ) {
    super();
    database.inspect = (tx) => this.inspect(tx);
  }

  override take(shard: Shard, owner: string, shardCount: number): Promise<Epoch> {
    return this.inner.take(shard, owner, shardCount);
  }

  override async commit(
    epochs: ReadonlyMap<Shard, Epoch>,
    batch: JournalBatch,
    owner: string,
  ): Promise<JournalReceipt> {
    const held = new Map(epochs);
    const entries = batch.entries.map((entry) => {
      return { ...entry, event: { ...entry.event, epoch: held.get(entry.shard), owner } };
    });
    this.underWay = { epochs: held, batch };
    const receipt = await this.inner.commit(held, { ...batch, entries }, owner);
    const refused = batch.entries.filter(({ shard }) => receipt.stale.includes(shard)).length;
    if (refused > 0) this.watcher.count('writes refused for their epoch', refused);
    if (receipt.known.length > 0) this.watcher.count('repeated starts', receipt.known.length);
    return receipt;
  }

  override live(
    shard: Shard,
    page: { limit: number; after?: string },
  ): Promise<readonly StoredTransaction[]> {
    return this.inner.live(shard, page);
  }

  override due(
    shards: readonly Shard[],
    query: { until: number; limit: number; after?: DuePlace },
  ): Promise<readonly StoredTransaction[]> {
    return this.inner.due(shards, query);
  }

  override load(ids: readonly string[]): Promise<readonly StoredTransaction[]> {
    return this.inner.load(ids);
  }

  override list(query: TransactionQuery): Promise<readonly StoredTransaction[]> {
    return this.inner.list(query);
  }

  override wish(wish: Wish): Promise<WishReceipt> {
    return this.inner.wish(wish);
  }

  override wished(id: string, slot: string): Promise<Wanted | undefined> {
    return this.inner.wished(id, slot);
  }

  override unheardWishes(...look: Parameters<Journal['unheardWishes']>): Promise<readonly UnheardWish[]> {
    return this.inner.unheardWishes(...look);
  }

  override wishesFor(ids: readonly string[]): Promise<readonly UnheardWish[]> {
    return this.inner.wishesFor(ids);
  }

  override accept(start: AcceptedStart): Promise<AcceptedReceipt> {
    return this.inner.accept(start);
  }

  override unbegunStarts(...look: Parameters<Journal['unbegunStarts']>): Promise<readonly UnbegunStart[]> {
    return this.inner.unbegunStarts(...look);
  }

  override accepted(id: string): Promise<KnownStart | undefined> {
    return this.inner.accepted(id);
  }

  override locksAround(keys: readonly string[]): Promise<readonly StoredLock[]> {
    return this.inner.locksAround(keys);
  }

  override listLocks(page: { keysMax: number; after?: string }): Promise<readonly StoredLock[]> {
    return this.inner.listLocks(page);
  }

  override countParked(shards: readonly Shard[]): Promise<ReadonlyMap<string, number>> {
    return this.inner.countParked(shards);
  }

  override keepLate(late: LateRepliesToKeep): Promise<readonly StoredLateReply[]> {
    return this.inner.keepLate(late);
  }

  override lateReplies(transactionId: string): Promise<readonly StoredLateReply[]> {
    return this.inner.lateReplies(transactionId);
  }

  override now(): number {
    return this.inner.now();
  }

  /** Just BEFORE a commit of this process: whatever it writes of a shard, it must write under the stored epoch. */
  private inspect(tx: Tx): void {
    if (this.underWay === undefined) return;
    const { epochs, batch } = this.underWay;
    const own = memoryTx(tx);
    const shards = own.table<{ readonly epoch: Epoch }>('shard');
    for (const { transactionId, seq, shard } of batch.entries) {
      if (!this.isWritten(tx, `${transactionId}#${seq}`)) continue;
      const stored = shards.get(String(shard))?.epoch;
      if (stored === epochs.get(shard)) continue;
      this.watcher.problems.push(
        `I26: ${transactionId} seq ${seq} is written under epoch ${epochs.get(shard)}, stored is ${stored}`,
      );
    }
  }

  /** Whether this transaction, and nobody before it, writes that row. */
  private isWritten(tx: Tx, key: string): boolean {
    const isThere = memoryTx(tx).table('journal').get(key) !== undefined;
    return isThere && !this.database.store.table('journal').rows.has(key);
  }
}
