/**
 * Lamport's clock (1978): one counter that orders every effect after its cause. It cannot tell concurrent events from
 * ordered ones (a vector clock can) and says nothing about real time (a hybrid clock does). It keeps nothing but a number.
 */
import assert from 'node:assert';

/** A counter for one process. If event a led to event b, then a's time is lower; the converse does not hold. */
export class LamportClock {
  /** `start`: where an earlier life of this process left off. */
  constructor(private time = 0) {
    assert(isTime(time), `a Lamport time was wanted, found ${time}`);
  }

  /** The time of the latest event. */
  get now(): number {
    return this.time;
  }

  /** The time of a new local event, also of sending: above every time given or observed so far. */
  tick(): number {
    return this.raiseAbove(this.time);
  }

  /** The time of receiving a message that was sent at `remote`: above both. */
  observe(remote: number): number {
    assert(isTime(remote), `a Lamport time was wanted, found ${remote}`);
    return this.raiseAbove(Math.max(this.time, remote));
  }

  private raiseAbove(time: number): number {
    assert(time < Number.MAX_SAFE_INTEGER, 'a Lamport clock has no time left');
    this.time = time + 1;
    return this.time;
  }
}

function isTime(time: number): boolean {
  return Number.isSafeInteger(time) && time >= 0;
}
