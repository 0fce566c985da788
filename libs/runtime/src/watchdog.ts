/**
 * Looks after the owner itself: every moving transaction of its shards must be in its memory, and wait there for an answer,
 * an instant, its turn or a person. Those that wait for long are the sweep's, which finds them by their due times. It walks
 * the shards page by page, beside the traffic. What it finds otherwise it gives back to whoever has forgotten it, or reports
 * where only a person can help. It decides nothing about a transaction.
 */
import { attentionOf, type TransactionId } from '@sagamore/engine';
import type { LiveTransactions } from './live-transactions.js';
import type { Clock, Journal, Shard, StoredTransaction } from './ports.js';
import type { ShardHolder } from './shard-holder.js';

/** A moving transaction that nobody had in hand. `forgotten`: its owner did not remember it · `unarmed`: its instant would
 *  have passed unnoticed · `unattended`: its state waits for nothing, which is a mistake of its protocol or definition. */
export interface Stray {
  readonly transactionId: TransactionId;
  readonly definition: string;
  readonly shard: Shard;
  readonly finding: 'forgotten' | 'unarmed' | 'unattended';
  /** It goes on; otherwise a person must look at it. */
  readonly isRepaired: boolean;
  /** ms of the store's clock. */
  readonly at: number;
}

export interface WatchdogOptions {
  /** Pause between two looks, ms. */
  readonly pauseMs: number;
  /** Transactions of one look. */
  readonly pageMax: number;
  /** Takes forgotten ones into memory and sends what is outstanding of them. */
  readonly resume: (forgotten: readonly StoredTransaction[]) => Promise<void>;
  /** Told once of each finding, at once (R25). */
  readonly onStray: (stray: Stray) => void;
}

/** The last findings are kept for operators. */
const keptMax = 100;

/** Not safe against itself or the batches: its owner calls it between them, so that what it reads stands still. */
export class Watchdog {
  private readonly found: Stray[] = [];
  private readonly unattended = new Set<TransactionId>();
  private shard: Shard | undefined;
  private after: TransactionId | undefined;
  private lookAt = 0;

  constructor(
    private readonly ports: { readonly journal: Journal; readonly clock: Clock },
    private readonly shards: Pick<ShardHolder, 'held' | 'stillHolds'>,
    private readonly live: LiveTransactions,
    private readonly options: WatchdogOptions,
  ) {}

  get isDue(): boolean {
    return this.shards.held.length > 0 && this.lookAt <= this.ports.clock.now();
  }

  /** The last findings of this process, newest last. */
  get strays(): readonly Stray[] {
    return this.found;
  }

  /** Looks at the next page. Throws what the store throws; the next look then tries the same page. */
  async look(): Promise<void> {
    if (!this.isDue) return;
    this.lookAt = this.ports.clock.now() + this.options.pauseMs;
    const shard = this.nextShard();
    if (shard === undefined) return;
    const limit = this.options.pageMax;
    const page = await this.ports.journal.live(shard, { limit, ...(this.after && { after: this.after }) });
    await this.giveBack(
      shard,
      page.filter(({ transactionId }) => this.live.isUnknown(transactionId)),
    );
    for (const { transactionId } of page) this.examine(transactionId);
    this.shard = shard;
    this.after = page.length < limit ? undefined : page.at(-1)?.transactionId;
  }

  /** The one whose pages are not at their end; then the one behind it, and around. */
  private nextShard(): Shard | undefined {
    const held = this.shards.held.toSorted((left, right) => left - right);
    const { shard } = this;
    if (shard !== undefined && this.after !== undefined && held.includes(shard)) return shard;
    this.after = undefined;
    return held.find((other) => shard !== undefined && other > shard) ?? held[0];
  }

  /** The page was read BEFORE the epoch is asked for: if it still stands, these were ours and nobody else's. */
  private async giveBack(shard: Shard, forgotten: readonly StoredTransaction[]): Promise<void> {
    if (forgotten.length === 0 || !(await this.shards.stillHolds(shard))) return;
    try {
      await this.options.resume(forgotten);
    } catch (error) {
      // Half of the way they are remembered and nothing was sent: to be read again, as after a commit of unknown fate (R12).
      for (const { transactionId } of forgotten) this.live.doubt(transactionId);
      throw error;
    }
    for (const { transactionId, definition } of forgotten)
      this.tell({ transactionId, definition, shard, finding: 'forgotten', isRepaired: true });
  }

  private examine(id: TransactionId): void {
    const live = this.live.get(id);
    if (live === undefined) return;
    const { transactionId, definition, shard } = live.record;
    const stray = { transactionId, definition, shard };
    if (attentionOf(live.protocol, live.state) === 'nobody') {
      if (this.unattended.has(id)) return;
      this.unattended.add(id);
      this.tell({ ...stray, finding: 'unattended', isRepaired: false });
    } else if (this.live.isUnarmed(id)) {
      this.live.arm(id, 0, this.ports.journal.now());
      this.tell({ ...stray, finding: 'unarmed', isRepaired: true });
    }
  }

  private tell(found: Omit<Stray, 'at'>): void {
    const stray = { ...found, at: this.ports.journal.now() };
    this.found.push(stray);
    if (this.found.length > keptMax) this.found.shift();
    this.options.onStray(stray);
  }
}
