/**
 * One row of the bench, made of two looks at every counter: what a transaction between them cost. Pure.
 */
import type { OrderProtocol } from '@sagamore/contracts';
import type { DatabaseFigures } from './database-figures.js';
import type { LoadResult, Mark } from './load.js';
import type { BenchOptions, Entry, Profile } from './options.js';
import type { ProcessFigures } from './process-figures.js';

/** One measurement. Figures "a transaction" are of those that ended between the marks. */
export interface Row {
  readonly profile: Profile;
  readonly entry: Entry;
  readonly protocol: OrderProtocol;
  readonly clients: number;
  /** Of an open loop, orders a second. */
  readonly rate?: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** A transaction; the load generator is not in it. */
  readonly cpuMs: { readonly total: number; readonly byProcess: Readonly<Record<string, number>> };
  readonly generatorCpuMs: number;
  readonly rows: number;
  /** Sent to Postgres by our processes, with BEGIN and COMMIT among them. */
  readonly statements: number;
  readonly commits: number;
  readonly walBytes: number;
  readonly fsyncs: number;
  /** Acknowledged by the bus: records of Kafka, or messages of the bus in memory. Absent where nobody counts them. */
  readonly messages?: number;
  /** Of the whole measurement, in cores. */
  readonly foreignCores: number;
  /** By process, MiB, at the first mark and at the second; shared pages divided (PSS). */
  readonly memoryMib: Readonly<Record<string, readonly [number, number]>>;
  /** By process, MiB, at the second mark; shared pages counted in full. */
  readonly rssMib: Readonly<Record<string, number>>;
  /** Ended between the marks. */
  readonly transactions: number;
  /** All that were placed, warm-up included. */
  readonly placed: number;
  /** Of those, given up by two-phase commit because their goods stayed locked. */
  readonly givenUp: number;
  readonly problems: readonly string[];
}

/** Every counter at one moment. */
export interface Look {
  readonly mark: Mark;
  readonly processes: ProcessFigures;
  readonly database: DatabaseFigures;
  readonly statements: number;
  readonly messages?: number;
}

export interface Looked {
  readonly options: BenchOptions;
  readonly entry: Entry;
  readonly first: Look;
  readonly last: Look;
  readonly result: LoadResult;
  readonly problems: readonly string[];
}

/** The groups `generator` and `bench` are ours and in no figure of a transaction. */
export function rowOf({ options, entry, first, last, result, problems }: Looked): Row {
  const { profile, protocol, clients, rate } = options;
  const elapsedMs = last.mark.atMs - first.mark.atMs;
  const count = last.mark.completed - first.mark.completed;
  const used = Object.fromEntries(
    Object.entries(last.processes.cpuMs).map(([name, ms]) => [name, ms - (first.processes.cpuMs[name] ?? 0)]),
  );
  const { generator = 0, bench = 0, ...services } = used;
  const total = sum(Object.values(services));
  const machine = last.processes.machineMs - first.processes.machineMs;
  const each = (value: number): number => value / Math.max(1, count);
  const delta = (key: keyof DatabaseFigures): number => each(last.database[key] - first.database[key]);
  return {
    profile,
    entry,
    protocol,
    clients: rate === undefined ? clients : 0,
    ...(rate !== undefined && { rate }),
    perSecond: (count * 1_000) / elapsedMs,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    maxMs: result.latency.max,
    cpuMs: {
      total: each(total),
      byProcess: Object.fromEntries(Object.entries(services).map(([name, ms]) => [name, each(ms)])),
    },
    generatorCpuMs: each(generator),
    rows: delta('rows'),
    statements: each(last.statements - first.statements),
    commits: delta('commits'),
    walBytes: delta('walBytes'),
    fsyncs: delta('walSyncs'),
    ...(last.messages !== undefined &&
      first.messages !== undefined && { messages: each(last.messages - first.messages) }),
    foreignCores: Math.max(0, machine - total - generator - bench) / elapsedMs,
    memoryMib: memoryOf(first, last),
    rssMib: withoutBench(last.processes.rssMib),
    transactions: count,
    placed: result.placed,
    givenUp: result.otherwise,
    problems,
  };
}

function memoryOf(first: Look, last: Look): Row['memoryMib'] {
  const mib = Object.entries(withoutBench(last.processes.memoryMib));
  return Object.fromEntries(mib.map(([name, end]) => [name, [first.processes.memoryMib[name] ?? 0, end]]));
}

function withoutBench({
  bench: _own,
  ...others
}: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return others;
}

/** Of a process's metrics in Prometheus's text format: messages that its bus has acknowledged. */
export function messagesIn(metrics: string): number {
  const lines = metrics.matchAll(/^sagamore_messages_sent_total(?:\{[^}]*\})? ([\d.e+]+)$/gm);
  return sum([...lines].map(([, count]) => Number(count)));
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The middle one, or the mean of the two in the middle; 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const [lower = 0, upper = 0] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return (lower + upper) / 2;
}
