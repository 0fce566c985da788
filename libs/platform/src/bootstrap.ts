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
import {
  MetricRegistry,
  noMetrics,
  noTracing,
  startMetricPush,
  startTracing,
  type Tracing,
  type TracingOptions,
} from '@sagamore/telemetry';
import { Module, type DynamicModule } from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readConfig, type Config } from './config.js';
import { ConsumerController } from './consumers/consumer.controller.js';
import { ConsumerRegistry } from './consumers/consumer.registry.js';
import { HealthChecks } from './health.js';
import { HealthController } from './health.controller.js';
import { createHost, Service, type Host } from './host.js';
import { createHttpEdge } from './http/edge.js';
import { serveOpenApi } from './http/openapi.js';
import { createLog } from './log.js';
import { MeteredBus } from './metrics/metered-bus.js';
import { MetricsController } from './metrics/metrics.controller.js';
import { watchProcess } from './metrics/process.metrics.js';
import { endingOnceMigrated, onlyMigrates } from './migrate.js';
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

/** Starts a process and stops it on SIGTERM or SIGINT with exit code 0, as soon as it has started if it is asked BEFORE.
 *  Rejects when anything is missing at the start, with everything already started stopped again. With the argument `--migrate`
 *  it ends before it serves. */
export async function bootstrap(options: BootstrapOptions): Promise<RunningApp> {
  const starting = start(onlyMigrates() ? endingOnceMigrated(options) : options);
  const end = (signal: NodeJS.Signals): void => {
    setTimeout(() => process.exit(1), stopMsMax).unref();
    // A start that fails is told by its rejection.
    void starting.then(
      (running) => endProcess(running, signal),
      () => undefined,
    );
  };
  const forget = (): void => endings.forEach((signal) => process.off(signal, end));
  // From the first moment: whoever ends without leaving its groups is waited for until its session has run out.
  for (const signal of endings) process.once(signal, end);
  try {
    const running = await starting;
    return { ...running, stop: () => running.stop().finally(forget) };
  } catch (error) {
    forget();
    throw error;
  }
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
  const messagingSystem = bus === undefined ? 'kafka' : 'memory';
  const tracing = await tracingOf({ service, messagingSystem }, config);
  const registry = config.metrics ? new MetricRegistry() : undefined;
  const metrics = registry ?? noMetrics;
  const carrier = bus ?? kafkaBus(service, config, { log, metrics });
  const metered = metrics.isOn ? new MeteredBus(carrier, metrics) : carrier;
  const host = createHost({ config, log, bus: metered, tracing, metrics });
  host.undoStart.defer(() => tracing.stop());
  host.undoStart.defer(() => host.bus.stop());
  try {
    await host.bus.start();
    const root = rootModule(service, module(host), { host, registry });
    const app = await createApp(service, root, host, prepare);
    const endCounting = await startCounting(service, host, registry);
    return await listen(app, host, { port: port ?? config.port, endCounting });
  } catch (error) {
    await host.undoStart
      .disposeAsync()
      .catch((failed: unknown) => log.warn('the start could not be undone', { error: failed }));
    throw error;
  }
}

/** Nothing is traced where no collector is named. */
async function tracingOf(
  process: Pick<TracingOptions, 'service' | 'messagingSystem'>,
  { tracing: { endpoint } }: Config,
): Promise<Tracing> {
  return endpoint === undefined ? noTracing : startTracing({ ...process, endpoint });
}

@Module({})
class ProcessModule {}

/** What serves the process itself, whatever services it holds. */
function rootModule(
  name: string,
  module: DynamicModule,
  { host, registry }: { readonly host: Host; readonly registry: MetricRegistry | undefined },
): DynamicModule {
  const { instance, log, config, health, consumers } = host;
  const providers = [
    { provide: HealthChecks, useValue: health },
    { provide: ConsumerRegistry, useValue: consumers },
    { provide: Service, useValue: { name, instance, log, config } satisfies Service },
  ];
  const root = { module: ProcessModule, imports: [module] };
  const controllers = [HealthController, ConsumerController];
  if (registry === undefined) return { ...root, controllers, providers };
  return {
    ...root,
    controllers: [...controllers, MetricsController],
    providers: [...providers, { provide: MetricRegistry, useValue: registry }],
  };
}

/** Nothing is pushed where no collector is named. The answer ends it. */
async function startCounting(
  service: string,
  { config, metrics, tracing }: Host,
  registry: MetricRegistry | undefined,
): Promise<() => Promise<void>> {
  const endWatching = watchProcess(metrics, tracing);
  const { endpoint } = config.tracing;
  const isPushed = registry !== undefined && endpoint !== undefined;
  const endPush = isPushed ? await startMetricPush(registry, { service, endpoint }) : undefined;
  return async () => {
    endWatching();
    await endPush?.();
  };
}

async function createApp(
  service: string,
  module: DynamicModule,
  host: Host,
  prepare: BootstrapOptions['prepare'],
): Promise<NestFastifyApplication> {
  const { config, tracing, metrics } = host;
  const edge = createHttpEdge({
    log: host.log,
    traces: { tracing, ratio: config.tracing.ratio },
    metrics,
  });
  const options = { ...edge.options, logger: nestLogger(host.log), abortOnError: false };
  const app = await NestFactory.create<NestFastifyApplication>(module, edge.adapter, options);
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

async function listen(
  app: NestFastifyApplication,
  host: Host,
  { port, endCounting }: { readonly port: number; readonly endCounting: () => Promise<void> },
): Promise<RunningApp> {
  try {
    await app.init();
    await app.startAllMicroservices();
    await app.listen(port, host.config.host);
  } catch (error) {
    await app.close();
    await endCounting();
    throw error;
  }
  const url = await app.getUrl();
  host.log.info('ready', { url });
  let stopping: Promise<void> | undefined;
  return { url, app, host, stop: () => (stopping ??= stopApp(app, host, endCounting)) };
}

async function stopApp(
  app: NestFastifyApplication,
  host: Host,
  endCounting: () => Promise<void>,
): Promise<void> {
  host.health.stop();
  // A stream never ends by itself; what is still open after this long is cut, so that the drain can go on.
  const giveUp = host.clock.after(httpMsMax, () => app.getHttpServer().closeAllConnections());
  try {
    await app.close();
    giveUp();
    await host.bus.stop();
    await host.tracing.stop();
  } finally {
    await endCounting();
  }
}

async function endProcess({ stop, host }: RunningApp, signal: string): Promise<void> {
  host.log.info('stopping', { signal });
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

function kafkaBus(
  service: string,
  { kafka, retention }: Config,
  { log, metrics }: Pick<Host, 'log' | 'metrics'>,
): Bus {
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
    onBuried: (topic, records) => metrics.add('deadLetters', { topic }, records),
    log: (level, message) => log[kafkaLevels[level]](message, { client: 'kafka' }),
    clientId: `${service}@${hostname()}`,
    recordAgeMsMax: retention.redeliveryMs,
    ssl: kafka.ssl && (sslCa === undefined ? true : { ca: sslCa }),
    ...(sasl && { sasl }),
    ...(replicationFactor && { replicationFactor }),
  });
}
