/**
 * What the in-process store holds: tables of committed rows, and the locks of open transactions on their keys.
 * It behaves as a database does at READ COMMITTED with row locks; it must never let two transactions own one key.
 */
import { Fault } from '@sagamore/resilience';
import type { MemoryTx } from './memory-tx.js';

/** A key's rows are found together by what stands before its first `#`. */
export function groupOf(key: string): string {
  const end = key.indexOf('#');
  return end === -1 ? key : key.slice(0, end);
}

/** The committed rows of one table. Rows are shared, never copied: treat them as frozen. */
export class MemoryTable {
  readonly rows = new Map<string, unknown>();
  readonly groups = new Map<string, Set<string>>();
  readonly locks = new Map<string, KeyLock>();

  constructor(readonly name: string) {}

  /** Makes a committed write visible; `undefined` deletes. */
  apply(key: string, row: unknown): void {
    const group = groupOf(key);
    if (row === undefined) {
      this.rows.delete(key);
      const keys = this.groups.get(group);
      keys?.delete(key);
      if (keys?.size === 0) this.groups.delete(group);
      return;
    }
    this.rows.set(key, row);
    const keys = this.groups.get(group);
    if (keys === undefined) this.groups.set(group, new Set([key]));
    else keys.add(key);
  }
}

interface Waiter {
  readonly tx: MemoryTx;
  readonly resolve: () => void;
  readonly reject: (fault: Error) => void;
}

/** The lock on one key: one holder, the others in the order they came. */
export class KeyLock {
  private waiters: Waiter[] = [];

  constructor(
    readonly table: MemoryTable,
    private readonly key: string,
    private holder: MemoryTx,
  ) {}

  /** The transaction that every waiter waits for. */
  get heldBy(): MemoryTx {
    return this.holder;
  }

  /** Resolves once `tx` holds the key. Rejects with `SERIALIZATION_CONFLICT` when `tx` is the youngest of a circle. */
  wait(tx: MemoryTx): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.waiters.push({ tx, resolve, reject });
    tx.waitsFor.add(this);
    breakCircle(tx);
    return promise;
  }

  /** Hands the key to the first waiter, or drops the lock. Called once the holder has ended. */
  release(): void {
    const next = this.waiters.shift();
    if (next === undefined) {
      this.table.locks.delete(this.key);
      return;
    }
    this.holder = next.tx;
    next.tx.waitsFor.delete(this);
    next.tx.holds.add(this);
    next.resolve();
    this.resolveOthersOf(next.tx);
    // The rest now wait for another holder, which may close a circle that was open before.
    for (const { tx } of this.waiters.slice()) breakCircle(tx);
  }

  /** Takes `tx` out of the queue; with `fault` its waits reject, without it they never end. */
  leave(tx: MemoryTx, fault?: Error): void {
    tx.waitsFor.delete(this);
    for (const waiter of this.take(tx)) if (fault !== undefined) waiter.reject(fault);
  }

  /** A transaction may ask for one key several times at once; it must not wait for itself. */
  private resolveOthersOf(tx: MemoryTx): void {
    for (const waiter of this.take(tx)) waiter.resolve();
  }

  private take(tx: MemoryTx): readonly Waiter[] {
    const taken = this.waiters.filter((waiter) => waiter.tx === tx);
    if (taken.length > 0) this.waiters = this.waiters.filter((waiter) => waiter.tx !== tx);
    return taken;
  }
}

/** Fails the youngest transaction of a circle of waits through `tx`: the one that has done the least. */
function breakCircle(tx: MemoryTx): void {
  const circle = circleThrough(tx, tx, []);
  if (circle === undefined) return;
  const victim = circle.reduce((youngest, each) => (each.number > youngest.number ? each : youngest));
  const fault = new Fault('SERIALIZATION_CONFLICT', `transaction ${victim.number} waited in a circle`, {
    retryable: true,
  });
  for (const lock of victim.waitsFor) lock.leave(victim, fault);
}

function circleThrough(
  start: MemoryTx,
  at: MemoryTx,
  path: readonly MemoryTx[],
): readonly MemoryTx[] | undefined {
  for (const { heldBy } of at.waitsFor) {
    if (heldBy === start) return [...path, at];
    if (path.includes(heldBy) || heldBy === at) continue;
    const circle = circleThrough(start, heldBy, [...path, at]);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
