/**
 * Goal: one seed, one sequence, evenly spread. Method: equal seeds side by side, and counts over many draws.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom, systemRandom } from './random.js';

test('equal seeds give equal sequences within [0, 1)', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const [left, right] = [seededRandom(seed), seededRandom(seed)];
      for (let draw = 0; draw < 20; draw++) {
        const number = left.next();
        expect(number).toBe(right.next());
        expect(number >= 0 && number < 1).toBe(true);
      }
    }),
  );
});

test('neighbouring seeds give different sequences', () => {
  const first = Array.from({ length: 1_000 }, (_, seed) => seededRandom(seed).next());
  expect(new Set(first).size).toBe(1_000);
});

test('draws spread evenly over ten bins', () => {
  const random = seededRandom(7);
  const bins = Array.from({ length: 10 }, () => 0);
  for (let draw = 0; draw < 10_000; draw++) {
    const bin = Math.floor(random.next() * 10);
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  for (const count of bins) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});

test('the host has luck within [0, 1)', () => {
  const number = systemRandom.next();
  expect(number >= 0 && number < 1).toBe(true);
});
