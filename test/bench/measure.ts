/**
 * One row of the bench: a fresh stack, a load, a warm-up, and between two marks every figure twice. Where an order or a
 * transaction ended otherwise than its fate says, the row carries the problem and the bench fails.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Profiler } from 'node:inspector';
import { z } from 'zod';
import { hottest, type HotFunction } from './cpu-profile.js';
import {
  BenchDatabases,
  costliestStatements,
  resetStatements,
  type StatementCost,
} from './database-figures.js';
import { flame } from './flame.js';
import { Remote } from './ipc.js';
import type { LoadResult, Mark } from './load.js';
import type { BenchOptions, Entry } from './options.js';
import { readProcesses, type ProcessGroup } from './process-figures.js';
import { messagesIn, rowOf, sum, type Look, type Row } from './row.js';
import { startStack, type BenchStack } from './stack.js';

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

const countedEveryMs = 250;

/** A stack with its load not begun; several measurements may follow each other on it. */
export interface Bench {
  readonly options: BenchOptions;
  readonly entry: Entry;
  readonly stack: BenchStack;
  readonly databases: BenchDatabases;
  readonly driver: Remote;
  readonly groups: readonly ProcessGroup[];
  readonly say: (text: string) => void;
}

/** What else is done on a stack: after its start and before the load, and after the load has ended. */
export interface Around {
  readonly before?: (stack: BenchStack) => Promise<void>;
  readonly after?: (stack: BenchStack) => Promise<void>;
}

/** One row on a stack of its own, which is gone afterwards. */
export async function measure(
  options: BenchOptions,
  entry: Entry,
  say: (text: string) => void,
  { before, after }: Around = {},
): Promise<Measured> {
  const bench = await openBench(options, entry, say);
  try {
    await before?.(bench.stack);
    const measured = await measureOn(bench);
    await after?.(bench.stack);
    return measured;
  } finally {
    await closeBench(bench);
  }
}

/** Starts what is measured and who drives it. The caller closes. */
export async function openBench(
  options: BenchOptions,
  entry: Entry,
  say: (text: string) => void,
): Promise<Bench> {
  const stack = await startStack(options, say);
  try {
    const databases = await BenchDatabases.open(stack.databaseUrls);
    const { order, logFile, groups: ours } = stack;
    const driver =
      entry === 'service'
        ? order
        : new Remote({ name: 'generator', entry: 'test/bench/rest.generator.ts', logFile });
    const generator = driver === order ? [] : [{ name: 'generator', pid: driver.pid, tree: false }];
    const groups = [...ours, ...generator, { name: 'bench', pid: process.pid, tree: false }];
    return { options, entry, stack, databases, driver, groups, say };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

export async function closeBench({ databases, driver, stack }: Bench): Promise<void> {
  await databases.close();
  if (driver !== stack.order) await driver.end();
  await stack.stop();
}

/** Begins a load, measures it and has it end. What goes wrong brings the end of the processes' log along. */
export async function measureOn(bench: Bench): Promise<Measured> {
  const { options, stack, driver } = bench;
  const { clients, rate, protocol } = options;
  try {
    const skus = options.profile === 'steps' ? [] : await plentiful(stack.url);
    const plan = { url: stack.url, clients, skus, protocol, ...(rate !== undefined && { rate }) };
    await driver.call('start', plan);
    return await run(bench);
  } catch (error) {
    process.stderr.write(tail(stack.logFile));
    throw error;
  }
}

async function run(bench: Bench): Promise<Measured> {
  const { options, databases, driver, stack, say } = bench;
  say(`warming up for ${options.warmUp} s`);
  // The first reading loads what tells the metrics, which must be in no figure.
  await messagesSent(stack.metricUrls);
  await pause(options.warmUp * 1_000);
  const counted = options.statements ? stack.adminUrl : undefined;
  if (counted !== undefined) await resetStatements(counted);
  if (options.profileCpu) await Promise.all(stack.hosts.map((host) => host.call('profileStart')));
  const sentBefore = await messagesSent(stack.metricUrls);
  const first = { ...(await look(bench)), ...sentBefore };
  await wait(bench, first.mark);
  const seen = await look(bench);
  const last = { ...seen, ...(await messagesSent(stack.metricUrls)) };
  const functions = options.profileCpu ? await collectProfiles(bench) : {};
  const statements = counted === undefined ? [] : await costliestStatements(counted, statementsMax);
  say('waiting for the last orders, then asking every row how it ended');
  const result = await driver.call<LoadResult>('finish');
  const problems = [
    ...(result.wrong > 0
      ? [`${result.wrong} orders were answered wrongly: ${result.samples.join('; ')}`]
      : []),
    ...(await databases.problems(options.protocol)),
  ];
  const { entry } = bench;
  return {
    row: rowOf({ options, entry, first, last, result, problems }),
    insight: { functions, statements },
  };
}

async function look({ driver, databases, groups, stack }: Bench): Promise<Look> {
  const [mark, database] = await Promise.all([driver.call<Mark>('mark'), databases.read()]);
  const processes = readProcesses(groups);
  const queries = await Promise.all(stack.hosts.map((host) => host.call<number>('queries')));
  return { mark, database, processes, statements: sum(queries) };
}

/** Nobody counts them where metrics are switched off. Reading costs the processes some CPU. */
async function messagesSent(urls: readonly string[]): Promise<Pick<Look, 'messages'>> {
  const answers = await Promise.all(urls.map((url) => fetch(`${url}/metrics`)));
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  return urls.length > 0 && answers.every(({ ok }) => ok) ? { messages: sum(texts.map(messagesIn)) } : {};
}

/** Until the time is over, or so many have ended as were asked for. Tells how it goes every few seconds; the load keeps all
 *  marks, and its latency spans the first and the last. */
async function wait({ options, driver, say }: Bench, first: Mark): Promise<void> {
  const { transactions, seconds } = options;
  const untilMs = transactions === undefined ? first.atMs + seconds * 1_000 : Number.POSITIVE_INFINITY;
  const stepMs = transactions === undefined ? progressMs : countedEveryMs;
  for (
    let [last, saidAt] = [first, first.atMs];
    last.atMs < untilMs && !isEnough(last, first, transactions);
  ) {
    await pause(Math.max(1, Math.min(stepMs, untilMs - last.atMs)));
    last = await driver.call<Mark>('mark');
    if (last.atMs - saidAt < progressMs && last.atMs < untilMs) continue;
    saidAt = last.atMs;
    say(progress(first, last));
  }
}

function isEnough(last: Mark, first: Mark, transactions: number | undefined): boolean {
  return transactions !== undefined && last.completed - first.completed >= transactions;
}

function progress(first: Mark, last: Mark): string {
  const [count, ms] = [last.completed - first.completed, last.atMs - first.atMs];
  return `${Math.round(ms / 1_000)} s: ${count} ended, ${((count * 1_000) / ms).toFixed(0)} a second`;
}

async function collectProfiles({ options, entry, stack, say }: Bench): Promise<Insight['functions']> {
  mkdirSync(options.out, { recursive: true });
  const functions: Record<string, readonly HotFunction[]> = {};
  for (const host of stack.hosts) {
    const name = `${options.profile}-${entry}-${host.name}`;
    const file = join(options.out, `${name}.cpuprofile`);
    await host.call('profileStop', file);
    const profile: Profiler.Profile = JSON.parse(readFileSync(file, 'utf8'));
    functions[host.name] = hottest(profile, functionsMax);
    writeFileSync(join(options.out, `${name}.flame.svg`), flame(name, profile));
    say(`wrote ${file} and ${name}.flame.svg`);
  }
  return functions;
}

const productList = z.object({ items: z.array(z.object({ sku: z.string(), available: z.number() })) });

/** Products of which the whole bench cannot sell the last piece. */
async function plentiful(url: string): Promise<readonly string[]> {
  const response = await fetch(`${url}/products`);
  const { items } = productList.parse(await response.json());
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
