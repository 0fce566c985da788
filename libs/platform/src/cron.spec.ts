/**
 * Goal: timetables mean what people in their time zone mean. Method: the two nights a year on which clocks change.
 */
import { describe, expect, test } from '@jest/globals';
import { schedulesOf, type CronSchedule } from './cron.js';

const nightly: CronSchedule = {
  name: 'nightly',
  cron: '30 2 * * *',
  timeZone: 'Europe/Berlin',
  definition: 'report',
  input: () => ({}),
};

function ticks(given: Partial<CronSchedule>, from: string, count: number): readonly string[] {
  const [schedule] = schedulesOf([{ ...nightly, ...given }]);
  const found: string[] = [];
  for (let at: number | undefined = Date.parse(from); found.length < count;) {
    at = schedule?.timetable.next(at);
    if (at === undefined) break;
    found.push(new Date(at).toISOString());
  }
  return found;
}

describe('S103: a job at 02:30', () => {
  test('runs once in the night in which 02:30 comes twice', () => {
    expect(ticks({}, '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  test('runs once in the night in which 02:30 does not come', () => {
    expect(ticks({}, '2027-03-27T12:00:00Z', 2)).toEqual([
      '2027-03-28T01:00:00.000Z',
      '2027-03-29T00:30:00.000Z',
    ]);
  });

  test('in another zone is another instant', () => {
    expect(ticks({ timeZone: 'UTC' }, '2026-10-24T12:00:00Z', 1)).toEqual(['2026-10-25T02:30:00.000Z']);
  });
});

test('what is given no policy misses once and never overlaps', () => {
  expect(schedulesOf([nightly])).toMatchObject([
    { missed: 'once', overlap: 'forbid', timetableName: '30 2 * * * Europe/Berlin' },
  ]);
});

test.each([[{ cron: 'every night' }], [{ timeZone: 'Mars/Olympus' }]])(
  'I45: %j is refused at start',
  (given) => {
    expect(() => schedulesOf([{ ...nightly, ...given }])).toThrow('is no timetable');
  },
);

test('I45: a name that is used twice is refused at start', () => {
  expect(() => schedulesOf([nightly, nightly])).toThrow('two schedules are named nightly');
});
