/**
 * Goal: a row that looks broken while its transaction is on its way alarms nobody, and one that stays broken is told once and
 * is told to be gone. Method: findings as data, and a clock that is a number.
 */
import { describe, expect, test } from '@jest/globals';
import type { Finding } from './audit.js';
import { violationsMax, type Check, type Violation } from './check.js';
import { StandingFindings } from './standing.js';

const graceMs = 60_000;
const atRest: Check = { id: 'I07', title: 'at rest', run: () => Promise.resolve([]) };
const atOnce: Check = { ...atRest, id: 'I02', title: 'always', always: true };
const row: Violation = { sku: 'COFFEE', available: 3 };

const finding = (check: Check, ...violations: readonly Violation[]): Finding => ({
  check,
  violations,
  ms: 1,
});
const told = ({ found, gone }: ReturnType<StandingFindings['observe']>) => ({
  found: found.map(({ violation }) => violation),
  gone: gone.map(({ violation }) => violation),
});

describe('what must hold once a transaction is at rest', () => {
  test('is suspected first, and is a finding when it has stood for the grace', () => {
    const standing = new StandingFindings(graceMs);
    expect(told(standing.observe([finding(atRest, row)], 0))).toEqual({ found: [], gone: [] });
    expect([standing.suspected, standing.findings]).toEqual([1, []]);
    expect(told(standing.observe([finding(atRest, row)], graceMs - 1)).found).toEqual([]);
    expect(told(standing.observe([finding(atRest, row)], graceMs)).found).toEqual([row]);
    expect([standing.suspected, standing.findings.length]).toEqual([0, 1]);
  });

  test('is nothing when it is whole again within the grace, and begins anew when it breaks again', () => {
    const standing = new StandingFindings(graceMs);
    standing.observe([finding(atRest, row)], 0);
    expect(told(standing.observe([finding(atRest)], 30_000))).toEqual({ found: [], gone: [] });
    standing.observe([finding(atRest, row)], 50_000);
    expect(told(standing.observe([finding(atRest, row)], 70_000)).found).toEqual([]);
    expect(standing.suspected).toBe(1);
  });

  test('is another suspicion where the amount is another: what moves is no finding', () => {
    const standing = new StandingFindings(graceMs);
    for (let round = 0; round < 10; round++) {
      const moved = { ...row, available: round };
      expect(told(standing.observe([finding(atRest, moved)], round * 30_000)).found).toEqual([]);
    }
  });
});

test('what must hold at every moment is a finding at once', () => {
  const standing = new StandingFindings(graceMs);
  expect(told(standing.observe([finding(atOnce, row)], 0)).found).toEqual([row]);
});

test('a finding is told once, and once more when it is gone', () => {
  const standing = new StandingFindings(graceMs);
  standing.observe([finding(atOnce, row)], 0);
  expect(told(standing.observe([finding(atOnce, row)], 1))).toEqual({ found: [], gone: [] });
  expect(told(standing.observe([finding(atOnce)], 2))).toEqual({ found: [], gone: [row] });
  expect(told(standing.observe([finding(atOnce)], 3))).toEqual({ found: [], gone: [] });
});

test.each([
  ['that was not asked', { ...finding(atOnce), skipped: 'no ledgers' }],
  [
    'that had more rows than are shown',
    finding(atOnce, ...Array.from({ length: violationsMax }, (_, number) => ({ number }))),
  ],
])('a check %s takes no finding back', (_what, unsure) => {
  const standing = new StandingFindings(graceMs);
  standing.observe([finding(atOnce, row)], 0);
  expect(told(standing.observe([unsure], 1)).gone).toEqual([]);
  expect(standing.findings.map(({ violation }) => violation)).toContainEqual(row);
});
