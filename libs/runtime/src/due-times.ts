/**
 * Which transactions time will be an event for, and when. Kept in memory only: every due time is a function of the
 * state (`dueAt`), so a new owner has them again as soon as it has replayed the journal (R15).
 */
import type { TransactionId } from '@sagamore/engine';

/** Instants are rounded up to this many ms: nobody's deadline is finer, and few buckets are cheap to walk. */
const granularityMs = 25;

export class DueTimes {
  private readonly buckets = new Map<number, Set<TransactionId>>();
  private readonly bucketOf = new Map<TransactionId, number>();

  /** Sets the one due time of a transaction; `undefined` forgets it. `at`: ms of the store's clock. */
  set(id: TransactionId, at: number | undefined): void {
    this.forget(id);
    if (at === undefined) return;
    const bucket = Math.ceil(at / granularityMs);
    this.bucketOf.set(id, bucket);
    const ids = this.buckets.get(bucket);
    if (ids === undefined) this.buckets.set(bucket, new Set([id]));
    else ids.add(id);
  }

  forget(id: TransactionId): void {
    const bucket = this.bucketOf.get(id);
    if (bucket === undefined) return;
    this.bucketOf.delete(id);
    const ids = this.buckets.get(bucket);
    ids?.delete(id);
    if (ids?.size === 0) this.buckets.delete(bucket);
  }

  /** Takes out and returns those due at `now`, earliest first, at most `max`. */
  take(now: number, max = Infinity): readonly TransactionId[] {
    const due = [...this.buckets.keys()]
      .filter((bucket) => bucket * granularityMs <= now)
      .sort((a, b) => a - b);
    const ids: TransactionId[] = [];
    for (const bucket of due) {
      if (ids.length >= max) break;
      ids.push(...[...(this.buckets.get(bucket) ?? [])].slice(0, max - ids.length));
    }
    for (const id of ids) this.forget(id);
    return ids;
  }

  has(id: TransactionId): boolean {
    return this.bucketOf.has(id);
  }

  get size(): number {
    return this.bucketOf.size;
  }
}
