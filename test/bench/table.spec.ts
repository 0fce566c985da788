/**
 * Goal: every row of the table stands beside the floor of its own round. Method: rounds whose figures are known.
 */
import { expect, test } from '@jest/globals';
import type { Floor } from './floor.js';
import { optionsFor, rowWith } from './row.fixture.js';
import { tableMarkdown, tablePicture, tableRows, variantsOf, type Round } from './table.js';

const floor = (total: number): Floor => ({
  batch: 250,
  perSecond: 1_000,
  cpuMs: { total, postgres: total * 0.75, node: total * 0.25 },
  rows: 35,
  walBytes: 14_000,
  foreignCores: 0,
});
const row = (total: number) => rowWith({ perSecond: 700, cpuMs: { total, byProcess: { local: total } } });
const rounds: readonly Round[] = [
  { floors: [floor(0.4), floor(0.6)], rows: [row(1.5)] },
  // The machine got slower: everything costs twice as much, and the ratio is the same.
  { floors: [floor(0.9), floor(1.1)], rows: [row(3)] },
];

test('a row is held against the mean of the floors around it', () => {
  const [found, ...others] = tableRows(rounds);
  expect(others).toEqual([]);
  expect(found?.name).toBe('local, service');
  expect(found?.ratios.map((ratio) => Number(ratio.toFixed(6)))).toEqual([3, 3]);
});

test('the table has a median, and least and most where there are several rounds', () => {
  const text = tableMarkdown(rounds);
  expect(text).toContain('| 2.25 (1.50 to 3.00) | 3.00 (3.00 to 3.00) |');
  expect(text).toContain('Floor: 0.75 (0.40 to 1.10) CPU-ms, measured 4 times.');
  expect(tableMarkdown(rounds.slice(0, 1))).toContain('| 1.50 | 3.00 |');
});

test('the picture begins with the floor', () => {
  const picture = tablePicture(rounds);
  expect(picture.indexOf('floor, bare SQL')).toBeLessThan(picture.indexOf('local, service'));
  expect(picture).toContain('3.0 floors');
});

test('two-phase commit is measured over Kafka, beside fewer clients', () => {
  const variants = variantsOf(optionsFor('table'));
  expect(
    variants.map(({ profile, entries, protocol, clients }) => [profile, ...entries, protocol, clients]),
  ).toEqual([
    ['local', 'service', 'saga', 256],
    ['local', 'rest', 'saga', 256],
    ['kafka', 'service', 'saga', 1_024],
    ['kafka', 'rest', 'saga', 1_024],
    ['kafka', 'service', 'two-phase-commit', 256],
  ]);
});
