/**
 * Goal: requests move apart where a few come together, and nowhere else, within bounds.
 * Method: the rule alone, over rows and over any history.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Pace } from './pace.js';

const afterAll = (counts: readonly number[]): number => {
  const pace = new Pace(5, 20);
  for (const count of counts) pace.gathered(count);
  return pace.distanceMs;
};

test.each([
  ['nobody yet', [], 5],
  ['always one alone', [1, 1, 1], 5],
  ['a few, once', [3], 7.5],
  ['a few, again and again', [3, 3, 3, 3, 3, 3], 20],
  ['plenty', [100, 100], 5],
  ['a few, then plenty', [3, 3, 3, 3, 40, 40, 40, 40], 5],
  ['a few, then one alone each time', [3, 3, 3, 3, 1, 1, 1, 1], 5],
])('%s', (_name, counts, distance) => {
  expect(afterAll(counts)).toBe(distance);
});

test('it stays between its bounds, whatever comes', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50)), (counts) => {
      expect(afterAll(counts)).toBeGreaterThanOrEqual(5);
      expect(afterAll(counts)).toBeLessThanOrEqual(20);
    }),
  );
});

test('switched off, it keeps no distance', () => {
  const pace = new Pace(0, 0);
  pace.gathered(3);
  expect(pace.distanceMs).toBe(0);
});
