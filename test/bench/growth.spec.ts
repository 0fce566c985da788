/**
 * Goal: points of growth are taken where they were asked for and told rightly. Method: rows whose figures are known.
 */
import { expect, test } from '@jest/globals';
import { growthPicture, growthTable, optionsAt, placesOf, pointLine, type Point } from './growth.js';
import { optionsFor, rowWith } from './row.fixture.js';

const options = optionsFor('growth');
const steps: readonly Point[] = [3, 10, 30].map((at) => ({
  axis: 'steps',
  at,
  row: rowWith({ perSecond: 1_000 / at, p99Ms: at, cpuMs: { total: at / 2, byProcess: { steps: at / 2 } } }),
}));

test('what is filled in is bounded, and each place is measured once', () => {
  expect(placesOf('finished', 1_000_000)).toEqual([1, 100_000, 1_000_000]);
  expect(placesOf('waiting', 50)).toEqual([50]);
  expect(placesOf('clients', 50)).toEqual([1, 16, 256, 2_000]);
});

test('only what the axis says differs', () => {
  expect(optionsAt('clients', 16, options)).toEqual({ ...options, clients: 16 });
  expect(optionsAt('steps', 30, options)).toEqual({ ...options, profile: 'steps', steps: 30 });
  expect(optionsAt('orchestrators', 4, options)).toMatchObject({
    profile: 'kafka',
    orchestrators: 4,
    clients: 1_024,
  });
  expect(optionsAt('finished', 100, options)).toEqual({ ...options, administered: true });
});

test('a point tells its figures in a line and in a row of the table', () => {
  expect(pointLine(steps[1]!)).toBe(
    'steps 10: 100 a second, p50 / p99 1.0 / 10.0 ms, CPU-ms 5.000, CPU-ms a step 0.50 (foreign cores 0.00)',
  );
  const lines = growthTable('steps', steps).split('\n');
  expect(lines[0]).toContain('| CPU-ms a step |');
  expect(lines[3]).toBe('| 10 | 100 | 1.0 / 10.0 | 5.000 | 0.00 | 0.0 | 0.000 | 0.500 | 0.00 |');
  const waiting = growthTable('waiting', [{ axis: 'waiting', at: 10_000, row: rowWith({}), sweepMs: 1.25 }]);
  expect(waiting).toContain('| 10,000 |');
  expect(waiting).toContain('| 1.250 |');
});

test('an axis is a picture of three panels, and one more where it has a figure of its own', () => {
  const panels = (picture: string) => picture.match(/<g transform="translate/g)?.length;
  expect(panels(growthPicture('steps', steps))).toBe(4);
  expect(panels(growthPicture('clients', steps))).toBe(3);
  expect(growthPicture('steps', steps)).toContain('How costs grow with steps of a saga');
});
