/**
 * `npm run bench:smoke`: whether an order has become dearer. Floor and local profile take turns on stacks that stay up, so that a
 * noisy neighbour meets both; of each the cheapest round counts, for noise only adds. What is held against the record is their
 * ratio, which knows no machine.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { openFloor } from './floor.js';
import { closeBench, measureOn, openBench } from './measure.js';
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
const file = fileURLToPath(new URL('recorded.json', import.meta.url));

/** Takes less than a minute with the default options. */
export async function measureSmoke(options: BenchOptions, say: (text: string) => void): Promise<Smoke> {
  const floor = await openFloor(options, say);
  try {
    const bench = await openBench({ ...options, profile: 'local' }, 'service', () => undefined);
    try {
      const turns: Turn[] = [];
      const problems: string[] = [];
      for (let turn = 1; turn <= options.runs; turn++) {
        const { cpuMs } = await floor.measure();
        const { row } = await measureOn(bench);
        turns.push({ floorMs: cpuMs.total, orderMs: row.cpuMs.total });
        problems.push(...row.problems);
        say(`turn ${turn} of ${options.runs}: ${turnLine(turns.at(-1)!)}`);
      }
      return { turns, found: cheapest(turns), problems };
    } finally {
      await closeBench(bench);
    }
  } finally {
    await floor.close();
  }
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
