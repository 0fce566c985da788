/**
 * Goal: waits stay in bounds and spread. Method: seeded luck, 10,000 draws, and any attempt number.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs } from './backoff.js';
import { seededRandom } from './random.js';

test('S78: 10,000 delays lie in bounds and spread evenly over ten bins', () => {
  const random = seededRandom(78);
  const bins = Array.from({ length: 10 }, () => 0);
  for (let sample = 0; sample < 10_000; sample++) {
    const wait = backoffMs(5, { baseMs: 100, maxMs: 60_000 }, random);
    expect(Number.isInteger(wait) && wait >= 0 && wait <= 1_600).toBe(true);
    const bin = Math.min(9, Math.floor(wait / 160));
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  // 1,000 a bin is fair; 5 standard deviations of a binomial draw are 150.
  for (const count of bins) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});

test('the bound doubles with each attempt and stops at the maximum', () => {
  const worst = { next: () => 1 - Number.EPSILON };
  const waits = [1, 2, 3, 4, 5].map((attempt) => backoffMs(attempt, { baseMs: 100, maxMs: 500 }, worst));
  expect(waits).toEqual([100, 200, 400, 500, 500]);
});

test('any attempt number gives a wait in bounds', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 }), fc.nat(100_000), fc.nat(), (attempt, maxMs, seed) => {
      const wait = backoffMs(attempt, { baseMs: 10, maxMs }, seededRandom(seed));
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual(maxMs);
    }),
  );
});

test.each([0, -1, 1.5, Number.NaN])('attempt %d is a bug', (attempt) => {
  expect(() => backoffMs(attempt, { baseMs: 1, maxMs: 1 }, seededRandom(1))).toThrow(
    'an attempt counts from 1',
  );
});
