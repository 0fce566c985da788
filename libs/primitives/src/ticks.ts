/**
 * Which instants of a timetable are to be acted upon now, given where the last look ended: the decision of a scheduler that
 * was away for a while. Pure: the timetable is handed in, and so is the time.
 */

/** Instants in rising order, ms. `next`: the first one strictly after `ms`; undefined when there is none. */
export interface Timetable {
  next(ms: number): number | undefined;
}

/** What becomes of ticks that nobody was there for: none of them counts, one of them for all, or every one. */
export type MissedTicks = 'skip' | 'once' | 'all';

export interface TickQuestion {
  readonly timetable: Timetable;
  /** The first tick that was not looked at yet. */
  readonly nextAt: number;
  readonly now: number;
  readonly missed: MissedTicks;
  /** A tick that is older than this was missed, ms. */
  readonly graceMs: number;
  /** Ticks that are answered at most, from 1. */
  readonly max: number;
}

export interface TickDecision {
  /** In rising order; the same for everybody who asks the same. */
  readonly ticks: readonly number[];
  /** Where the next look begins; undefined when nothing follows. It is later than `now`: what is not answered is dropped. */
  readonly nextAt: number | undefined;
}

/** Of those that were missed the oldest come first, so that everybody who asks begins with the same one. */
export function ticksDue({ timetable, nextAt, now, missed, graceMs, max }: TickQuestion): TickDecision {
  if (nextAt > now) return { ticks: [], nextAt };
  const late = now - graceMs;
  const caughtUp =
    missed === 'skip' || nextAt >= late ? [] : walk(timetable, nextAt, late, missed === 'once' ? 1 : max);
  const fresh = nextAt >= late ? nextAt : timetable.next(late - 1);
  const onTime = fresh === undefined ? [] : walk(timetable, fresh, now + 1, max);
  return { ticks: [...caughtUp, ...onTime].slice(0, max), nextAt: timetable.next(now) };
}

/** Those of `ticks` that may start a run, where no second one may run beside a first: the first, if none runs. */
export function withoutOverlap(ticks: readonly number[], isRunning: boolean): readonly number[] {
  return isRunning ? [] : ticks.slice(0, 1);
}

function walk(timetable: Timetable, from: number, before: number, max: number): readonly number[] {
  const ticks: number[] = [];
  for (
    let tick: number | undefined = from;
    tick !== undefined && tick < before;
    tick = timetable.next(tick)
  ) {
    if (ticks.push(tick) === max) break;
  }
  return ticks;
}
