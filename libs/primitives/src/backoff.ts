/**
 * How long to wait before the next try. A pure draw: whoever waits brings the luck, so that one seed replays the waits,
 * and a journal may carry the drawn instant (R15). It never looks at a clock and never counts the tries itself.
 */
import assert from 'node:assert';
import type { Random } from './random.js';

export interface Backoff {
  /** The longest wait before the second try, ms; doubled for each try after it. */
  readonly baseMs: number;
  /** No wait is ever longer, ms. */
  readonly maxMs: number;
}

/** The wait after the failed try `attempt` (from 1), in whole ms, between 0 and min(maxMs, baseMs * 2^(attempt-1)).
 *  Full jitter: clients that failed together do not return together. Any attempt is safe; the doubling saturates. */
export function backoffMs(attempt: number, { baseMs, maxMs }: Backoff, random: Random): number {
  assert(Number.isInteger(attempt) && attempt >= 1, `an attempt counts from 1, found ${attempt}`);
  assert(baseMs >= 0 && maxMs >= 0, `waits are not negative, found ${baseMs} and ${maxMs}`);
  return Math.round(random.next() * Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 1_000)));
}
