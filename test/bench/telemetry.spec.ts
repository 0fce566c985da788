/**
 * Goal: what seeing costs is read rightly from the rounds. Method: rounds whose rates are known.
 */
import { expect, test } from '@jest/globals';
import { rowWith } from './row.fixture.js';
import { costs, costTable, type Variant, type VariantRun } from './telemetry.js';

function run(round: number, variant: Variant, perSecond: number, cpuMs: number): VariantRun {
  return { round, variant, row: rowWith({ perSecond, cpuMs: { total: cpuMs, byProcess: {} } }) };
}

const rounds = [
  // A slow round: everything takes twice as long, and the shares are the same.
  [0, 500, 1],
  [1, 1_000, 0.5],
  [2, 1_000, 0.5],
] as const;
const runs = rounds.flatMap(([round, rate, cpu]) => [
  run(round, 'plain', rate, cpu),
  run(round, 'traced-10', rate * 0.96, cpu * 1.04),
  run(round, 'traced-100', rate * (round === 2 ? 0.7 : 0.75), cpu * 1.3),
  run(round, 'uncounted', rate * 1.25, cpu * 0.8),
]);

test('a cost is of two runs of one round, and the middle of all rounds counts', () => {
  const [tenth, all, metrics] = costs(runs);
  expect(tenth?.throughput.median).toBeCloseTo(0.04);
  expect(tenth?.cpu.median).toBeCloseTo(0.04);
  expect([all?.throughput.least, all?.throughput.median, all?.throughput.most]).toEqual([
    expect.closeTo(0.25),
    expect.closeTo(0.25),
    expect.closeTo(0.3),
  ]);
  expect(metrics?.throughput.median).toBeCloseTo(0.2);
  expect(metrics?.perSecond).toEqual({ without: 1_250, with: 1_000 });
});

test('a round that is not whole counts for what it has', () => {
  const [tenth, all] = costs(runs.filter(({ round, variant }) => round < 2 || variant !== 'traced-100'));
  expect([tenth?.rounds, all?.rounds]).toEqual([3, 2]);
});

test('the table says where a goal is missed', () => {
  const lines = costTable(costs(runs)).split('\n');
  expect(lines.map((line) => line.includes('missed'))).toEqual([false, false, true, true]);
});
