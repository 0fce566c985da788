/**
 * What every service has of its own: database, barrier, outbox with its relay, and its participant server.
 * Not global: several services live side by side in one process, each with its own database (architecture §6).
 * The order of making is the order of starting: migrations, then topics, then whatever uses them.
 */
import {
  openDataSource,
  platformMigrations,
  PostgresBarrier,
  PostgresBarrierHistory,
  PostgresConsumerPauses,
  PostgresDatabase,
  PostgresIntents,
  PostgresOutbox,
  PreparedTransactions,
  runMigrations,
  type DataSourceOptions,
} from '@sagamore/postgres';
import {
  Barrier,
  BarrierRetention,
  Bus,
  checkBackHandler,
  Clock,
  Consumers,
  Database,
  Intents,
  Outbox,
  OutboxRelay,
  TwoPhaseSender,
  type ConsumersOptions,
  type HandledMessage,
  type InDoubt,
} from '@sagamore/runtime';
import {
  Inject,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { databaseTlsOf, databaseUrlOf } from './config.js';
import { HealthChecks } from './health.js';
import { Service, type Host } from './host.js';
import type { Log } from './log.js';
import type { AnyOperation } from './participant.decorators.js';
import { topicsOf } from './topics.js';
import { ServiceMetrics } from './metrics/service.metrics.js';
import { handledSpans } from './tracing/participant.spans.js';
import { ParticipantServer } from './transport.strategy.js';

/** What a service brings to its module. */
export interface ServiceOptions {
  readonly host: Host;
  /** Its name: the first word of its operations, topics and database URL. */
  readonly service: string;
  readonly entities?: DataSourceOptions['entities'];
  /** Its own, run after the platform's. */
  readonly migrations?: DataSourceOptions['migrations'];
  /** The operations that ask this service whether a two-phase message of its own was committed. */
  readonly checkBacks?: readonly AnyOperation[];
}

/** The platform's part of a service module. Provides and exports, each as its own token: `Service`, `DataSource`,
 *  `Database` and `PostgresDatabase` (the same), `Barrier`, `Intents`, `Outbox`, `OutboxRelay`, `TwoPhaseSender`, `Bus`,
 *  `Clock`, `HealthChecks`, `ServiceMetrics` and `ParticipantServer`. The bus is given out AFTER the topics exist and it is known what operators
 *  have paused, the data source AFTER its migrations ran. */
@Module({})
export class SagamoreModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(Service) private readonly service: Service,
    @Inject(PostgresDatabase) private readonly database: PostgresDatabase,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(HealthChecks) health: HealthChecks,
    @Inject(Bus) bus: Bus,
    @Inject(ParticipantServer) participant: ParticipantServer,
    @Inject(Outbox) outbox: Outbox,
    @Inject(ServiceMetrics) metrics: ServiceMetrics,
    @Inject(BarrierRetention) private readonly retention: BarrierRetention,
    @Inject(Consumers) private readonly consumers: Consumers,
  ) {
    health.register(`${service.name} database`, async () =>
      Boolean(await database.dataSource.query('select 1')),
    );
    health.register(`${service.name} consumers`, () => participant.healthy());
    health.register(`${service.name} broker`, () => bus.healthy());
    health.register(
      `${service.name} outbox`,
      async () =>
        (await outbox.age()) < outboxAgeMsMax || 'what was saved has waited for minutes to be published',
    );
    metrics.watchOutbox({ outbox, relay });
    metrics.watchCalls(() => participant.calls);
    metrics.watchConsumers(() => consumers.list());
  }

  /** One call a service, among the imports of its module. */
  static forService(options: ServiceOptions): DynamicModule {
    const providers = providersOf(options);
    const tokens = [
      Service,
      DataSource,
      Database,
      PostgresDatabase,
      Barrier,
      Intents,
      Outbox,
      OutboxRelay,
      TwoPhaseSender,
      Bus,
      Clock,
    ];
    return {
      module: SagamoreModule,
      providers,
      exports: [...tokens, HealthChecks, ServiceMetrics, ParticipantServer],
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    this.relay.start();
    await this.retention.start();
  }

  /** Runs AFTER HTTP and the consumers have stopped: what they wrote last is published, then the pool closes. */
  async onApplicationShutdown(): Promise<void> {
    await this.retention.stop();
    await this.relay.stop();
    await this.consumers.stop();
    await this.database.close();
    this.service.log.debug('the service has stopped');
  }
}

/** A crash delays a message by a claim and a sweep, half a minute at most; what waits for much longer is stuck, ms. */
const outboxAgeMsMax = 120_000;

/** Long in doubt holds locks, and says that the coordinator is away or does not know (S70). */
const longInDoubtMs = 30_000;

function tellOfDoubt(log: Log, waiting: readonly InDoubt[]): void {
  const [oldest] = waiting;
  if (oldest === undefined || oldest.ageMs < longInDoubtMs) return;
  const { gid, ageMs } = oldest;
  log.warn('transactions wait in doubt', { count: waiting.length, oldest: gid, ageMs });
}

/** In every process that obeys; the one that was asked has told who wanted it. */
function tellOfTurns(log: Log): NonNullable<ConsumersOptions['onTurn']> {
  return ({ topic, group }, pause) => {
    if (pause === undefined) log.info('a consumer goes on', { topic, group });
    else log.warn('a consumer is paused', { topic, group, actor: pause.actor, reason: pause.reason });
  };
}

async function openMigrated(options: DataSourceOptions): Promise<DataSource> {
  const dataSource = await openDataSource(options);
  try {
    await runMigrations(dataSource);
    return dataSource;
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
}

async function closeDataSource(dataSource: DataSource | undefined): Promise<void> {
  if (dataSource?.isInitialized === true) await dataSource.destroy();
}

function providersOf({
  host,
  service,
  entities = [],
  migrations = [],
  checkBacks = [],
}: ServiceOptions): Provider[] {
  const { config, instance } = host;
  const log = host.log.child({ service });
  const metrics = new ServiceMetrics(host.metrics, service);
  const onFault = (error: unknown): void => {
    log.warn('a fault was survived', { error });
    metrics.fault(error);
  };
  return [
    { provide: Service, useValue: { name: service, instance, log, config } satisfies Service },
    { provide: Clock, useValue: host.clock },
    { provide: HealthChecks, useValue: host.health },
    { provide: ServiceMetrics, useValue: metrics },
    {
      provide: DataSource,
      useFactory: () => {
        const opening = openMigrated({
          url: databaseUrlOf(config, service),
          ssl: databaseTlsOf(config),
          entities,
          // The orchestrator brings one of the platform's own; each runs once.
          migrations: [...new Set([...platformMigrations, ...migrations])],
          poolSize: config.databasePoolSize,
        });
        // Modules are made side by side: this one may still be opening when another has failed.
        host.undoStart.defer(async () => closeDataSource(await opening.catch(() => undefined)));
        return opening;
      },
    },
    {
      provide: Bus,
      inject: [Consumers],
      useFactory: async (consumers: Consumers) => {
        await host.bus.ensureTopics(topicsOf(service, config));
        return consumers.over(host.bus);
      },
    },
    {
      provide: Database,
      inject: [DataSource],
      useFactory: async (source: DataSource) => {
        const database = await PostgresDatabase.open(source);
        host.undoStart.defer(() => database.close());
        return database;
      },
    },
    { provide: PostgresDatabase, useExisting: Database },
    {
      provide: Consumers,
      inject: [Database],
      useFactory: async (database: PostgresDatabase) => {
        const ports = { pauses: new PostgresConsumerPauses(database), clock: host.clock };
        const consumers = new Consumers(ports, { onFault, onTurn: tellOfTurns(log) });
        host.undoStart.defer(() => consumers.stop());
        await consumers.start();
        host.consumers.register(service, consumers);
        return consumers;
      },
    },
    { provide: Barrier, useClass: PostgresBarrier },
    {
      provide: Intents,
      inject: [Database],
      useFactory: (database: PostgresDatabase) => new PostgresIntents(database),
    },
    {
      provide: Outbox,
      inject: [Database],
      useFactory: (database: PostgresDatabase) => new PostgresOutbox(database),
    },
    {
      provide: OutboxRelay,
      inject: [Outbox, Bus],
      useFactory: (outbox: Outbox, bus: Bus) =>
        new OutboxRelay(outbox, bus, host.clock, { owner: instance, onFault }),
    },
    {
      provide: TwoPhaseSender,
      inject: [Database, Barrier, Bus],
      useFactory: (database: Database, barrier: Barrier, bus: Bus) =>
        new TwoPhaseSender({ database, barrier, bus }, { service, shardCount: config.shards, onFault }),
    },
    {
      provide: BarrierRetention,
      inject: [Database, Bus],
      useFactory: (database: PostgresDatabase, bus: Bus) =>
        new BarrierRetention(
          { history: new PostgresBarrierHistory(database), bus, clock: host.clock },
          { service, keepMs: config.retention.keepMs },
        ),
    },
    {
      provide: ParticipantServer,
      inject: [Database, Barrier, Intents, Bus],
      useFactory: (database: PostgresDatabase, barrier: Barrier, intents: Intents, bus: Bus) =>
        new ParticipantServer(
          {
            database,
            barrier,
            intents,
            bus,
            clock: host.clock,
            openPrepared: ({ prepares }) =>
              PreparedTransactions.open(database, prepares ? config.prepares : { slotsMin: 0 }),
          },
          {
            service,
            owner: instance,
            callsMax: config.externalCallsMax,
            shardCount: config.shards,
            handlers: checkBacks.map((operation) => checkBackHandler(operation, barrier)),
            onInDoubt: (waiting) => {
              tellOfDoubt(log, waiting);
              metrics.doubt(waiting);
            },
            onFault,
            onHandled: (handled: HandledMessage) => {
              metrics.handled(handled);
              if (host.tracing.isOn) host.tracing.emit(handledSpans(handled));
            },
          },
        ),
    },
  ];
}
