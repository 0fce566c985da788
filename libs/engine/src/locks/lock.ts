/**
 * Semantic locks as data: one queue a key, in the order in which claims were committed. Who holds is never stored: it
 * follows from the queue, so that no owner's crash can leave a grant half given.
 * A claim is held once nothing earlier excludes it, and as rows only ever leave the queue before it, it stays held.
 */
import type { BranchId, TransactionId } from '../standing.js';

/** What a transaction does about a key that another one holds. `wait`: stands in the queue · `fail`: is refused ·
 *  `commutative`: shares it with others who say so, and waits for those who do not · `reread`: goes on at once, and
 *  is handed a version by which its participant refuses to overwrite what is newer (S30). */
export type LockPolicy = 'wait' | 'fail' | 'commutative' | 'reread';

/** One lock that a transaction holds or asks for. */
export interface LockClaim {
  /** What is locked, in the business's words, e.g. `order/7`. */
  readonly key: string;
  /** The place in the definition that asks; unique in its transaction. */
  readonly branchId: BranchId;
  readonly policy: LockPolicy;
  /** Whether the transaction could still be undone if it had to give way (S102). */
  readonly canYield: boolean;
  /** Whether it was asked for and not answered yet. */
  readonly isAwaited: boolean;
}

/** What a transaction is given. `version` grows with each claim of one key: a participant that keeps the highest it has
 *  seen refuses to overwrite what is newer, an undo that comes late included (S30). */
export interface Lock {
  readonly key: string;
  readonly version: number;
}

/** A claim as the registry keeps it. */
export interface LockRow extends Omit<LockClaim, 'isAwaited'> {
  readonly transactionId: TransactionId;
  /** Where it stands: grows with each claim of one key, so that it also tells the newer of two holders. */
  readonly place: number;
  /** When its transaction began; ms of the store's clock. */
  readonly startedAt: number;
}

/** An edge of the wait-for graph: who waits, for what, and for whom. */
export interface WaitsFor {
  readonly transactionId: TransactionId;
  readonly key: string;
  readonly holder: TransactionId;
}

/** What became of a claim. `version` grows with each claim of one key. `deadlock`: the circle that it was chosen to
 *  break. */
export type LockAnswer =
  | { readonly outcome: 'granted'; readonly version: number }
  | { readonly outcome: 'held'; readonly by: readonly TransactionId[] }
  | { readonly outcome: 'deadlock'; readonly cycle: readonly WaitsFor[] };

/** The rows that keep `row` from being held: earlier ones of its key that exclude it. Nobody excludes themselves.
 *  `queue`: at least every row of that key, in order of place. */
export function blockersOf(row: LockRow, queue: readonly LockRow[]): readonly LockRow[] {
  const place = standingOf(row, queue);
  return queue.filter(
    (other) =>
      other.key === row.key &&
      other.place < place &&
      other.transactionId !== row.transactionId &&
      excludes(other.policy, row.policy),
  );
}

/** Who has claimed a key as strongly before does not queue for it again, behind those who wait for them. */
function standingOf({ key, place, policy, transactionId }: LockRow, queue: readonly LockRow[]): number {
  const earlier = queue.find(
    (own) =>
      own.transactionId === transactionId &&
      own.key === key &&
      own.place < place &&
      (own.policy === policy || own.policy === 'wait' || own.policy === 'fail'),
  );
  return earlier?.place ?? place;
}

function excludes(held: LockPolicy, asked: LockPolicy): boolean {
  if (held === 'reread' || asked === 'reread') return false;
  return held !== 'commutative' || asked !== 'commutative';
}

/** What to tell a claim now; undefined while it has to wait. */
export function judgeClaim(row: LockRow, queue: readonly LockRow[]): LockAnswer | undefined {
  const blockers = blockersOf(row, queue);
  if (blockers.length === 0) return { outcome: 'granted', version: row.place };
  return row.policy === 'fail' ? { outcome: 'held', by: transactionsOf(blockers) } : undefined;
}

function transactionsOf(rows: readonly LockRow[]): readonly TransactionId[] {
  return [...new Set(rows.map(({ transactionId }) => transactionId))];
}
