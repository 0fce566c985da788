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

const { colours, line, step } = terminal;

const usage = `Usage: npm run start:kafka -- [options]

  --port <number>               the order API; 0 takes a free port      (default 3000)
  --orchestrator-port <number>  the operators' API; 0 takes a free port (default 3001)
  --directory <path>            where data is kept between runs         (default .sagamore)
  --jaeger                      start a Jaeger too, and trace every order (built once with Go)
  --help                        this text

KAFKA_BROKERS and DATABASE_URL_<SERVICE> name servers of yours; what is not named is started here.
`;

interface Options {
  readonly port: number;
  readonly orchestratorPort: number;
  readonly directory: string;
  readonly jaeger: boolean;
}

type Stops = (() => Promise<void>)[];

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '3000' },
      'orchestrator-port': { type: 'string', default: '3001' },
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
  return { port, orchestratorPort, directory: resolve(values.directory), jaeger: values.jaeger };
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
  line(colours.bold('Sagamore') + colours.dim(' — five processes over a real Kafka'));
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
  const supervisor = new Supervisor(directory, say);
  const jaeger = options.jaeger ? await jaegerFor(directory, stops) : undefined;
  const brokers = await brokersFor(directory, supervisor, stops);
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
  const urls: Record<string, string> = { simulators: simulatorsUrl };
  for (const name of ['inventory', 'payment', 'shipping']) urls[name] = await url(0);
  urls['orchestrator'] = await url(orchestratorPort);
  urls['order'] = await url(port);
  await step('a card network and a carrier that misbehave on request', () =>
    supervised(supervisor, 'simulators', urls, env),
  );
  for (const name of ['inventory', 'payment', 'shipping', 'orchestrator', 'order']) {
    await step(name, () => supervised(supervisor, name, urls, env));
  }
  writeStack(directory, {
    profile: 'kafka',
    orderUrl: urls['order']!,
    orchestratorUrl: urls['orchestrator']!,
    simulatorsUrl,
    databaseUrls,
    ...(postgresDirectory !== undefined && { postgresDirectory }),
    simulatorsDirectory,
  });
  line();
  line(
    colours.dim(
      `  logs and process ids lie in ${join(directory, 'logs')} and ${join(directory, 'processes.json')}`,
    ),
  );
  if (jaeger !== undefined) line(`jaeger ${jaeger.queryUrl}/api/traces/<transaction id without dashes>`);
  line(`ready ${urls['order']}`);
  line(`ready orchestrator ${urls['orchestrator']}`);
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
    entry: `apps/${name}/src/main.ts`,
    env: { ...env, PORT: new URL(url).port },
    readyUrl: name === 'simulators' ? `${url}/card-network/ledger` : `${url}/health/ready`,
  });
}

async function brokersFor(directory: string, supervisor: Supervisor, stops: Stops): Promise<string> {
  const given = process.env['KAFKA_BROKERS'];
  if (given) return given;
  const broker = await step('Kafka', (progress) => {
    const start = () => startBroker({ directory: join(directory, 'kafka', 'data'), log: progress.say });
    return keepAlive('Kafka', start, say);
  });
  stops.push(() => broker.stop());
  supervisor.alsoRuns('kafka', () => broker.current().pid);
  return broker.current().brokers;
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
