/**
 * The whole house in one process: an embedded Postgres, the memory bus, the simulated outside world and every service.
 * The same modules run as separate processes over Kafka; nothing here knows their business.
 */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { MemoryBus } from '@sagamore/memory';
import { readConfig, start, type RunningApp } from '@sagamore/platform';
import { SystemClock } from '@sagamore/runtime';
import { startSimulators } from '@sagamore/simulators';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.js';
import { LocalModule, type Providers } from './local.module.js';
import { databaseEnvironment, services, writeStack } from './stack-file.js';

export { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.js';
export { type Providers } from './local.module.js';
export { tellStory } from './story.js';
export { databaseEnvironment, readStack, services, writeStack, type Stack } from './stack-file.js';
export * as terminal from './terminal.js';

export interface LocalOptions {
  /** Where everything durable lives, e.g. `.sagamore`; made when missing, kept between runs. */
  readonly directory: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Further settings, by their environment names. */
  readonly env?: Readonly<Record<string, string>>;
  /** Stand-ins for the card network and the carrier; default: the simulators over HTTP. */
  readonly providers?: Providers;
  /** Wraps each stage of the start, for people who wait. Default: silence. */
  readonly stage?: Stage;
}

/** The simulated providers fail because they are asked to, one order at a time: a circuit that opened for everybody would
 *  only make a demo wait. */
export const patientCircuits = { BREAKER_FAILURES: '100', BREAKER_RESET_MS: '2000' };

/** One after the other: an order's dozen commits then share each of them with whoever has waited meanwhile, and no batch
 *  is cut small for the sake of running beside another on the same two cores. */
const handlersMax = 1;

const readyMsMax = 30_000;

export type Stage = <T>(
  title: string,
  work: (progress: { say(text: string): void }) => Promise<T>,
) => Promise<T>;

export interface Local {
  readonly url: string;
  readonly simulatorsUrl: string;
  readonly running: RunningApp;
  /** Drains and stops everything in the reverse order of its start. Idempotent. */
  stop(): Promise<void>;
}

/** Resolves when every route answers. Rejects with everything stopped again when anything cannot start. */
export async function startLocal(options: LocalOptions): Promise<Local> {
  const stage = options.stage ?? ((_title, work) => work({ say: () => {} }));
  const stops: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= runBackwards(stops));
  try {
    return { ...(await startAll(options, stage, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startAll(
  options: LocalOptions,
  stage: Stage,
  stops: (() => Promise<void>)[],
): Promise<Omit<Local, 'stop'>> {
  const { directory, port, env = {}, providers } = options;
  const postgresDirectory = join(directory, 'postgres');
  const postgres = await stage('Postgres', ({ say }) =>
    startEmbeddedPostgres({ directory: postgresDirectory, log: say }),
  );
  stops.push(() => postgres.stop());
  const databaseUrls = await stage('a database for each service', () => createDatabases(postgres));
  const simulatorsDirectory = join(directory, 'simulators');
  const simulators = await stage('a card network and a carrier that misbehave on request', () =>
    startSimulators({ directory: simulatorsDirectory }),
  );
  stops.push(() => simulators.stop());
  const running = await stage('order, inventory, payment, shipping and the orchestrator', () => {
    const config = readConfig({
      LOG_LEVEL: 'warn',
      LOG_PRETTY: 'true',
      ...patientCircuits,
      CARD_NETWORK_URL: simulators.url,
      CARRIER_URL: simulators.url,
      PARTICIPANT_URL_TRAVEL: `${simulators.url}/travel`,
      PARTICIPANT_URL_BILLING: `${simulators.url}/billing`,
      ...env,
      ...databaseEnvironment(databaseUrls),
    });
    const bus = new MemoryBus({ clock: new SystemClock(), handlersMax });
    return start({
      service: 'local',
      module: (host) => LocalModule.forRoot(host, providers),
      config,
      bus,
      port,
    });
  });
  stops.push(() => running.stop());
  const { url } = running;
  await stage('the catalogue', () => untilReady(url));
  writeStack(directory, {
    profile: 'local',
    orderUrl: url,
    orchestratorUrl: url,
    simulatorsUrl: simulators.url,
    databaseUrls,
    postgresDirectory,
    simulatorsDirectory,
  });
  return { url, simulatorsUrl: simulators.url, running };
}

/** Resolves once the readiness route is content; rejects with what is missing after half a minute. */
async function untilReady(url: string): Promise<void> {
  const deadline = performance.now() + readyMsMax;
  for (;;) {
    const response = await fetch(`${url}/health/ready`);
    if (response.ok) return;
    const { checks } = (await response.json()) as { checks: readonly { name: string; status: string }[] };
    const missing = checks.filter(({ status }) => status !== 'up').map(({ name }) => name);
    if (performance.now() > deadline) throw new Error(`not ready after 30 s: ${missing.join(', ')}`);
    await pause(50);
  }
}

/** One database and one role a service (architecture §8). Answers their URLs by service. */
export async function createDatabases(postgres: EmbeddedPostgres): Promise<Readonly<Record<string, string>>> {
  const urls: Record<string, string> = {};
  for (const service of services) urls[service] = await postgres.createDatabase(service);
  return urls;
}

async function runBackwards(stops: readonly (() => Promise<void>)[]): Promise<void> {
  for (const stop of stops.toReversed()) await stop();
}
