/**
 * Which moving transactions leave the owner's memory, and how they come back. One that only waits, and for long, costs a
 * row and no memory; its due time stands in that row, written in the commit that lets it go (R15). Before its instant a
 * sweep by the store's clock brings it back, and so does whatever is addressed to it. No timer runs for any of them.
 */
import assert from 'node:assert/strict';
import { attentionOf } from '@sagamore/engine';
import { claimsOf, type Decision, type LiveTransaction } from './decision.js';
import type { Clock, DuePlace, Epoch, Journal, Shard, StoredTransaction } from './ports.js';

export interface EvictionOptions {
  /** What waits longer than this leaves memory, ms. */
  readonly evictAfterMs: number;
  /** Transactions that come back in a second at most, when many fall due at once. */
  readonly wakesPerSecond: number;
}

/** Pause between sweeps, ms. */
const sweepMs = 1_000;
/** How far ahead of their instants transactions are brought back, ms: some sweeps, so that one that fails delays nobody. */
const aheadMs = 5_000;
/** Below this a wait could be evicted that the last sweep has already passed over. */
export const evictAfterMsMin = 2 * aheadMs;

export class Evictions {
  /** Where the last sweep ended. A row before it is in memory already, so each is read once. */
  private place: DuePlace | undefined;
  /** Up to where the sweeps have looked; ms of the store's clock. */
  private horizon = -Infinity;
  /** The shards that the sweeps so far were for, and under which epochs. */
  private sweptFor = '';
  /** ms of the monotonic clock. */
  private sweepAt = 0;

  constructor(
    private readonly ports: { readonly journal: Journal; readonly clock: Clock },
    private readonly options: EvictionOptions,
  ) {
    const { evictAfterMs, wakesPerSecond } = options;
    assert(evictAfterMs >= evictAfterMsMin, `evictAfterMs is at least ${evictAfterMsMin}`);
    assert(wakesPerSecond >= 1, 'wakesPerSecond is at least 1');
  }

  /** The decision as its commit must write it: with the instant until which its transaction leaves memory, if it does.
   *  One that nothing but a message can move on has no instant, and leaves until `Infinity`. */
  judge(decision: Decision): Decision {
    const { standing, after } = decision;
    if (standing.phase !== 'moving' || isInQueue(after)) return decision;
    const due = Math.ceil(after.protocol.dueAt(after.state) ?? Infinity);
    if (!this.isFar(due)) return decision;
    // One that waits for nothing stays, where the watchdog finds it.
    const attention = attentionOf(after.protocol, after.state);
    if (attention !== 'timer' && attention !== 'person') return decision;
    return { ...decision, evictedUntil: due };
  }

  /** Whether an instant is beyond what memory keeps. Never nearer than what was swept: a row there would be read no more,
   *  whatever the store's clock has done since (S38). */
  isFar(due: number): boolean {
    return due > Math.max(this.ports.journal.now() + this.options.evictAfterMs, this.horizon);
  }

  maySweep(): boolean {
    return this.sweepAt <= this.ports.clock.now();
  }

  /** Hands those that fall due soon to `revive`, a bounded number, earliest first. What was swept counts only AFTER `revive`
   *  has resolved. A shard that was taken anew is swept from its beginning: memory has forgotten what it held. */
  async sweep(
    epochs: ReadonlyMap<Shard, Epoch>,
    revive: (page: readonly StoredTransaction[]) => Promise<void>,
  ): Promise<void> {
    if (!this.maySweep()) return;
    const { clock, journal } = this.ports;
    this.sweepAt = clock.now() + sweepMs;
    this.forgetUnless([...epochs].join(' '));
    const until = journal.now() + aheadMs;
    const limit = Math.ceil((this.options.wakesPerSecond * sweepMs) / 1_000);
    const { place } = this;
    const page = await journal.due([...epochs.keys()], { until, limit, ...(place && { after: place }) });
    await revive(page);
    const last = page.at(-1);
    if (last?.dueAt !== undefined) this.place = { dueAt: last.dueAt, transactionId: last.transactionId };
    this.horizon = Math.max(this.horizon, until);
  }

  private forgetUnless(sweptFor: string): void {
    if (sweptFor === this.sweptFor) return;
    this.sweptFor = sweptFor;
    this.place = undefined;
  }
}

/** Who waits for a lock is told by what its owner remembers of it. */
function isInQueue(live: LiveTransaction): boolean {
  return live.protocol.claims !== undefined && claimsOf(live).some(({ isAwaited }) => isAwaited);
}
