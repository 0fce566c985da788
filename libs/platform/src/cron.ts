/**
 * Timetables in the form of cron, for schedules: the one place that knows the library. A local time that a change of clocks
 * skips comes as much later as the clocks were moved, and one that it repeats comes once (S103).
 */
import type { MissedTicks } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import type { Schedule } from '@sagamore/runtime';
import { Cron } from 'croner';

/** A schedule as applications declare it. */
export interface CronSchedule {
  /** Unique in a stack. */
  readonly name: string;
  /** Five fields, or six with seconds first: `30 2 * * *`. */
  readonly cron: string;
  /** As IANA names them; default `UTC`. */
  readonly timeZone?: string;
  /** One that declares its input. */
  readonly definition: string;
  /** What a run begins with. `tick`: ms. */
  readonly input: (tick: number) => unknown;
  /** Default `once`. */
  readonly missed?: MissedTicks;
  /** Default `forbid`. */
  readonly overlap?: Schedule['overlap'];
}

/** Throws `CONFIGURATION_INVALID` for a pattern or a time zone that is none, and for a name that is used twice. */
export function schedulesOf(declared: readonly CronSchedule[]): readonly Schedule[] {
  const names = declared.map(({ name }) => name);
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  if (twice !== undefined) throw unfit(`two schedules are named ${twice}`);
  return declared.map(({ cron, timeZone = 'UTC', missed = 'once', overlap = 'forbid', ...schedule }) => ({
    ...schedule,
    missed,
    overlap,
    timetable: timetableOf(cron, timeZone),
    timetableName: `${cron} ${timeZone}`,
  }));
}

function timetableOf(pattern: string, timezone: string): Schedule['timetable'] {
  try {
    const cron = new Cron(pattern, { timezone, paused: true });
    const next = (ms: number): number | undefined => cron.nextRun(new Date(ms))?.getTime();
    // A wrong time zone is found out at the first question alone.
    next(0);
    return { next };
  } catch (error) {
    throw unfit(`${pattern} in ${timezone} is no timetable`, error);
  }
}

function unfit(problem: string, cause?: unknown): Fault {
  return new Fault('CONFIGURATION_INVALID', problem, { retryable: false, cause });
}
