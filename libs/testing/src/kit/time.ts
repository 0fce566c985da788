/**
 * Time as tests write it: `'30 days'`, `'2026-03-01T00:00:00Z'`. Only translation; nobody here waits or reads a clock.
 */

const unitsMs = {
  ms: 1,
  second: 1_000,
  seconds: 1_000,
  minute: 60_000,
  minutes: 60_000,
  hour: 3_600_000,
  hours: 3_600_000,
  day: 86_400_000,
  days: 86_400_000,
  week: 604_800_000,
  weeks: 604_800_000,
} as const;

/** A length of time: ms, or a number and a unit. A day has 24 hours. */
export type Duration = number | `${number} ${keyof typeof unitsMs}`;

/** A point in time: ms since 1970, ISO 8601 text, or a `Date`. */
export type Instant = number | string | Date;

function isUnit(word: string | undefined): word is keyof typeof unitsMs {
  return word !== undefined && Object.hasOwn(unitsMs, word);
}

/** ms. Throws a `RangeError` for what is no length of time. */
export function msOf(duration: Duration): number {
  const [count, unit] = typeof duration === 'number' ? [duration, 'ms'] : duration.split(' ');
  const ms = isUnit(unit) ? Number(count) * unitsMs[unit] : NaN;
  if (!Number.isFinite(ms) || ms < 0)
    throw new RangeError(`"${duration}" is no length of time; write ms as a number, or e.g. '30 days'`);
  return ms;
}

/** ms since 1970. Throws a `RangeError` for what is no point in time. */
export function instantOf(instant: Instant): number {
  const at = typeof instant === 'number' ? instant : new Date(instant).getTime();
  if (!Number.isFinite(at))
    throw new RangeError(`"${String(instant)}" is no point in time; write e.g. '2026-03-01T00:00:00Z'`);
  return at;
}

/** How far `ms` is from the beginning, for stories: `+90 s`. */
export function sinceBeginning(ms: number): string {
  const day = unitsMs.day;
  return ms >= day ? `+${(ms / day).toFixed(1)} days` : `+${(ms / 1_000).toFixed(1)} s`;
}
