/**
 * One row of the bench: a fresh stack, a load, a warm-up, and between two marks every figure twice. Where an order or a
 * transaction ended otherwise than its fate says, the row carries the problem and the bench fails.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Profiler } from 'node:inspector';
import { hottest, type HotFunction } from './cpu-profile.js';
import {
  BenchDatabases,
  costliestStatements,
  resetStatements,
  type DatabaseFigures,
  type StatementCost,
} from './database-figures.js';
import { Remote } from './ipc.js';
import type { LoadResult, Mark } from './load.js';
import type { BenchOptions, Entry, Profile } from './options.js';
import { readProcesses, type ProcessFigures, type ProcessGroup } from './process-figures.js';
import { startStack, type BenchStack } from './stack.js';

/** One measurement. Figures "a transaction" are of those that ended between the marks. */
export interface Row {
  readonly profile: Profile;
  readonly entry: Entry;
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
  readonly commits: number;
  readonly walBytes: number;
  /** Of the whole measurement, in cores. */
  readonly foreignCores: number;
  /** By process, MiB, at the first mark and at the second. */
  readonly memoryMib: Readonly<Record<string, readonly [number, number]>>;
  /** Ended between the marks. */
  readonly transactions: number;
  /** All that were placed, warm-up included. */
  readonly placed: number;
  readonly problems: readonly string[];
}

export interface Insight {
  /** By process. */
  readonly functions: Readonly<Record<string, readonly HotFunction[]>>;
  readonly statements: readonly StatementCost[];
}

export interface Measured {
  readonly row: Row;
  readonly insight: Insight;
}

const functionsMax = 25;
const statementsMax = 40;
const progressMs = 5_000;

interface Look {
  readonly mark: Mark;
  readonly processes: ProcessFigures;
  readonly database: DatabaseFigures;
}

interface Bench {
  readonly options: BenchOptions;
  readonly entry: Entry;
  readonly stack: BenchStack;
  readonly databases: BenchDatabases;
  readonly driver: Remote;
  readonly groups: readonly ProcessGroup[];
  readonly say: (text: string) => void;
}

export async function measure(
  options: BenchOptions,
  entry: Entry,
  say: (text: string) => void,
): Promise<Measured> {
  const stack = await startStack(options, say);
  const { order, url, logFile, groups: ours } = stack;
  const driver =
    entry === 'service'
      ? order
      : new Remote({ name: 'generator', entry: 'test/bench/rest.generator.ts', logFile });
  const databases = await BenchDatabases.open(stack.databaseUrls);
  try {
    const generator = driver === order ? [] : [{ name: 'generator', pid: driver.pid, tree: false }];
    const groups = [...ours, ...generator, { name: 'bench', pid: process.pid, tree: false }];
    const { clients, rate } = options;
    const skus = await plentiful(url);
    await driver.call('start', { url, clients, skus, ...(rate !== undefined && { rate }) });
    return await run({ options, entry, stack, databases, driver, groups, say });
  } catch (error) {
    process.stderr.write(tail(logFile));
    throw error;
  } finally {
    await databases.close();
    if (driver !== order) await driver.end();
    await stack.stop();
  }
}

async function run(bench: Bench): Promise<Measured> {
  const { options, databases, driver, stack, say } = bench;
  say(`warming up for ${options.warmUp} s`);
  await pause(options.warmUp * 1_000);
  if (stack.adminUrl !== undefined) await resetStatements(stack.adminUrl);
  if (options.profileCpu) await Promise.all(stack.hosts.map((host) => host.call('profileStart')));
  const first = await look(bench);
  await wait(bench, first.mark);
  const last = await look(bench);
  const functions = options.profileCpu ? await collectProfiles(bench) : {};
  const statements =
    stack.adminUrl === undefined ? [] : await costliestStatements(stack.adminUrl, statementsMax);
  say('waiting for the last orders, then asking every row how it ended');
  const result = await driver.call<LoadResult>('finish');
  const problems = [
    ...(result.wrong > 0
      ? [`${result.wrong} orders were answered wrongly: ${result.samples.join('; ')}`]
      : []),
    ...(await databases.problems()),
  ];
  return { row: rowOf(bench, first, last, result, problems), insight: { functions, statements } };
}

async function look({ driver, databases, groups }: Bench): Promise<Look> {
  const [mark, database] = await Promise.all([driver.call<Mark>('mark'), databases.read()]);
  return { mark, database, processes: readProcesses(groups) };
}

/** Tells how it goes every few seconds; the load keeps all marks, and its latency spans the first and the last. */
async function wait({ options, driver, say }: Bench, first: Mark): Promise<void> {
  const endsAt = performance.now() + options.seconds * 1_000;
  for (let left = options.seconds * 1_000; left > 0; left = endsAt - performance.now()) {
    await pause(Math.min(progressMs, left));
    const { completed, atMs } = await driver.call<Mark>('mark');
    const perSecond = ((completed - first.completed) * 1_000) / (atMs - first.atMs);
    say(
      `${Math.round((atMs - first.atMs) / 1_000)} of ${options.seconds} s: ${perSecond.toFixed(0)} a second`,
    );
  }
}

function rowOf(
  { options, entry, groups }: Bench,
  first: Look,
  last: Look,
  result: LoadResult,
  problems: readonly string[],
): Row {
  const { profile, clients, rate } = options;
  const elapsedMs = last.mark.atMs - first.mark.atMs;
  const count = last.mark.completed - first.mark.completed;
  const used = Object.fromEntries(
    groups.map(({ name }) => [name, last.processes.cpuMs[name]! - first.processes.cpuMs[name]!]),
  );
  const { generator = 0, bench: own = 0, ...services } = used;
  const total = sum(Object.values(services));
  const machine = last.processes.machineMs - first.processes.machineMs;
  const each = (value: number): number => value / Math.max(1, count);
  const delta = (key: keyof DatabaseFigures): number => each(last.database[key] - first.database[key]);
  return {
    profile,
    entry,
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
    commits: delta('commits'),
    walBytes: delta('walBytes'),
    foreignCores: Math.max(0, machine - total - generator - own) / elapsedMs,
    memoryMib: memoryOf(first, last),
    transactions: count,
    placed: result.placed,
    problems,
  };
}

function memoryOf(first: Look, last: Look): Row['memoryMib'] {
  const { bench: _own, ...groups } = last.processes.memoryMib;
  return Object.fromEntries(
    Object.entries(groups).map(([name, mib]) => [name, [first.processes.memoryMib[name] ?? 0, mib] as const]),
  );
}

async function collectProfiles({ options, entry, stack, say }: Bench): Promise<Insight['functions']> {
  mkdirSync(options.out, { recursive: true });
  const functions: Record<string, readonly HotFunction[]> = {};
  for (const host of stack.hosts) {
    const file = join(options.out, `${options.profile}-${entry}-${host.name}.cpuprofile`);
    await host.call('profileStop', file);
    const profile: Profiler.Profile = JSON.parse(readFileSync(file, 'utf8'));
    functions[host.name] = hottest(profile, functionsMax);
    say(`wrote ${file}`);
  }
  return functions;
}

/** Products of which the whole bench cannot sell the last piece. */
async function plentiful(url: string): Promise<readonly string[]> {
  const response = await fetch(`${url}/products`);
  const { items } = (await response.json()) as { items: readonly { sku: string; available: number }[] };
  const skus = items.filter(({ available }) => available > 1_000_000).map(({ sku }) => sku);
  if (skus.length === 0) throw new Error('the catalogue holds no product in plenty');
  return skus;
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-3_000);
  } catch {
    return '';
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
