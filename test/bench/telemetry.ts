/**
 * What seeing costs: the local profile without traces, with a tenth of them, with all of them, and without metrics. The
 * variants take turns, so that whatever else the machine does meets all of them; a cost is of two runs of one round.
 */
import { createServer, type Server } from 'node:http';
import { measure } from './measure.js';
import type { BenchOptions } from './options.js';
import { median, type Row } from './row.js';

export type Variant = 'plain' | 'traced-10' | 'traced-100' | 'uncounted';

export interface VariantRun {
  readonly round: number;
  readonly variant: Variant;
  readonly row: Row;
}

/** Median, least and most of all rounds, as shares: 0.05 is five of a hundred. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** What one thing costs: so much less throughput, and so much more CPU a transaction, than without it. */
export interface Cost {
  readonly of: string;
  readonly goal: number;
  readonly throughput: Spread;
  readonly cpu: Spread;
  readonly perSecond: { readonly without: number; readonly with: number };
  readonly rounds: number;
}

/** In the order of one round. */
const variants: readonly Variant[] = ['plain', 'traced-10', 'traced-100', 'uncounted'];

interface Compared {
  readonly of: string;
  readonly without: Variant;
  readonly with: Variant;
  readonly goal: number;
}

const compared: readonly Compared[] = [
  { of: 'traces of 10 %', without: 'plain', with: 'traced-10', goal: 0.05 },
  { of: 'traces of 100 %', without: 'plain', with: 'traced-100', goal: 0.2 },
  { of: 'metrics', without: 'uncounted', with: 'plain', goal: 0.03 },
];

/** Measures every variant in every round, each on a fresh stack. Each round begins with another one, so that none has
 *  always the warmest machine. */
export async function compareTelemetry(
  options: BenchOptions,
  say: (text: string) => void,
): Promise<readonly VariantRun[]> {
  const { server, url } = await startSink();
  const [entry = 'service'] = options.entries;
  const runs: VariantRun[] = [];
  try {
    for (let round = 0; round < options.runs; round++) {
      for (let at = 0; at < variants.length; at++) {
        const variant = variants[(round + at) % variants.length]!;
        say(`round ${round + 1} of ${options.runs}: ${variant}`);
        const settings = { ...options.settings, ...settingsOf(variant, url) };
        const { row } = await measure({ ...options, settings }, entry, say);
        runs.push({ round, variant, row });
      }
    }
    return runs;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** An empty value is an absent one: whatever the environment says, only this decides. */
function settingsOf(variant: Variant, collector: string): Readonly<Record<string, string>> {
  const plain = { METRICS: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: '', TRACE_PERCENT: '0' };
  if (variant === 'plain') return plain;
  if (variant === 'uncounted') return { ...plain, METRICS: 'false' };
  const TRACE_PERCENT = variant === 'traced-10' ? '10' : '100';
  return { ...plain, OTEL_EXPORTER_OTLP_ENDPOINT: collector, TRACE_PERCENT };
}

/** A collector that takes everything and keeps nothing. It runs in the bench's own process, whose CPU is in no figure. */
async function startSink(): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((asked, answer) => {
    asked.resume();
    asked.on('end', () => answer.writeHead(200).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the sink has no port');
  return { server, url: `http://127.0.0.1:${address.port}` };
}

/** One cost for each thing that can be switched. Pure. */
export function costs(runs: readonly VariantRun[]): readonly Cost[] {
  return compared.map((each) => {
    const pairs = pairsOf(runs, each);
    return {
      of: each.of,
      goal: each.goal,
      throughput: spreadOf(pairs.map(([without, having]) => 1 - having.perSecond / without.perSecond)),
      cpu: spreadOf(pairs.map(([without, having]) => having.cpuMs.total / without.cpuMs.total - 1)),
      perSecond: {
        without: spreadOf(pairs.map(([without]) => without.perSecond)).median,
        with: spreadOf(pairs.map(([, having]) => having.perSecond)).median,
      },
      rounds: pairs.length,
    };
  });
}

/** The two rows of each round that has both. */
function pairsOf(
  runs: readonly VariantRun[],
  { without, with: having }: Compared,
): readonly (readonly [Row, Row])[] {
  const rowOf = (round: number, variant: Variant): Row | undefined =>
    runs.find((run) => run.round === round && run.variant === variant)?.row;
  return [...new Set(runs.map(({ round }) => round))].flatMap((round) => {
    const pair = [rowOf(round, without), rowOf(round, having)] as const;
    return pair[0] === undefined || pair[1] === undefined ? [] : [[pair[0], pair[1]] as const];
  });
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  return { median: median(values), least: sorted[0] ?? 0, most: sorted.at(-1) ?? 0 };
}

/** For people. Pure. */
export function costTable(found: readonly Cost[]): string {
  const share = (value: number): string => `${(value * 100).toFixed(1)} %`;
  const spread = ({ median, least, most }: Spread): string =>
    `${share(median)} (${share(least)} to ${share(most)})`;
  const lines = found.map(({ of, goal, throughput, cpu, perSecond, rounds }) => [
    of,
    `${perSecond.without.toFixed(0)} → ${perSecond.with.toFixed(0)}`,
    spread(throughput),
    `${share(goal)}${throughput.median <= goal ? '' : ', missed'}`,
    spread(cpu),
    String(rounds),
  ]);
  const titles = ['what', 'per second', 'costs of throughput', 'at most', 'costs of CPU', 'rounds'];
  const widths = titles.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]!.length)));
  return [titles, ...lines]
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
