/**
 * What is kept of transactions that came to their end, and how it goes: two ports, the orchestrator's and a participant's.
 * They remove in bounded batches by ranges of ids, so nobody who writes ever waits for them; when and how far is
 * `Retention`'s affair. They must never remove what somebody may still ask for (R5, R16).
 */
import type { TransactionId } from '@sagamore/engine';

/** How far one batch of a removal goes. */
export interface RemovalPage {
  /** Ids from here on are left alone. */
  readonly before: TransactionId;
  /** What ended later is left alone, ms of the store's clock. */
  readonly endedBefore: number;
  /** Transactions that are looked at. */
  readonly limit: number;
  /** Continue after this id. */
  readonly after?: TransactionId;
}

export interface Removal {
  /** Transactions that are gone now. */
  readonly removed: number;
  /** The last that was looked at; absent when there was none. */
  readonly last?: TransactionId;
}

/** What is remembered of a transaction that was removed. */
export interface Tombstone {
  readonly transactionId: TransactionId;
  /** How it ended. */
  readonly status: string;
}

/** The orchestrator's past. */
export abstract class History {
  /** Looks at the next transactions in order of id, and removes those that ended, with their events and late replies. One that began in the
   *  same ms as another that has not ended, or not long enough ago, stays: parents and children share their first 48 bits,
   *  so a family goes together or not at all (S108).
   *  A removal takes two calls, at least a minute apart: the first plants a tombstone, under which no start of this id
   *  begins any more, the second removes. So a start that was under way when the first looked is seen by the second (S45).
   *  Idempotent. */
  abstract remove(page: RemovalPage): Promise<Removal>;
  /** Removes up to `limit` audit rows older than `before`, ms, whose transactions have ended; answers how many. */
  abstract removeAudits(before: number, limit: number): Promise<number>;
  /** Removes up to `limit` tombstones with ids below `before`; answers how many. */
  abstract forget(before: TransactionId, limit: number): Promise<number>;
  /** Those of `ids` that were removed and not forgotten. */
  abstract removed(ids: readonly TransactionId[]): Promise<readonly Tombstone[]>;
  /** Raises the horizon to `floor`, but not past the oldest transaction that is stored, and answers how far everybody may
   *  forget: what was raised by an EARLIER call, so that whatever was beginning meanwhile has been seen since. No
   *  transaction with an id below the horizon will ever begin (R5). It is a UUID of version 7: the ms of the oldest stays whole. */
  abstract raiseHorizon(floor: TransactionId): Promise<TransactionId>;
  /** The store's clock in ms, carried forward on the host's monotonic clock. */
  abstract now(): number;
}

/** A participant's past. */
export abstract class BarrierHistory {
  /** Removes up to `limit` barrier rows of transactions with ids below `before`, but no claimed ones: a call is under way
   *  behind each. Answers how many went. Idempotent. */
  abstract removeBelow(before: TransactionId, limit: number): Promise<number>;
  abstract now(): number;
}
