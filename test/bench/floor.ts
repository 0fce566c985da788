/**
 * The floor: the rows that orders leave in the five databases, undone ones too, written by bare multi-row SQL in the commits
 * the house makes, on connections like its own, and nothing else: no bus, no checks, no framework. What lies between this and a
 * real run is ours.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createDatabases, startEmbeddedPostgres } from '@sagamore/local';
import type pg from 'pg';
import { BenchDatabases } from './database-figures.js';
import type { HostReady } from './host.js';
import { Remote } from './ipc.js';
import type { BenchOptions } from './options.js';
import { readProcesses } from './process-figures.js';
import { refusedOf, stepsOf, type FloorStep, type SqlStatement } from './floor.statements.js';
import { openDatabase } from './rig.js';
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

/** A server with the tables of the house, on which the floor can be measured again and again. */
export interface OpenFloor {
  /** Writes batches one after the other for as long as its options say, the warm-up apart. */
  measure(): Promise<Floor>;
  close(): Promise<void>;
}

/** Measures it once. */
export async function measureFloor(options: BenchOptions, say: (text: string) => void): Promise<Floor> {
  const floor = await openFloor(options, say);
  try {
    return await floor.measure();
  } finally {
    await floor.close();
  }
}

/** Rejects with everything stopped again. The caller closes. */
export async function openFloor(options: BenchOptions, say: (text: string) => void): Promise<OpenFloor> {
  const stops: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  };
  try {
    const directory = throwaway(stops);
    say('making the tables of the floor, by starting the local profile once');
    await makeTables(directory, options);
    const postgres = await startEmbeddedPostgres({ directory: join(directory, 'postgres') });
    stops.push(() => postgres.stop());
    const urls = await createDatabases(postgres);
    const clients = await connect(urls, stops);
    const databases = await BenchDatabases.open(urls);
    stops.push(() => databases.close());
    return { measure: () => run({ options, clients, databases, postmaster: postgres.pid, say }), close };
  } catch (error) {
    await close();
    throw error;
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

/** One for each service, opened as the house opens its own. */
async function connect(
  urls: Readonly<Record<string, string>>,
  stops: (() => Promise<void> | void)[],
): Promise<Clients> {
  const clients = new Map<string, pg.Client>();
  for (const [service, url] of Object.entries(urls)) {
    const database = await openDatabase(url, []);
    stops.push(() => database.close());
    const client = await database.connect();
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
  let undone: readonly string[] = [];
  for (const deadline = performance.now() + seconds * 1_000; performance.now() < deadline; count += batch) {
    const batchIds = ids();
    for (const step of stepsOf({ ids: batchIds, undone, catalogue })) await write(step, clients);
    undone = refusedOf(batchIds);
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
