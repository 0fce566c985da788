/**
 * From settings to a running process and back: what every `main.ts` calls.
 * Start: bus, migrations, topics, participants, HTTP. Stop is the reverse: not ready, HTTP, consumers, relay, database, bus.
 * The only reader of the environment.
 */
import { hostname } from 'node:os';
import { KafkaBus } from '@sagamore/kafka';
import { HybridClock } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import type { Bus } from '@sagamore/runtime';
import { noTracing, startTracing, type Tracing } from '@sagamore/telemetry';
import { Module, type DynamicModule } from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readConfig, type Config } from './config.js';
import { HealthChecks } from './health.js';
import { HealthController } from './health.controller.js';
import { createHost, type Host } from './host.js';
import { createHttpEdge } from './http/edge.js';
import { serveOpenApi } from './http/openapi.js';
import { createLog, type Log } from './log.js';
import { nestLogger } from './nest-logger.js';
import { ParticipantServer } from './transport.strategy.js';

/** What a process is made of. */
export interface BootstrapOptions {
  /** The process's name, for people; with the default `config` also the service whose database URL is required. */
  readonly service: string;
  /** Makes the module of the service, or one that imports several. */
  readonly module: (host: Host) => DynamicModule;
  /** Default: read from the environment. */
  readonly config?: Config;
  /** A bus instead of Kafka's; it is started and stopped with the process. */
  readonly bus?: Bus;
  /** The HTTP port instead of the configured one; 0 takes a free one. */
  readonly port?: number;
  /** Called BEFORE the application is initialised, for what only one application needs. */
  readonly prepare?: (app: NestFastifyApplication) => void | Promise<void>;
}

/** A process that serves. */
export interface RunningApp {
  /** Where HTTP answers, e.g. `http://127.0.0.1:3000`. */
  readonly url: string;
  readonly app: NestFastifyApplication;
  readonly host: Host;
  /** Drains and closes everything (I40). Idempotent; the process may end when it resolves. */
  readonly stop: () => Promise<void>;
}

/** A stop that hangs is ended after this long: connections are cut, and the next start repairs the rest, ms. */
const stopMsMax = 15_000;
/** How long requests and streams may go on once the stop has begun, ms. */
const httpMsMax = 5_000;

const endings = ['SIGTERM', 'SIGINT'] as const;

/** Starts a process and stops it on SIGTERM or SIGINT with exit code 0. Rejects when anything is missing at the start,
 *  with everything already started stopped again. */
export async function bootstrap(options: BootstrapOptions): Promise<RunningApp> {
  const running = await start(options);
  const end = (signal: NodeJS.Signals): void => void endProcess(running, signal);
  for (const signal of endings) process.once(signal, end);
  const forget = (): void => endings.forEach((signal) => process.off(signal, end));
  return { ...running, stop: () => running.stop().finally(forget) };
}

/** As `bootstrap`, without listening to signals: for tests, and for hosts of several processes' worth. */
export async function start({
  service,
  module,
  config: given,
  bus,
  port,
  prepare,
}: BootstrapOptions): Promise<RunningApp> {
  const config = given ?? readConfig(process.env, { services: [service] });
  const log = createLog({ process: service, level: config.logLevel, pretty: config.logPretty });
  const tracing = await tracingOf(service, config);
  const host = createHost({ config, log, bus: bus ?? kafkaBus(service, config, log), tracing });
  await host.bus.start();
  try {
    const app = await createApp(service, module(host), host, prepare);
    return await listen(app, host, port ?? config.port);
  } catch (error) {
    await host.bus.stop();
    throw error;
  }
}

/** Nothing is traced where no collector is named. */
async function tracingOf(service: string, { tracing: { endpoint } }: Config): Promise<Tracing> {
  return endpoint === undefined ? noTracing : startTracing({ service, endpoint });
}

@Module({})
class ProcessModule {}

function rootModule(module: DynamicModule, host: Host): DynamicModule {
  const providers = [{ provide: HealthChecks, useValue: host.health }];
  return { module: ProcessModule, imports: [module], controllers: [HealthController], providers };
}

async function createApp(
  service: string,
  module: DynamicModule,
  host: Host,
  prepare: BootstrapOptions['prepare'],
): Promise<NestFastifyApplication> {
  const { config, tracing } = host;
  const edge = createHttpEdge(host.log, { tracing, ratio: config.tracing.ratio });
  const options = { ...edge.options, logger: nestLogger(host.log), abortOnError: false };
  const app = await NestFactory.create<NestFastifyApplication>(
    rootModule(module, host),
    edge.adapter,
    options,
  );
  edge.protect(app);
  for (const strategy of participantServers(app)) app.connectMicroservice({ strategy });
  serveOpenApi(app, { title: `Sagamore ${service}`, version: '0.1.0' });
  await prepare?.(app);
  return app;
}

/** One a service of the process: none of them is global, so they are looked for in every module. */
function participantServers(app: NestFastifyApplication): readonly ParticipantServer[] {
  const modules = [...app.get(ModulesContainer).values()];
  const providers = modules.map((module) => module.providers.get(ParticipantServer)?.instance);
  return providers.filter((instance) => instance instanceof ParticipantServer);
}

async function listen(app: NestFastifyApplication, host: Host, port: number): Promise<RunningApp> {
  try {
    await app.init();
    await app.startAllMicroservices();
    await app.listen(port, host.config.host);
  } catch (error) {
    await app.close();
    throw error;
  }
  const url = await app.getUrl();
  host.log.info('ready', { url });
  let stopping: Promise<void> | undefined;
  return { url, app, host, stop: () => (stopping ??= stopApp(app, host)) };
}

async function stopApp(app: NestFastifyApplication, host: Host): Promise<void> {
  host.health.stop();
  // A stream never ends by itself; what is still open after this long is cut, so that the drain can go on.
  const giveUp = host.clock.after(httpMsMax, () => app.getHttpServer().closeAllConnections());
  await app.close();
  giveUp();
  await host.bus.stop();
  await host.tracing.stop();
}

async function endProcess({ stop, host }: RunningApp, signal: string): Promise<void> {
  host.log.info('stopping', { signal });
  setTimeout(() => process.exit(1), stopMsMax).unref();
  try {
    await stop();
    process.exit(0);
  } catch (error) {
    host.log.error('the stop failed', { error });
    process.exit(1);
  }
}

/** What the client calls an error it survives by itself; an outage is told once by readiness. */
const kafkaLevels = { error: 'warn', warn: 'debug', info: 'debug', debug: 'debug' } as const;

/** A neighbour whose clock is further ahead than this is not followed, ms: one wrong host must not drag the others. */
const clockDriftMsMax = 60_000;

function kafkaBus(service: string, { kafka, retention }: Config, log: Log): Bus {
  const { brokers, sslCa, sasl, replicationFactor, topicPrefix } = kafka;
  if (brokers === undefined) {
    throw new Fault(
      'CONFIGURATION_INVALID',
      'KAFKA_BROKERS: needed without a bus of its own, found nothing',
      { retryable: false },
    );
  }
  return new KafkaBus({
    brokers,
    topicPrefix,
    hybridClock: new HybridClock(() => Date.now(), { maxDriftMs: clockDriftMsMax }),
    log: (level, message) => log[kafkaLevels[level]](message, { client: 'kafka' }),
    clientId: `${service}@${hostname()}`,
    recordAgeMsMax: retention.redeliveryMs,
    ssl: kafka.ssl && (sslCa === undefined ? true : { ca: sslCa }),
    ...(sasl && { sasl }),
    ...(replicationFactor && { replicationFactor }),
  });
}
