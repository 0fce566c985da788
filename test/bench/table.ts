/**
 * `npm run bench -- table`: every row of the table in turn, and the floor before and after them, so that each row has a floor of
 * its own hour to stand on. Compare the floors: CPU-ms move with the machine, their ratio moves less.
 */
import { measureFloor, type Floor } from './floor.js';
import { measure } from './measure.js';
import { clientsOf, type BenchOptions } from './options.js';
import { bars } from './pictures.js';
import { markdown, rowName } from './report.js';
import { median, sum, type Row } from './row.js';

/** One round: all rows between two floors. */
export interface Round {
  readonly floors: readonly Floor[];
  readonly rows: readonly Row[];
}

/** A row of the table over all rounds. */
export interface TableRow {
  readonly name: string;
  readonly rows: readonly Row[];
  /** CPU-ms a transaction as a multiple of the floor's in the same round. */
  readonly ratios: readonly number[];
}

/** Measures everything `options.runs` times. `tell` hears of each row at once. */
export async function measureTable(
  options: BenchOptions,
  say: (text: string) => void,
  tell: (row: Row) => void,
): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  for (let round = 1; round <= options.runs; round++) {
    say(`round ${round} of ${options.runs}: the floor`);
    const before = await measureFloor(options, say);
    const rows: Row[] = [];
    for (const each of variantsOf(options)) {
      say(`round ${round} of ${options.runs}: ${rowName({ ...each, entry: each.entries[0]! })}`);
      const { row } = await measure(each, each.entries[0]!, say);
      rows.push(row);
      tell(row);
    }
    say(`round ${round} of ${options.runs}: the floor once more`);
    rounds.push({ floors: [before, await measureFloor(options, say)], rows });
  }
  return rounds;
}

/** One for each row, its single entry with it. Two-phase commit holds locks on stock until it is settled, so it stands for fewer
 *  clients. Pure. */
export function variantsOf(options: BenchOptions): readonly BenchOptions[] {
  const { local, kafka } = clientsOf;
  return [
    { ...options, profile: 'local', entries: ['service'], clients: local },
    { ...options, profile: 'local', entries: ['rest'], clients: local },
    { ...options, profile: 'kafka', entries: ['service'], clients: kafka },
    { ...options, profile: 'kafka', entries: ['rest'], clients: kafka },
    { ...options, profile: 'kafka', entries: ['service'], protocol: 'two-phase-commit', clients: local },
  ];
}

/** Each row beside the floors of its round. Pure. */
export function tableRows(rounds: readonly Round[]): readonly TableRow[] {
  const names = [...new Set(rounds.flatMap(({ rows }) => rows.map(rowName)))];
  return names.map((name) => {
    const found = rounds.flatMap(({ floors, rows }) =>
      rows.filter((row) => rowName(row) === name).map((row) => ({ row, floor: floorMs(floors) })),
    );
    return {
      name,
      rows: found.map(({ row }) => row),
      ratios: found.map(({ row, floor }) => row.cpuMs.total / floor),
    };
  });
}

/** The mean of a round's floors. */
function floorMs(floors: readonly Floor[]): number {
  return floors.reduce((total, { cpuMs }) => total + cpuMs.total, 0) / Math.max(1, floors.length);
}

/** Medians; where there are several rounds, least and most behind them. Pure. */
export function tableMarkdown(rounds: readonly Round[]): string {
  const floors = rounds.flatMap((round) => round.floors);
  const titles = [
    'profile, entry',
    'clients',
    'per second',
    'p50 / p99 ms',
    'CPU-ms',
    'floors',
    'of which',
    'statements',
    'rows',
    'commits',
    'WAL bytes',
    'fsyncs',
    'messages',
    'given up',
    'foreign cores',
  ];
  const middle = (rows: readonly Row[], digits: number, value: (row: Row) => number): string =>
    median(rows.map(value)).toFixed(digits);
  const lines = tableRows(rounds).map(({ name, rows, ratios }) => [
    name,
    middle(rows, 0, ({ clients }) => clients),
    middle(rows, 0, ({ perSecond }) => perSecond),
    `${middle(rows, 1, ({ p50Ms }) => p50Ms)} / ${middle(rows, 1, ({ p99Ms }) => p99Ms)}`,
    spread(rows.map(({ cpuMs }) => cpuMs.total)),
    spread(ratios),
    partsOf(rows)
      .map(([process, ms]) => `${process} ${ms.toFixed(3)}`)
      .join(', '),
    middle(rows, 2, ({ statements }) => statements),
    middle(rows, 1, (row) => row.rows),
    middle(rows, 2, ({ commits }) => commits),
    middle(rows, 0, ({ walBytes }) => walBytes),
    middle(rows, 3, ({ fsyncs }) => fsyncs),
    middle(rows, 2, ({ messages = 0 }) => messages),
    `${sum(rows.map(({ givenUp }) => givenUp))} of ${sum(rows.map(({ placed }) => placed))}`,
    middle(rows, 2, ({ foreignCores }) => foreignCores),
  ]);
  const floor = `Floor: ${spread(floors.map(({ cpuMs }) => cpuMs.total))} CPU-ms, measured ${floors.length} times.`;
  return `${markdown(titles, lines)}\n\n${floor}`;
}

/** CPU-ms in bars, the floor above them. Pure. */
export function tablePicture(rounds: readonly Round[]): string {
  const floors = rounds.flatMap((round) => round.floors);
  const floorOf = (value: (floor: Floor) => number): number => median(floors.map(value));
  const floor = {
    name: 'floor, bare SQL',
    parts: [
      ['local', floorOf(({ cpuMs }) => cpuMs.node)] as const,
      ['postgres', floorOf(({ cpuMs }) => cpuMs.postgres)] as const,
    ],
    note: `${floorOf(({ cpuMs }) => cpuMs.total).toFixed(2)} CPU-ms`,
  };
  const rows = tableRows(rounds).map(({ name, rows: each, ratios }) => ({
    name,
    parts: partsOf(each),
    note: `${median(each.map(({ cpuMs }) => cpuMs.total)).toFixed(2)} CPU-ms, ${median(ratios).toFixed(1)} floors, ${median(each.map(({ perSecond }) => perSecond)).toFixed(0)}/s`,
  }));
  return bars('What one transaction costs', 'CPU-ms', [floor, ...rows]);
}

/** By process, the median of all rounds. */
function partsOf(rows: readonly Row[]): readonly (readonly [string, number])[] {
  const names = [...new Set(rows.flatMap(({ cpuMs }) => Object.keys(cpuMs.byProcess)))];
  return names.map((name) => [name, median(rows.map(({ cpuMs }) => cpuMs.byProcess[name] ?? 0))]);
}

function spread(values: readonly number[]): string {
  const text = median(values).toFixed(2);
  if (values.length < 2) return text;
  return `${text} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;
}
