/**
 * Goal: whatever was missed, the policy is followed, nothing fires twice, and everybody decides alike.
 * Method: timetables of even steps, and fast-check over steps, absences and looks.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ticksDue, withoutOverlap, type MissedTicks, type Timetable } from './ticks.js';

const every = (step: number): Timetable => ({ next: (ms) => (Math.floor(ms / step) + 1) * step });
const hourly = every(60);
const question = { timetable: hourly, graceMs: 10, max: 100 };

describe('S103: a schedule that missed three ticks and comes back five after the fourth', () => {
  const back = { ...question, nextAt: 60, now: 245 };
  test.each([
    ['skip', [240]],
    ['once', [60, 240]],
    ['all', [60, 120, 180, 240]],
  ] as const)('with %s', (missed, ticks) => {
    expect(ticksDue({ ...back, missed })).toEqual({ ticks, nextAt: 300 });
  });

  test.each([
    ['skip', []],
    ['once', [60]],
    ['all', [60, 120, 180]],
  ] as const)('and with %s, when it comes back between two', (missed, ticks) => {
    expect(ticksDue({ ...back, now: 230, missed })).toEqual({ ticks, nextAt: 240 });
  });
});

test('a tick that is on time counts under every policy, and is looked at once', () => {
  for (const missed of ['skip', 'once', 'all'] as const) {
    const first = ticksDue({ ...question, missed, nextAt: 60, now: 69 });
    expect(first).toEqual({ ticks: [60], nextAt: 120 });
    expect(ticksDue({ ...question, missed, nextAt: first.nextAt ?? 0, now: 119 })).toEqual({
      ticks: [],
      nextAt: 120,
    });
  }
});

test('no more are caught up than were allowed, the oldest first, and the rest is dropped', () => {
  expect(ticksDue({ ...question, max: 2, missed: 'all', nextAt: 60, now: 6_005 })).toEqual({
    ticks: [60, 120],
    nextAt: 6_060,
  });
});

test('a timetable that ends has no next tick', () => {
  const once: Timetable = { next: (ms) => (ms < 60 ? 60 : undefined) };
  expect(ticksDue({ ...question, timetable: once, missed: 'all', nextAt: 60, now: 65 })).toEqual({
    ticks: [60],
    nextAt: undefined,
  });
});

test('S103: without overlap only the first may start, and none while one runs', () => {
  expect(withoutOverlap([60, 120], false)).toEqual([60]);
  expect(withoutOverlap([60, 120], true)).toEqual([]);
  expect(withoutOverlap([], false)).toEqual([]);
});

test('S103: however often anybody looks, no tick is answered twice and none before its time; all of them with `all`', () => {
  const missedTicks = fc.constantFrom<MissedTicks>('skip', 'once', 'all');
  const looks = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.integer({ min: 5, max: 90 }), missedTicks, looks, (step, missed, pauses) => {
      const timetable = every(step);
      let nextAt: number | undefined = step;
      let now = 0;
      const seen: number[] = [];
      for (const pause of pauses) {
        now += pause;
        const decision = ticksDue({
          timetable,
          nextAt: nextAt ?? Infinity,
          now,
          missed,
          graceMs: 10,
          max: 1_000,
        });
        expect(decision.ticks.every((tick) => tick <= now)).toBe(true);
        expect(decision.nextAt ?? Infinity).toBeGreaterThan(now);
        seen.push(...decision.ticks);
        ({ nextAt } = decision);
      }
      expect(seen).toEqual([...new Set(seen)].toSorted((one, other) => one - other));
      if (missed === 'all') expect(seen).toHaveLength(Math.floor(now / step));
    }),
  );
});
