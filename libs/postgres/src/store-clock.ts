/**
 * The store's clock as this host knows it: the last reading, carried forward on the host's monotonic clock (R15).
 * The host's own wall clock is never asked: it may be wrong by minutes.
 */
import { performance } from 'node:perf_hooks';
import { statement } from './statement.js';

/** Reads the clock; rides along with statements that are sent anyway. */
export const readClock = statement(
  'clock-read',
  'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
);

/** Two clocks drift apart by some microseconds in this time. */
const freshForMs = 1_000;

export class StoreClock {
  #offsetMs: number | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #last = 0;

  /** Whether a statement that is sent now should carry a reading. Asking counts as sending, so that of many
   *  statements sent together one does. */
  wantsReading(): boolean {
    const now = performance.now();
    if (now - this.#readAt < freshForMs) return false;
    this.#readAt = now;
    return true;
  }

  /** Takes a reading that has just arrived. It lies behind the truth by the way back, never ahead of it. */
  observe(storeMs: number): void {
    this.#readAt = performance.now();
    this.#offsetMs = storeMs - this.#readAt;
  }

  /** Whole ms of the store's clock. Does not run backwards, unless the store's clock itself was set back by more
   *  than a second. */
  now(): number {
    if (this.#offsetMs === undefined) throw new Error('the clock of the store has not been read yet');
    const now = Math.floor(performance.now() + this.#offsetMs);
    this.#last = now < this.#last - freshForMs ? now : Math.max(now, this.#last);
    return this.#last;
  }
}
