/**
 * Which shards this process holds, and under which epochs. The group's assignment alone makes it take one, the epoch in
 * the store alone says whether it is still held (R10). It decides nothing about transactions: what a taken shard holds is
 * handed to `revive`, page by page.
 */
import type { TransactionId } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import type { Clock, Epoch, Journal, JournalBatch, Shard, StoredTransaction } from './ports.js';

export interface ShardHolderOptions {
  readonly owner: string;
  readonly shardCount: number;
  /** Transactions read and revived at one time. */
  readonly takeoverBatch: number;
  /** How long after a loss the group is given to tell us that the shard is another's, ms. */
  readonly graceMs: number;
  /** Queues what the old owner has announced and may not have published. */
  readonly inherit: () => Promise<void>;
  /** Lets the moving transactions of a shard go on, in order of id. The shard is held only once all were. */
  readonly revive: (page: readonly StoredTransaction[]) => Promise<void>;
  /** Forgets what memory holds of a shard. */
  readonly forget: (shard: Shard) => void;
  readonly onShards: (held: readonly Shard[]) => void;
  readonly onFault: (error: unknown) => void;
}

const emptyBatch: JournalBatch = { starts: [], entries: [], statuses: [], facts: [] };

/** Not safe against itself: the caller makes its calls one after the other. */
export class ShardHolder {
  private readonly shards = new Map<Shard, Epoch>();
  /** Shards that are assigned to us and were taken by somebody else, with the instant we found out. */
  private readonly lost = new Map<Shard, number>();
  private assigned: readonly Shard[] = [];
  private taking: Shard | undefined;
  private stopped = false;

  constructor(
    private readonly journal: Journal,
    private readonly clock: Clock,
    private readonly options: ShardHolderOptions,
  ) {}

  get epochs(): ReadonlyMap<Shard, Epoch> {
    return this.shards;
  }

  get held(): readonly Shard[] {
    return [...this.shards.keys()];
  }

  /** Assigned and not held. A shard is held only once all that it holds goes on. */
  get missing(): readonly Shard[] {
    return this.assigned.filter((shard) => !this.shards.has(shard) || this.taking === shard);
  }

  holds(shard: Shard): boolean {
    return this.shards.has(shard);
  }

  /** Whether that shard is ours by the store's own word: what was read of it BEFORE was ours too. */
  async stillHolds(shard: Shard): Promise<boolean> {
    const epoch = this.shards.get(shard);
    if (epoch === undefined) return false;
    const { owner } = this.options;
    const { stale } = await this.journal.commit(new Map([[shard, epoch]]), emptyBatch, owner);
    return !stale.includes(shard);
  }

  get hasLost(): boolean {
    return this.lost.size > 0;
  }

  start(): void {
    this.stopped = false;
  }

  /** Breaks off a takeover that is still being tried. */
  stop(): void {
    this.stopped = true;
  }

  dropAll(): void {
    this.assigned = [];
    for (const shard of this.held) this.drop(shard);
  }

  /** The assignment alone triggers taking a shard (R10). One that stayed ours is kept, if its epoch is still the stored
   *  one: while we stood still it may have been another's, and then nobody would hold it (R11). */
  async hold(partitions: readonly number[]): Promise<void> {
    this.lost.clear();
    this.assigned = partitions;
    for (const shard of this.held) if (!partitions.includes(shard)) this.drop(shard);
    for (const shard of await this.staleShards()) this.drop(shard);
    for (const shard of partitions) if (!this.shards.has(shard)) await this.take(shard);
    this.options.onShards(this.held);
  }

  /** Another took it; whether it is still assigned to us, the group will say. */
  lose(shard: Shard): void {
    if (this.shards.has(shard)) this.lost.set(shard, this.clock.now());
    this.drop(shard);
  }

  /** A shard that is still ours by assignment, long enough after another took it for the group to have told us if it
   *  were not: its takeover was late, and unless we take it back nobody holds it. */
  async retakeLost(): Promise<void> {
    for (const [shard, at] of this.lost) {
      if (at + this.options.graceMs > this.clock.now()) continue;
      this.lost.delete(shard);
      await this.take(shard);
      this.options.onShards(this.held);
    }
  }

  /** An empty batch tells which epochs still stand. When the store cannot tell, every shard is taken anew. */
  private async staleShards(): Promise<readonly Shard[]> {
    if (this.shards.size === 0) return [];
    try {
      return (await this.journal.commit(this.shards, emptyBatch, this.options.owner)).stale;
    } catch (error) {
      this.options.onFault(error);
      return this.held;
    }
  }

  /** Goes on until it succeeds: without its shard no message of the partition may be read. */
  private async take(shard: Shard): Promise<void> {
    this.taking = shard;
    try {
      await this.takeAtLast(shard);
    } finally {
      this.taking = undefined;
    }
  }

  private async takeAtLast(shard: Shard): Promise<void> {
    for (let tries = 1; !this.stopped; tries++) {
      try {
        return await this.tryTake(shard);
      } catch (error) {
        this.drop(shard);
        if (error instanceof Fault && !error.retryable) throw error;
        this.options.onFault(error);
        await new Promise<void>((resolve) => void this.clock.after(Math.min(2_000, 100 * tries), resolve));
      }
    }
  }

  /** Reads all that the old owner achieved, a bounded number at a time. What it announced is queued AFTER the epoch has
   *  ended its writing and BEFORE anything is announced here, so that the order of each transaction's facts stands (I23). */
  private async tryTake(shard: Shard): Promise<void> {
    const { owner, shardCount, takeoverBatch, inherit, revive } = this.options;
    this.shards.set(shard, await this.journal.take(shard, owner, shardCount));
    await inherit();
    let after: TransactionId | undefined;
    for (;;) {
      const page = await this.journal.live(shard, {
        limit: takeoverBatch,
        ...(after === undefined ? {} : { after }),
      });
      await revive(page);
      // Reviving may write, and so find out that another was faster.
      if (page.length < takeoverBatch || !this.shards.has(shard)) return;
      after = page.at(-1)!.transactionId;
    }
  }

  private drop(shard: Shard): void {
    this.shards.delete(shard);
    this.options.forget(shard);
    this.options.onShards(this.held);
  }
}
