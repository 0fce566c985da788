/**
 * The floor: the rows that a completed order leaves in the five databases, written by bare multi-row SQL in the commits
 * the house makes, and nothing else: no bus, no checks, no framework. What lies between this and a real run is ours.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createDatabases, startEmbeddedPostgres } from '@sagamore/local';
import pg from 'pg';
import { BenchDatabases } from './database-figures.js';
import type { HostReady } from './host.js';
import { Remote } from './ipc.js';
import type { BenchOptions } from './options.js';
import { readProcesses } from './process-figures.js';
import { stepsOf, type FloorStep, type SqlStatement } from './floor.statements.js';
import { throwaway } from './stack.js';

export interface Floor {
  readonly batch: number;
  readonly perSecond: number;
  readonly cpuMs: { readonly total: number; readonly postgres: number; readonly node: number };
  readonly rows: number;
  readonly walBytes: number;
  readonly foreignCores: number;
}

/** As many as one batch of the house holds where 256 clients wait. */
const batch = 250;

/** Writes batches one after the other for as long as `options` says, the warm-up apart. */
export async function measureFloor(options: BenchOptions, say: (text: string) => void): Promise<Floor> {
  const stops: (() => Promise<void> | void)[] = [];
  try {
    const directory = throwaway(stops);
    say('making the tables, by starting the local profile once');
    await makeTables(directory, options);
    const postgres = await startEmbeddedPostgres({ directory: join(directory, 'postgres') });
    stops.push(() => postgres.stop());
    const urls = await createDatabases(postgres);
    const clients = await connect(urls, stops);
    const databases = await BenchDatabases.open(urls);
    stops.push(() => databases.close());
    return await run({ options, clients, databases, postmaster: postgres.pid, say });
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

async function makeTables(directory: string, { catalogue }: BenchOptions): Promise<void> {
  const host = new Remote({
    name: 'local',
    entry: 'test/bench/local.host.ts',
    args: ['--directory', directory, '--catalogue', String(catalogue)],
    logFile: join(directory, 'local.log'),
  });
  try {
    await host.call<HostReady>('boot');
  } finally {
    await host.end();
  }
}

type Clients = ReadonlyMap<string, pg.Client>;

/** With the settings of the house: pipelined, and plans that fit the tables as they are. */
async function connect(
  urls: Readonly<Record<string, string>>,
  stops: (() => Promise<void> | void)[],
): Promise<Clients> {
  const clients = new Map<string, pg.Client>();
  for (const [service, connectionString] of Object.entries(urls)) {
    const settings = '-c plan_cache_mode=force_custom_plan';
    const client = new pg.Client({ connectionString, options: settings, pipeline: true });
    await client.connect();
    stops.push(() => client.end());
    clients.set(service, client);
  }
  return clients;
}

interface Run {
  readonly options: BenchOptions;
  readonly clients: Clients;
  readonly databases: BenchDatabases;
  readonly postmaster: number;
  readonly say: (text: string) => void;
}

async function run({ options, clients, databases, postmaster, say }: Run): Promise<Floor> {
  const groups = [
    { name: 'postgres', pid: postmaster, tree: true },
    { name: 'node', pid: process.pid, tree: false },
  ];
  const look = async () => ({
    database: await databases.read(),
    processes: readProcesses(groups),
    atMs: performance.now(),
  });
  say(`warming up for ${options.warmUp} s`);
  await writeFor(options.warmUp, clients, options.catalogue);
  const first = await look();
  say(`writing for ${options.seconds} s`);
  const count = await writeFor(options.seconds, clients, options.catalogue);
  const last = await look();
  const used = (name: string): number => last.processes.cpuMs[name]! - first.processes.cpuMs[name]!;
  const elapsedMs = last.atMs - first.atMs;
  const [postgres, node] = [used('postgres'), used('node')];
  const machineMs = last.processes.machineMs - first.processes.machineMs;
  return {
    batch,
    perSecond: (count * 1_000) / elapsedMs,
    cpuMs: { total: (postgres + node) / count, postgres: postgres / count, node: node / count },
    rows: (last.database.rows - first.database.rows) / count,
    walBytes: (last.database.walBytes - first.database.walBytes) / count,
    foreignCores: Math.max(0, machineMs - postgres - node) / elapsedMs,
  };
}

async function writeFor(seconds: number, clients: Clients, catalogue: number): Promise<number> {
  let count = 0;
  for (const deadline = performance.now() + seconds * 1_000; performance.now() < deadline; count += batch) {
    for (const step of stepsOf(ids(), catalogue)) await write(step, clients);
  }
  return count;
}

/** UUIDs of version 7, so that new rows lie beside each other, as ours do. */
function ids(): readonly string[] {
  const time = Date.now().toString(16).padStart(12, '0');
  return Array.from({ length: batch }, () => {
    const random = randomBytes(10).toString('hex');
    const tail = `7${random.slice(1, 4)}-8${random.slice(5, 8)}-${random.slice(8, 20)}`;
    return `${time.slice(0, 8)}-${time.slice(8)}-${tail}`;
  });
}

/** One transaction in one flush. */
async function write({ service, statements }: FloorStep, clients: Clients): Promise<void> {
  const client = clients.get(service)!;
  const { stream } = client.connection;
  stream.cork();
  const sent = [
    client.query('begin'),
    ...statements.map(({ name, text, values }: SqlStatement) =>
      client.query({ name, text, values: [...values] }),
    ),
    client.query('commit'),
  ];
  stream.uncork();
  await Promise.all(sent);
}
