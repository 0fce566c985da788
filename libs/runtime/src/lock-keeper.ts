/**
 * Brings what the registry of locks says to the transactions that wait for it: after each commit that changed a queue,
 * when another owner says that it changed one, and at intervals, because a hint may be lost.
 * It reads AFTER the commit that made the claim: places of one key are given in the order of commits, so that what is
 * held by then stays held. It writes nothing; an answer becomes an event of its transaction, and is journaled like any.
 */
import { deadlocksIn, judgeClaim, type LockAnswer, type TransactionId } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import { claimsOf, type Decision, type LiveTransaction } from './decision.js';
import type { Input } from './inbox.js';
import type { LiveTransactions } from './live-transactions.js';
import { lockChangesOf, type StoredLock } from './lock-registry.js';
import { lockHint } from './message.js';
import type { Bus, Clock, Journal, Shard } from './ports.js';

export interface LockKeeperOptions {
  /** Pause between looks at the queues of those who wait, ms. */
  readonly lookMs: number;
  readonly holds: (shard: Shard) => boolean;
  readonly onFault: (error: unknown) => void;
}

export class LockKeeper {
  /** Those in memory who wait for a lock; some may have left since. */
  private readonly waiting = new Set<TransactionId>();
  /** Keys whose queue may have changed since it was read last. */
  private readonly touched = new Set<string>();
  /** Circles of which a person was told; forgotten once there is none. */
  private readonly alarmed = new Set<string>();
  private lookAt = 0;

  constructor(
    private readonly ports: { readonly journal: Journal; readonly bus: Bus; readonly clock: Clock },
    private readonly live: LiveTransactions,
    private readonly options: LockKeeperOptions,
  ) {}

  /** Takes notice of what was committed. */
  note(committed: readonly Decision[]): void {
    const { taken, released } = lockChangesOf(committed) ?? { taken: [], released: [] };
    for (const { key } of [...taken, ...released]) this.touched.add(key);
    for (const { after, standing } of committed) {
      if (after.protocol.claims === undefined || standing.phase !== 'moving') continue;
      // Not only who has claimed just now: who comes back from a rest waits again, and nobody remembers it.
      if (!this.waiting.has(after.record.transactionId)) this.watch([after]);
    }
  }

  /** Takes notice of who waits, among those that were revived or that another owner told of. */
  watch(transactions: readonly LiveTransaction[]): void {
    for (const live of transactions)
      for (const { key, isAwaited } of claimsOf(live)) {
        if (!isAwaited) continue;
        this.waiting.add(live.record.transactionId);
        this.touched.add(key);
      }
  }

  /** Whether it is time to look at every queue in which somebody stands. */
  get isDue(): boolean {
    return this.touched.size > 0 || (this.waiting.size > 0 && this.lookAt <= this.ports.clock.now());
  }

  /** What is to be told to transactions of ours; the owners of others are sent a hint. A store that cannot be read costs
   *  only the time until the next look. */
  async answers(): Promise<readonly Input[]> {
    if (!this.isDue) return [];
    if (this.touched.size === 0) this.touchAll();
    const keys = [...this.touched];
    if (keys.length === 0) return [];
    this.lookAt = this.ports.clock.now() + this.options.lookMs;
    try {
      const rows = await this.ports.journal.locksAround(keys);
      for (const key of keys) this.touched.delete(key);
      const answers = this.judge(rows);
      await this.hint(rows.filter((row) => answers.has(row) && !this.options.holds(row.shard)));
      return rows.flatMap((row) => this.inputFor(row, answers.get(row)));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.options.onFault(error);
      this.touched.clear();
      return [];
    }
  }

  private touchAll(): void {
    for (const id of this.waiting) {
      const live = this.live.get(id);
      if (live === undefined || !claimsOf(live).some(({ isAwaited }) => isAwaited)) this.waiting.delete(id);
      else this.watch([live]);
    }
  }

  private judge(rows: readonly StoredLock[]): ReadonlyMap<StoredLock, LockAnswer> {
    const answers = new Map<StoredLock, LockAnswer>();
    for (const [, queue] of Map.groupBy(rows, ({ key }) => key))
      for (const row of queue) {
        const answer = judgeClaim(row, queue);
        if (answer !== undefined) answers.set(row, answer);
      }
    if (answers.size === rows.length) return answers;
    const { victims, hopeless } = deadlocksIn(rows);
    const byPlace = new Map(rows.map((row) => [row.place, row]));
    for (const { row, cycle } of victims) {
      const stored = byPlace.get(row.place);
      if (stored !== undefined) answers.set(stored, { outcome: 'deadlock', cycle });
    }
    this.alarm(hopeless.map((cycle) => cycle.map(({ transactionId, key }) => `${transactionId} for ${key}`)));
    return answers;
  }

  /** Nobody on such a circle can be undone, so it is a person's to break; told once. */
  private alarm(circles: readonly (readonly string[])[]): void {
    if (circles.length === 0) this.alarmed.clear();
    for (const circle of circles) {
      const words = circle.toSorted().join(', ');
      if (this.alarmed.has(words)) continue;
      this.alarmed.add(words);
      const message = `in a circle wait, past their pivots: ${words}`;
      this.options.onFault(new Fault('LOCK_DEADLOCK', message, { retryable: false }));
    }
  }

  private inputFor(
    { transactionId, branchId, shard }: StoredLock,
    answer: LockAnswer | undefined,
  ): readonly Input[] {
    const live = this.live.get(transactionId);
    if (answer === undefined || live === undefined) return [];
    const isAwaited = claimsOf(live).some((claim) => claim.branchId === branchId && claim.isAwaited);
    return isAwaited ? [{ kind: 'lock', transactionId, shard, heard: { branchId, answer } }] : [];
  }

  /** To owners elsewhere. That a claim was answered already nobody here can know; a hint too many changes nothing. */
  private async hint(rows: readonly StoredLock[]): Promise<void> {
    if (rows.length === 0) return;
    const at = this.ports.journal.now();
    await this.ports.bus.send(rows.map((row) => lockHint(row, at)));
  }
}
