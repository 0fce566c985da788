/**
 * Brings up what is measured, on a fresh throwaway directory: one process and its Postgres, or five over a Kafka of
 * their own. Postgres keeps its durable settings. Everything it starts it stops, and the directory goes with it.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createDatabases, databaseEnvironment, readStack, startEmbeddedPostgres } from '@sagamore/local';
import { startBroker } from '../../deploy/local/kafka/broker.js';
import { countStatements } from './database-figures.js';
import type { HostReady } from './host.js';
import { Remote } from './ipc.js';
import type { BenchOptions } from './options.js';
import { childrenNamed, type ProcessGroup } from './process-figures.js';

export interface BenchStack {
  /** The order API. */
  readonly url: string;
  /** The process that holds the order service. */
  readonly order: Remote;
  /** Every process of ours that runs services. */
  readonly hosts: readonly Remote[];
  /** What the CPU figures are taken of, the load generator apart. */
  readonly groups: readonly ProcessGroup[];
  readonly databaseUrls: Readonly<Record<string, string>>;
  /** Where each process tells its metrics; none where there are none. */
  readonly metricUrls: readonly string[];
  /** The administrator's, where one was asked for. Holds a password. */
  readonly adminUrl?: string;
  readonly logFile: string;
  stop(): Promise<void>;
}

const readyMsMax = 60_000;

type Say = (text: string) => void;
type Stops = (() => Promise<void> | void)[];

/** Resolves when every service is ready. Rejects with everything stopped again. */
export async function startStack(options: BenchOptions, say: Say): Promise<BenchStack> {
  const stops: Stops = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).toReversed()) await each();
  };
  try {
    const directory = throwaway(stops);
    const started = await starts[options.profile]({ directory, options, stops, say });
    return { ...started, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Start {
  readonly directory: string;
  readonly options: BenchOptions;
  readonly stops: Stops;
  readonly say: Say;
}

const starts = { local: startLocal, kafka: startKafka, steps: startSteps };

/** Where another user can enter: Postgres refuses to run as root, and so runs as somebody else. */
export function throwaway(stops: Stops): string {
  const directory = mkdtempSync(join(tmpdir(), 'sagamore-bench-'));
  chmodSync(directory, 0o755);
  stops.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function startLocal({ directory, options, stops, say }: Start): Promise<Omit<BenchStack, 'stop'>> {
  const admin = options.administered
    ? new URL(await prepare(join(directory, 'postgres'), options))
    : undefined;
  say('starting the local profile');
  const logFile = join(directory, 'local.log');
  const flags = options.simulators ? ['--simulators'] : [];
  const host = new Remote({
    name: 'local',
    entry: 'test/bench/local.host.ts',
    args: ['--directory', directory, '--catalogue', String(options.catalogue), ...flags],
    env: options.settings,
    logFile,
  });
  stops.push(() => host.end());
  const { url } = await host.call<HostReady>('boot');
  const { databaseUrls = {} } = readStack(directory) ?? {};
  const [postmaster = 0] = childrenNamed(host.pid, 'postgres');
  const groups = [
    { name: 'local', pid: host.pid, tree: false },
    { name: 'postgres', pid: postmaster, tree: true },
  ];
  const parts = { url, order: host, hosts: [host], groups, databaseUrls, metricUrls: [url], logFile };
  if (admin === undefined) return parts;
  admin.port = new URL(databaseUrls['order'] ?? admin).port;
  return { ...parts, adminUrl: admin.href };
}

/** What counts statements is loaded at the server's start alone, so it starts once before. Answers the administrator's URL;
 *  its port is that of the first start. */
async function prepare(directory: string, { statements }: BenchOptions): Promise<string> {
  const server = await startEmbeddedPostgres({ directory });
  const url = server.url('postgres');
  try {
    if (statements) await countStatements(url);
    return url;
  } finally {
    await server.stop();
  }
}

async function startKafka({ directory, options, stops, say }: Start): Promise<Omit<BenchStack, 'stop'>> {
  const broker = await startBroker({ directory: join(directory, 'kafka'), log: say });
  stops.push(() => broker.stop());
  if (options.statements) await prepare(join(directory, 'postgres'), options);
  const postgres = await startEmbeddedPostgres({ directory: join(directory, 'postgres') });
  stops.push(() => postgres.stop());
  const databaseUrls = await createDatabases(postgres);
  const logFile = join(directory, 'services.log');
  const env = {
    LOG_LEVEL: 'warn',
    BREAKER_FAILURES: '100',
    ...databaseEnvironment(databaseUrls),
    KAFKA_BROKERS: broker.brokers,
    CATALOGUE_SIZE: String(options.catalogue),
    INITIAL_STOCK: '1000000000',
    ...options.settings,
  };
  const flags = options.simulators ? ['--simulators'] : [];
  const launch = (service: string, more: Readonly<Record<string, string>> = {}, name = service): Remote => {
    const child = new Remote({
      name,
      entry: 'test/bench/service.host.ts',
      args: [service, ...flags],
      env: { ...env, ...more },
      logFile,
    });
    stops.push(() => child.end());
    return child;
  };
  const outside = options.simulators ? launch('simulators') : undefined;
  const providers = outside === undefined ? {} : providersAt((await outside.call<HostReady>('boot')).url);
  const hosts: Remote[] = [];
  const metricUrls: string[] = [];
  for (const { service, name } of processesOf(options.orchestrators)) {
    say(`starting ${name}`);
    const host = launch(service, providers, name);
    const { url } = await host.call<HostReady>('boot');
    await untilReady(name, url);
    hosts.push(host);
    metricUrls.push(url);
  }
  // Whoever joined a group late had the others give up a part of it.
  for (const url of metricUrls) await untilReady('every service', url);
  const groups = [
    ...[...hosts, ...(outside === undefined ? [] : [outside])].map(({ name, pid }) => ({
      name,
      pid,
      tree: false,
    })),
    { name: 'kafka', pid: broker.pid, tree: true },
    { name: 'postgres', pid: postgres.pid, tree: true },
  ];
  const [order, url, adminUrl] = [hosts.at(-1)!, metricUrls.at(-1)!, postgres.url('postgres')];
  return { url, order, hosts, groups, databaseUrls, metricUrls, adminUrl, logFile };
}

/** The synthetic saga: a coordinator and one participant in one process, each with its database. */
async function startSteps({ directory, options, stops, say }: Start): Promise<Omit<BenchStack, 'stop'>> {
  if (options.statements) await prepare(join(directory, 'postgres'), options);
  const postgres = await startEmbeddedPostgres({ directory: join(directory, 'postgres') });
  stops.push(() => postgres.stop());
  const databaseUrls = {
    orchestrator: await postgres.createDatabase('orchestrator'),
    participant: await postgres.createDatabase('participant'),
  };
  say(`starting a saga of ${options.steps} steps`);
  const logFile = join(directory, 'steps.log');
  const host = new Remote({
    name: 'steps',
    entry: 'test/bench/steps.host.ts',
    args: ['--steps', String(options.steps)],
    env: { ...databaseEnvironment(databaseUrls), ...options.settings },
    logFile,
  });
  stops.push(() => host.end());
  const { url } = await host.call<HostReady>('boot');
  const groups = [
    { name: 'steps', pid: host.pid, tree: false },
    { name: 'postgres', pid: postgres.pid, tree: true },
  ];
  const adminUrl = postgres.url('postgres');
  return { url, order: host, hosts: [host], groups, databaseUrls, metricUrls: [], adminUrl, logFile };
}

/** A consumer group needs some seconds to form; what is placed before would only measure that. */
async function untilReady(name: string, url: string): Promise<void> {
  for (const deadline = performance.now() + readyMsMax; performance.now() < deadline; await pause(100)) {
    if ((await fetch(`${url}/health/ready`)).ok) return;
  }
  throw new Error(`${name} was not ready after ${readyMsMax / 1_000} s`);
}

function providersAt(url: string): Record<string, string> {
  return { CARD_NETWORK_URL: url, CARRIER_URL: url };
}

/** In the order of their start. The first orchestrator bears the service's name, the others a number too. */
export function processesOf(orchestrators: number): readonly { service: string; name: string }[] {
  const named = (service: string) => ({ service, name: service });
  const others = Array.from({ length: orchestrators - 1 }, (_, index) => ({
    service: 'orchestrator',
    name: `orchestrator-${index + 2}`,
  }));
  return [...['inventory', 'payment', 'shipping', 'orchestrator'].map(named), ...others, named('order')];
}
