/**
 * `npm run start:kafka`: the services as separate processes over a real Kafka, each with a database of its own.
 * Uses the brokers of KAFKA_BROKERS and the databases of DATABASE_URL_<SERVICE> where they are given; starts its own
 * where they are not.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  databaseEnvironment,
  patientCircuits,
  services,
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  terminal,
  writeStack,
  createDatabases,
} from '@sagamore/local';
import { startJaeger, type LocalJaeger } from '../jaeger/jaeger.js';
import { freePort, keepAlive, Supervisor } from '../supervisor.js';
import { startBroker } from './broker.js';
import { direct, linked, serviceOf, type Ways } from './links.js';

const { colours, line, step } = terminal;

const usage = `Usage: npm run start:kafka -- [options]

  --port <number>               the order API; 0 takes a free port      (default 3000)
  --orchestrator-port <number>  the operators' API; 0 takes a free port (default 3001)
  --orchestrators <number>      processes that share the shards, 1 to 16 (default 1)
  --directory <path>            where data is kept between runs         (default .sagamore)
  --links                       put a Toxiproxy before every server, for drills that cut (built once with Go)
  --jaeger                      start a Jaeger too, and trace every order (built once with Go)
  --help                        this text

KAFKA_BROKERS and DATABASE_URL_<SERVICE> name servers of yours; what is not named is started here.
`;

interface Options {
  readonly port: number;
  readonly orchestratorPort: number;
  readonly orchestrators: number;
  readonly links: boolean;
  readonly directory: string;
  readonly jaeger: boolean;
}

type Stops = (() => Promise<void>)[];

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '3000' },
      'orchestrator-port': { type: 'string', default: '3001' },
      orchestrators: { type: 'string', default: '1' },
      links: { type: 'boolean', default: false },
      directory: { type: 'string', default: '.sagamore' },
      jaeger: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const port = portOf(values.port);
  const orchestratorPort = values.port === '0' ? 0 : portOf(values['orchestrator-port']);
  if (!/^([1-9]|1[0-6])$/.test(values.orchestrators))
    throw new TypeError(`--orchestrators takes a number from 1 to 16, found ${values.orchestrators}`);
  const orchestrators = Number(values.orchestrators);
  return {
    port,
    orchestratorPort,
    orchestrators,
    links: values.links,
    directory: resolve(values.directory),
    jaeger: values.jaeger,
  };
}

function portOf(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new TypeError(`a port is a number from 0 to 65535, found ${text}`);
  return Number(text);
}

async function main(): Promise<void> {
  const options = readOptions();
  const stops: Stops = [];
  stopOnSignals(stops);
  line(colours.bold('Sagamore') + colours.dim(' — each service a process, over a real Kafka'));
  line();
  try {
    await startAll(options, stops);
  } catch (error) {
    await runBackwards(stops);
    throw error;
  }
}

async function startAll(options: Options, stops: Stops): Promise<void> {
  const { port, orchestratorPort, directory } = options;
  const orchestrators = Array.from({ length: options.orchestrators }, (_, index) =>
    index === 0 ? 'orchestrator' : `orchestrator-${index + 1}`,
  );
  const supervisor = new Supervisor(directory, say);
  const jaeger = options.jaeger ? await jaegerFor(directory, stops) : undefined;
  const processes = ['inventory', 'payment', 'shipping', ...orchestrators, 'order'];
  const ways = options.links ? await waysFor(processes, directory, stops) : direct;
  const { brokers, brokerDoors } = await brokersFor(ways, directory, supervisor, stops);
  const { databaseUrls, postgresDirectory } = await databasesFor(directory, supervisor, stops);
  stops.push(() => supervisor.stop());
  const url = async (wanted: number): Promise<string> =>
    `http://127.0.0.1:${wanted === 0 ? await freePort() : wanted}`;
  const simulatorsDirectory = join(directory, 'simulators');
  const simulatorsUrl = await url(0);
  const env = {
    LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'warn',
    ...patientCircuits,
    ...databaseEnvironment(databaseUrls),
    KAFKA_BROKERS: brokers,
    CARD_NETWORK_URL: process.env['CARD_NETWORK_URL'] ?? simulatorsUrl,
    CARRIER_URL: process.env['CARRIER_URL'] ?? simulatorsUrl,
    PARTICIPANT_URL_TRAVEL: process.env['PARTICIPANT_URL_TRAVEL'] ?? `${simulatorsUrl}/travel`,
    PARTICIPANT_URL_BILLING: process.env['PARTICIPANT_URL_BILLING'] ?? `${simulatorsUrl}/billing`,
    SIMULATORS_DIRECTORY: simulatorsDirectory,
    ...(jaeger !== undefined && { OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlpUrl, TRACE_PERCENT: '100' }),
  };
  const own = await ways.join({ brokerDoors, databaseUrls, simulatorsUrl });
  const urls: Record<string, string> = { simulators: simulatorsUrl };
  for (const name of ['inventory', 'payment', 'shipping']) urls[name] = await url(0);
  for (const name of orchestrators) urls[name] = await url(name === 'orchestrator' ? orchestratorPort : 0);
  urls['order'] = await url(port);
  await step('a card network and a carrier that misbehave on request', () =>
    supervised(supervisor, 'simulators', urls, env),
  );
  for (const name of processes) {
    await step(name, () => supervised(supervisor, name, urls, { ...env, ...own(name) }));
  }
  writeStack(directory, {
    profile: 'kafka',
    brokers,
    orderUrl: urls['order']!,
    orchestratorUrl: urls['orchestrator']!,
    simulatorsUrl,
    databaseUrls,
    ...(postgresDirectory !== undefined && { postgresDirectory }),
    simulatorsDirectory,
    ...(ways.url !== undefined && { linksUrl: ways.url }),
  });
  line();
  line(
    colours.dim(
      `  logs and process ids lie in ${join(directory, 'logs')} and ${join(directory, 'processes.json')}`,
    ),
  );
  if (jaeger !== undefined) line(`jaeger ${jaeger.queryUrl}/api/traces/<transaction id without dashes>`);
  line(`ready ${urls['order']}`);
  for (const name of orchestrators) line(`ready ${name} ${urls[name]}`);
}

async function supervised(
  supervisor: Supervisor,
  name: string,
  urls: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const url = urls[name]!;
  await supervisor.start({
    name,
    entry: `apps/${serviceOf(name)}/src/main.ts`,
    env: { ...env, PORT: new URL(url).port },
    readyUrl: name === 'simulators' ? `${url}/card-network/ledger` : `${url}/health/ready`,
  });
}

async function waysFor(processes: readonly string[], directory: string, stops: Stops): Promise<Ways> {
  if (process.env['KAFKA_BROKERS'])
    throw new Error('--links needs the broker that is started here: a foreign one names its own address');
  const ways = await step('Toxiproxy', (progress) => linked(processes, directory, progress.say));
  stops.push(() => ways.stop());
  return ways;
}

async function brokersFor(
  { doors }: Ways,
  directory: string,
  supervisor: Supervisor,
  stops: Stops,
): Promise<{ readonly brokers: string; readonly brokerDoors: Readonly<Record<string, number>> }> {
  const given = process.env['KAFKA_BROKERS'];
  if (given) return { brokers: given, brokerDoors: {} };
  const broker = await step('Kafka', (progress) => {
    const start = () =>
      startBroker({ directory: join(directory, 'kafka', 'data'), doors, log: progress.say });
    return keepAlive('Kafka', start, say);
  });
  broker.onRestart(() => supervisor.writePids());
  stops.push(() => broker.stop());
  supervisor.alsoRuns('kafka', () => broker.current().pid);
  const { brokers, doors: brokerDoors } = broker.current();
  return { brokers, brokerDoors };
}

async function jaegerFor(directory: string, stops: Stops): Promise<LocalJaeger> {
  const jaeger = await step('Jaeger', (progress) =>
    startJaeger({ directory: join(directory, 'jaeger'), log: progress.say }),
  );
  stops.push(() => jaeger.stop());
  return jaeger;
}

interface Databases {
  readonly databaseUrls: Readonly<Record<string, string>>;
  readonly postgresDirectory?: string;
}

async function databasesFor(directory: string, supervisor: Supervisor, stops: Stops): Promise<Databases> {
  const given = givenDatabases();
  if (Object.keys(given).length === services.length) return { databaseUrls: given };
  const postgresDirectory = join(directory, 'postgres');
  const postgres = await step('Postgres', (progress) => {
    const start = (before?: EmbeddedPostgres) =>
      startEmbeddedPostgres({
        directory: postgresDirectory,
        log: progress.say,
        ...(before !== undefined && { port: before.port }),
      });
    return keepAlive('Postgres', start, say);
  });
  postgres.onRestart(() => supervisor.writePids());
  stops.push(() => postgres.stop());
  supervisor.alsoRuns('postgres', () => postgres.current().pid);
  const own = await step('a database for each service', () => createDatabases(postgres.current()));
  return { databaseUrls: { ...own, ...given }, postgresDirectory };
}

function givenDatabases(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    services.flatMap((service) => {
      const url = process.env[`DATABASE_URL_${service.toUpperCase()}`];
      return url ? [[service, url]] : [];
    }),
  );
}

function say(text: string): void {
  line(colours.yellow(`  ${text}`));
}

let stopping = false;

function stopOnSignals(stops: Stops): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      runBackwards(stops).then(() => process.exit(0), fail);
    });
  }
}

async function runBackwards(stops: Stops): Promise<void> {
  for (const stop of stops.splice(0).toReversed()) await stop();
}

function fail(error: unknown): never {
  process.stderr.write(`${colours.red('✘')} ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

await main().catch(fail);
