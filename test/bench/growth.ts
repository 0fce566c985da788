/**
 * `npm run bench -- growth`: how costs grow with clients, steps, orchestrators, waiting and finished transactions. Each point is
 * a fresh stack; it is told as it comes, and a point that fails does not take the others with it.
 */
import { orchestratorMigrations, PostgresJournal } from '@sagamore/postgres';
import { fill } from './fill.js';
import { clientsOf, type Axis, type BenchOptions } from './options.js';
import { measure, type Around } from './measure.js';
import { smallMultiples, type Curve, type Panel } from './pictures.js';
import { markdown } from './report.js';
import { idleSweepMs, openDatabase } from './rig.js';
import { median, type Row } from './row.js';
import type { BenchStack } from './stack.js';

/** What was measured at one place of an axis. */
export interface Point {
  readonly axis: Axis;
  readonly at: number;
  readonly row: Row;
  /** Of one sweep that finds nothing due, beside so many that wait. */
  readonly sweepMs?: number;
  /** Of one page of the list of transactions, beside so many that ended. */
  readonly pageMs?: number;
}

export interface Growth {
  readonly points: readonly Point[];
  /** Why points are missing, in words. */
  readonly failures: readonly string[];
}

const places: Readonly<Record<Axis, readonly number[]>> = {
  clients: [1, 16, 256, 2_000],
  steps: [3, 10, 30],
  orchestrators: [1, 2, 3, 4],
  waiting: [100, 10_000, 1_000_000],
  finished: [1, 100_000, 10_000_000],
};

const pagesMeasured = 21;
const pageOf = '/transactions?status=completed&limit=50';

/** Measures every place of `axis`, no more than `most` transactions filled in. `tell` hears of each point at once. */
export async function measureAxis(
  axis: Axis,
  { options, most }: { readonly options: BenchOptions; readonly most: number },
  say: (text: string) => void,
  tell: (point: Point) => void,
): Promise<Growth> {
  const points: Point[] = [];
  const failures: string[] = [];
  for (const at of placesOf(axis, most)) {
    say(`growth with ${axis}: ${at.toLocaleString('en')}`);
    try {
      const point = await measurePoint(axis, at, optionsAt(axis, at, options), say);
      points.push(point);
      tell(point);
    } catch (error) {
      failures.push(`${axis} ${at}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { points, failures };
}

async function measurePoint(
  axis: Axis,
  at: number,
  options: BenchOptions,
  say: (text: string) => void,
): Promise<Point> {
  if (axis !== 'waiting' && axis !== 'finished')
    return { axis, at, row: (await measure(options, 'service', say)).row };
  const found: { sweepMs?: number; pageMs?: number } = {};
  const around: Around = {
    before: (stack) => fill(axis, at, stack, say),
    after: async (stack) => {
      if (axis === 'waiting') found.sweepMs = await sweepMs(stack);
      else found.pageMs = await pageMs(stack);
    },
  };
  const { row } = await measure(options, 'service', say, around);
  return { axis, at, row, ...found };
}

async function sweepMs({ databaseUrls }: BenchStack): Promise<number> {
  const database = await openDatabase(databaseUrls['orchestrator'] ?? '', orchestratorMigrations);
  try {
    return await idleSweepMs(new PostgresJournal(database));
  } finally {
    await database.close();
  }
}

/** As a client on the same machine waits for it; the middle one of many. */
async function pageMs({ url }: BenchStack): Promise<number> {
  const times: number[] = [];
  for (let page = 0; page < pagesMeasured; page++) {
    const startedAt = performance.now();
    const answer = await fetch(`${url}${pageOf}`);
    if (!answer.ok) throw new Error(`the list answered ${answer.status}`);
    await answer.text();
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

/** Where an axis is measured. What would be filled in beyond `most` is measured there. Pure. */
export function placesOf(axis: Axis, most: number): readonly number[] {
  if (axis !== 'waiting' && axis !== 'finished') return places[axis];
  return [...new Set(places[axis].map((place) => Math.min(place, most)))];
}

/** What differs at one place. Pure. */
export function optionsAt(axis: Axis, at: number, options: BenchOptions): BenchOptions {
  if (axis === 'clients') return { ...options, clients: at };
  if (axis === 'steps') return { ...options, profile: 'steps', steps: at };
  if (axis === 'orchestrators')
    return { ...options, profile: 'kafka', orchestrators: at, clients: clientsOf.kafka };
  return { ...options, administered: true };
}

const extraTitles: Readonly<Partial<Record<Axis, string>>> = {
  steps: 'CPU-ms a step',
  waiting: 'idle sweep, ms',
  finished: 'page of the list, ms',
};

function extraOf({ axis, at, row, sweepMs: sweep, pageMs: page }: Point): number | undefined {
  return axis === 'steps' ? row.cpuMs.total / at : (sweep ?? page);
}

/** In one line, for whoever waits. Pure. */
export function pointLine(point: Point): string {
  const { axis, at, row } = point;
  const [extra, title] = [extraOf(point), extraTitles[axis]];
  const more = extra === undefined ? '' : `, ${title} ${extra.toFixed(2)}`;
  return (
    `${axis} ${at.toLocaleString('en')}: ${row.perSecond.toFixed(0)} a second, p50 / p99 ${row.p50Ms.toFixed(1)} / ` +
    `${row.p99Ms.toFixed(1)} ms, CPU-ms ${row.cpuMs.total.toFixed(3)}${more} (foreign cores ${row.foreignCores.toFixed(2)})`
  );
}

/** One axis as Markdown. Pure. */
export function growthTable(axis: Axis, points: readonly Point[]): string {
  const title = extraTitles[axis];
  const titles = [
    axis,
    'per second',
    'p50 / p99 ms',
    'CPU-ms',
    'statements',
    'rows',
    'fsyncs',
    ...(title === undefined ? [] : [title]),
    'foreign cores',
  ];
  const lines = points.map((point) => [
    point.at.toLocaleString('en'),
    point.row.perSecond.toFixed(0),
    `${point.row.p50Ms.toFixed(1)} / ${point.row.p99Ms.toFixed(1)}`,
    point.row.cpuMs.total.toFixed(3),
    point.row.statements.toFixed(2),
    point.row.rows.toFixed(1),
    point.row.fsyncs.toFixed(3),
    ...(title === undefined ? [] : [extraOf(point)?.toFixed(3) ?? '-']),
    point.row.foreignCores.toFixed(2),
  ]);
  return markdown(titles, lines);
}

/** One axis as a picture. Pure. */
export function growthPicture(axis: Axis, points: readonly Point[]): string {
  const curve = (name: string, value: (point: Point) => number): Curve => ({
    name,
    points: points.map((point) => [point.at, value(point)]),
  });
  const processes = [...new Set(points.flatMap(({ row }) => Object.keys(row.cpuMs.byProcess)))];
  const few = processes.length <= 3 ? processes : [];
  const title = extraTitles[axis];
  const panels: readonly Panel[] = [
    {
      title: 'CPU-ms a transaction',
      curves: [
        curve('all', ({ row }) => row.cpuMs.total),
        ...few.map((name) => curve(name, ({ row }) => row.cpuMs.byProcess[name] ?? 0)),
      ],
    },
    { title: 'transactions a second', curves: [curve('per second', ({ row }) => row.perSecond)] },
    {
      title: 'latency, ms',
      curves: [curve('p50', ({ row }) => row.p50Ms), curve('p99', ({ row }) => row.p99Ms)],
    },
    ...(title === undefined ? [] : [{ title, curves: [curve(title, (point) => extraOf(point) ?? 0)] }]),
  ];
  return smallMultiples(`How costs grow with ${wordsOf[axis]}`, axis, panels);
}

const wordsOf: Readonly<Record<Axis, string>> = {
  clients: 'clients',
  steps: 'steps of a saga',
  orchestrators: 'orchestrators',
  waiting: 'transactions that wait',
  finished: 'transactions that ended',
};
