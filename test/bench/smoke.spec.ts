/**
 * Goal: a dearer order is noticed and a noisy machine is not taken for one. Method: turns whose figures are known.
 */
import { expect, test } from '@jest/globals';
import { cheapest, readRecorded, verdictOf } from './smoke.js';

const recorded = { ratio: 3, floorMs: 0.5, orderMs: 1.5 };

test('noise only adds: of each the cheapest turn counts', () => {
  const found = cheapest([
    { floorMs: 0.9, orderMs: 1.6 },
    { floorMs: 0.5, orderMs: 4 },
    { floorMs: 0.6, orderMs: 1.5 },
  ]);
  expect(found).toEqual(recorded);
});

test('a slower machine passes, for the ratio is the same', () => {
  expect(verdictOf({ ratio: 3, floorMs: 5, orderMs: 15 }, recorded)).toMatchObject({ passes: true });
  expect(verdictOf({ ratio: 3.74, floorMs: 0.5, orderMs: 1.87 }, recorded).text).toContain('+25 %');
});

test('an order that costs over a quarter more fails, and the way out is told', () => {
  const { passes, text } = verdictOf({ ratio: 3.9, floorMs: 0.5, orderMs: 1.95 }, recorded);
  expect(passes).toBe(false);
  expect(text).toContain('+30 %');
  expect(text).toContain('npm run bench:smoke -- --record');
});

test('there is a record to be held against', () => {
  const { ratio, floorMs, orderMs } = readRecorded();
  expect(ratio).toBeCloseTo(orderMs / floorMs, 1);
});
