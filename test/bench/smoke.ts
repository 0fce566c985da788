/**
 * `npm run bench:smoke`: whether an order has become dearer. Floor and local profile take turns on stacks that stay up, so that a
 * noisy neighbour meets both; of each the cheapest round counts, for noise only adds. What is held against the record is their
 * ratio, which knows no machine.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { openFloor, type OpenFloor } from './floor.js';
import { closeBench, measureOn, openBench, type Bench } from './measure.js';
import type { BenchOptions } from './options.js';

/** One turn of both, CPU-ms an order. */
export interface Turn {
  readonly floorMs: number;
  readonly orderMs: number;
}

const recordedShape = z.object({
  /** CPU of an order as a multiple of the floor's. */
  ratio: z.number().positive(),
  floorMs: z.number().positive(),
  orderMs: z.number().positive(),
});
export type Recorded = z.infer<typeof recordedShape>;

export interface Smoke {
  readonly turns: readonly Turn[];
  readonly found: Recorded;
  readonly problems: readonly string[];
}

/** How much dearer is still taken for noise. */
const allowance = 0.25;
const quiet = (): void => undefined;
const file = fileURLToPath(new URL('recorded.json', import.meta.url));

/** Takes less than a minute with the default options. */
export async function measureSmoke(options: BenchOptions, say: (text: string) => void): Promise<Smoke> {
  const opened = await Promise.allSettled([
    openFloor(options, quiet),
    openBench({ ...options, profile: 'local' }, 'service', quiet),
  ]);
  const [floor, bench] = opened;
  try {
    if (floor.status === 'rejected') throw floor.reason;
    if (bench.status === 'rejected') throw bench.reason;
    return await takeTurns(options.runs, { floor: floor.value, bench: bench.value }, say);
  } finally {
    if (bench.status === 'fulfilled') await closeBench(bench.value);
    if (floor.status === 'fulfilled') await floor.value.close();
  }
}

interface Opened {
  readonly floor: OpenFloor;
  readonly bench: Bench;
}

async function takeTurns(
  count: number,
  { floor, bench }: Opened,
  say: (text: string) => void,
): Promise<Smoke> {
  const turns: Turn[] = [];
  const problems: string[] = [];
  for (let turn = 1; turn <= count; turn++) {
    const { cpuMs } = await floor.measure();
    const { row } = await measureOn(bench);
    const found = { floorMs: cpuMs.total, orderMs: row.cpuMs.total };
    say(`turn ${turn} of ${count}: ${turnLine(found)}`);
    turns.push(found);
    problems.push(...row.problems);
  }
  return { turns, found: cheapest(turns), problems };
}

/** What later ones are held against. Throws when it is not there or is none. */
export function readRecorded(): Recorded {
  return recordedShape.parse(JSON.parse(readFileSync(file, 'utf8')));
}

export function writeRecorded(found: Recorded): void {
  const digits = (value: number): number => Number(value.toFixed(3));
  const { ratio, floorMs, orderMs } = found;
  const kept = { ratio: digits(ratio), floorMs: digits(floorMs), orderMs: digits(orderMs) };
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
}

function turnLine({ floorMs, orderMs }: Turn): string {
  return `an order ${orderMs.toFixed(3)} CPU-ms, the floor ${floorMs.toFixed(3)}`;
}

/** Of each the cheapest, and their ratio. Pure. */
export function cheapest(turns: readonly Turn[]): Recorded {
  const floorMs = Math.min(...turns.map((turn) => turn.floorMs));
  const orderMs = Math.min(...turns.map((turn) => turn.orderMs));
  return { ratio: orderMs / floorMs, floorMs, orderMs };
}

/** Whether it passes, and what to do where it does not. Pure. */
export function verdictOf(
  found: Recorded,
  recorded: Recorded,
): { readonly passes: boolean; readonly text: string } {
  const change = found.ratio / recorded.ratio - 1;
  const percent = `${change < 0 ? '' : '+'}${(change * 100).toFixed(0)} %`;
  const told =
    `an order costs ${found.ratio.toFixed(2)} floors (${found.orderMs.toFixed(3)} of ${found.floorMs.toFixed(3)} CPU-ms), ` +
    `recorded are ${recorded.ratio.toFixed(2)}: ${percent}`;
  if (change <= allowance) return { passes: true, text: told };
  return {
    passes: false,
    text: [
      `${told}, and ${allowance * 100} % are allowed.`,
      'Run it once more, with less beside it. Where it stays so, this change made orders dearer:',
      '`npm run bench -- local --entry service --profile-cpu --statements` shows where (flame graphs, statements).',
      'Where the price is wanted, record it with `npm run bench:smoke -- --record` and say why in the commit.',
    ].join('\n'),
  };
}
