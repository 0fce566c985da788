/**
 * Vector clocks (Fidge, Mattern 1988): one counter a node, which tell "led to" from "neither knew of the other".
 * That is what decides whether two versions of a value conflict. Their size grows with the nodes that ever wrote.
 */
import assert from 'node:assert';

/** A count of events for each node; an absent node counts 0. */
export type VectorTime = ReadonlyMap<string, number>;

/** How `left` stands to `right`. */
export type Causality = 'before' | 'after' | 'concurrent' | 'equal';

/** Whether what happened at `left` led to `right` (`before`), the reverse, neither, or both are the same moment. */
export function compareVectors(left: VectorTime, right: VectorTime): Causality {
  const leftIsAhead = isAhead(left, right);
  const rightIsAhead = isAhead(right, left);
  if (leftIsAhead && rightIsAhead) return 'concurrent';
  if (leftIsAhead) return 'after';
  return rightIsAhead ? 'before' : 'equal';
}

/** The earliest time that is not before either. Commutative, associative, idempotent: merging in any order agrees. */
export function mergeVectors(left: VectorTime, right: VectorTime): VectorTime {
  const merged = new Map(left);
  for (const [node, count] of right) merged.set(node, Math.max(count, merged.get(node) ?? 0));
  return merged;
}

/** The clock of one node. The times it hands out are never changed afterwards. */
export class VectorClock {
  constructor(
    readonly node: string,
    private time: VectorTime = new Map(),
  ) {}

  /** The time of the latest event. */
  get now(): VectorTime {
    return this.time;
  }

  /** The time of a new local event, also of sending: after all that was observed. */
  tick(): VectorTime {
    const count = (this.time.get(this.node) ?? 0) + 1;
    assert(Number.isSafeInteger(count), `a count was wanted for ${this.node}, found ${count}`);
    this.time = new Map(this.time).set(this.node, count);
    return this.time;
  }

  /** The time of receiving a message that was sent at `remote`: after both. */
  observe(remote: VectorTime): VectorTime {
    this.time = mergeVectors(this.time, remote);
    return this.tick();
  }
}

function isAhead(left: VectorTime, right: VectorTime): boolean {
  for (const [node, count] of left) if (count > (right.get(node) ?? 0)) return true;
  return false;
}
