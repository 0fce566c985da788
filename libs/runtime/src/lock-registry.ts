/**
 * What the registry of semantic locks is told and what it answers: claims that come and go with a journal batch, and the
 * queues as they stand. Who holds what, and who must give way, is decided from these rows in `engine/locks`.
 */
import type { BranchId, LockClaim, LockRow, TransactionId } from '@sagamore/engine';
import { claimsOf, type Decision } from './decision.js';
import type { Shard } from './ports.js';

/** A claim that comes with the event that led to it. */
export interface LockTaking extends Omit<LockClaim, 'isAwaited'> {
  readonly transactionId: TransactionId;
  readonly shard: Shard;
  /** When its transaction began; ms of the store's clock. */
  readonly startedAt: number;
}

/** A claim that goes: withdrawn, or given up with the event that brought its transaction to its end. */
export interface LockRelease {
  readonly transactionId: TransactionId;
  readonly shard: Shard;
  readonly branchId: BranchId;
  readonly key: string;
}

export interface LockChanges {
  readonly taken: readonly LockTaking[];
  readonly released: readonly LockRelease[];
}

/** A row of the registry. */
export interface StoredLock extends LockRow {
  readonly shard: Shard;
  /** ms of the store's clock. */
  readonly claimedAt: number;
}

/** What decisions change in the registry; undefined where no definition among them knows of locks, which is what the hot
 *  road pays for them. */
export function lockChangesOf(decisions: readonly Decision[]): LockChanges | undefined {
  const concerned = decisions.filter(({ after }) => after.protocol.claims !== undefined);
  if (concerned.length === 0) return undefined;
  const changes = { taken: concerned.flatMap(takenBy), released: concerned.flatMap(releasedBy) };
  return changes.taken.length + changes.released.length === 0 ? undefined : changes;
}

function takenBy({ after, claimsBefore = [] }: Decision): readonly LockTaking[] {
  const known = new Set(claimsBefore.map(({ branchId }) => branchId));
  const { transactionId, shard, startedAt } = after.record;
  return claimsOf(after)
    .filter(({ branchId }) => !known.has(branchId))
    .map(({ key, branchId, policy, canYield }) => {
      return { transactionId, shard, startedAt, key, branchId, policy, canYield };
    });
}

function releasedBy({ after, claimsBefore = [] }: Decision): readonly LockRelease[] {
  const kept = new Set(claimsOf(after).map(({ branchId }) => branchId));
  const { transactionId, shard } = after.record;
  return claimsBefore
    .filter(({ branchId }) => !kept.has(branchId))
    .map(({ branchId, key }) => ({ transactionId, shard, branchId, key }));
}
