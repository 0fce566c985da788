/**
 * An orchestrator's coordinator as a Nest module: journal, definitions, and the loop that drives them.
 * Bring your own definitions; the operators' routes are the application's.
 */
import { systemRandom } from '@sagamore/primitives';
import { HttpParticipantCalls } from '@sagamore/http';
import type { Protocol } from '@sagamore/engine';
import {
  orchestratorMigrations,
  PostgresDatabase,
  PostgresHistory,
  PostgresJournal,
  PostgresKeptLetters,
  PostgresSchedules,
  PostgresTrials,
} from '@sagamore/postgres';
import {
  Bus,
  Clock,
  Coordinator,
  Database,
  Definitions,
  Door,
  History,
  inboxTopic,
  Journal,
  KeptLetters,
  LetterKeeper,
  Outbox,
  OutboxRelay,
  ParticipantCalls,
  Retention,
  Scheduler,
  Trials,
} from '@sagamore/runtime';
import {
  Inject,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type OnApplicationBootstrap,
  type Provider,
} from '@nestjs/common';
import { participantUrlsOf, type Config } from './config.js';
import { schedulesOf, type CronSchedule } from './cron.js';
import { checkedDefinitions } from './definitions.check.js';
import { HealthChecks } from './health.js';
import { Service, type Host } from './host.js';
import { ServiceMetrics } from './metrics/service.metrics.js';
import { TransactionMetrics } from './metrics/transaction.metrics.js';
import { SagamoreModule } from './sagamore.module.js';
import { commandTopicsOf } from './topics.js';
import { traceContextFor } from './tracing/trace-context.js';
import { TransactionTracer } from './tracing/transaction.tracer.js';

export interface CoordinatorModuleOptions {
  readonly host: Host;
  /** Every version that may still be in flight, and the newest of each name, under which new transactions begin. */
  readonly protocols: readonly Protocol[];
  /** The message types that participants are known to handle; a step that asks for another one stops the start. Absent, where
   *  they run elsewhere, each participant's own start checks that it handles its operations whole. */
  readonly handled?: ReadonlySet<string>;
  /** What begins by itself, at the ticks of a timetable. Default nothing. */
  readonly schedules?: readonly CronSchedule[];
}

/** Provides and exports `Journal`, `History`, `Definitions`, `Coordinator`, `Scheduler`, and what `SagamoreModule` exports. The coordinator joins
 *  its inbox AFTER the application is up and leaves it BEFORE anything else stops. */
@Module({})
export class CoordinatorModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    @Inject(Coordinator) private readonly coordinator: Coordinator,
    @Inject(TransactionTracer) private readonly tracer: TransactionTracer,
    @Inject(ParticipantCalls) private readonly calls: HttpParticipantCalls,
    @Inject(Retention) private readonly retention: Retention,
    @Inject(Scheduler) private readonly scheduler: Scheduler,
    @Inject(LetterKeeper) private readonly letters: LetterKeeper,
    @Inject(HealthChecks) health: HealthChecks,
    @Inject(ServiceMetrics) metrics: ServiceMetrics,
  ) {
    health.register('orchestrator inbox', () => coordinator.healthy() || 'the inbox is not being read');
    health.register(
      'orchestrator shards',
      () => coordinator.missing.length === 0 || 'shards that are assigned here are not held yet',
    );
    health.register('orchestrator dead letters', () => letters.healthy());
    metrics.watchCalls(() => coordinator.calls);
    metrics.watchCircuits(() => calls.circuits);
  }

  static forRoot(options: CoordinatorModuleOptions): DynamicModule {
    const service = SagamoreModule.forService({
      host: options.host,
      service: 'orchestrator',
      migrations: orchestratorMigrations,
    });
    return {
      module: CoordinatorModule,
      imports: [service],
      providers: [...coordinatorProviders(options), schedulerProvider(options), ...letterProviders(options)],
      exports: [service, Journal, History, Definitions, Coordinator, Scheduler, KeptLetters, LetterKeeper],
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.coordinator.start();
    await this.letters.start();
    this.retention.start();
    this.scheduler.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    // First, for others wait for its shards.
    await this.coordinator.stop();
    await this.letters.stop();
    await this.scheduler.stop();
    await this.retention.stop();
    await this.calls.stop();
    await this.tracer.stop();
  }
}

/** The letters of whatever this orchestrator reads and sends. */
function letterProviders({ host }: CoordinatorModuleOptions): Provider[] {
  return [
    {
      provide: KeptLetters,
      inject: [Database, Outbox],
      useFactory: (database: PostgresDatabase, outbox: Outbox) => new PostgresKeptLetters(database, outbox),
    },
    {
      provide: LetterKeeper,
      // The coordinator is made AFTER the topics exist.
      inject: [Bus, KeptLetters, OutboxRelay, Definitions, Coordinator],
      useFactory: (bus: Bus, letters: KeptLetters, relay: OutboxRelay, { participants }: Definitions) => {
        const commands = commandTopicsOf(participants, host.config).map(({ topic }) => topic);
        return new LetterKeeper({ bus, letters, relay }, { topics: [inboxTopic, ...commands] });
      },
    },
  ];
}

function schedulerProvider({ host, schedules: declared = [] }: CoordinatorModuleOptions): Provider {
  const schedules = schedulesOf(declared);
  const { shards } = host.config;
  return {
    provide: Scheduler,
    inject: [Journal, History, Definitions, OutboxRelay, Database, Coordinator, Service],
    useFactory: (
      journal: Journal,
      history: History,
      definitions: Definitions,
      relay: OutboxRelay,
      database: PostgresDatabase,
      coordinator: Coordinator,
      { log }: Service,
    ) => {
      const door = new Door({ journal, definitions, relay }, { owner: host.instance, shards });
      return new Scheduler(
        { schedules: new PostgresSchedules(database), door, journal, history, clock: host.clock },
        {
          schedules,
          shardCount: shards,
          held: () => coordinator.holding.shards,
          onFault: (error) => log.warn('a schedule survived a fault', { error }),
        },
      );
    },
  };
}

function coordinatorProviders({ host, protocols, handled }: CoordinatorModuleOptions): Provider[] {
  return [
    {
      provide: Definitions,
      inject: [Service],
      useFactory: ({ log }: Service) =>
        checkedDefinitions(protocols, handled === undefined ? {} : { handled }, (finding) =>
          log.warn('a definition is not as it reads', { finding }),
        ),
    },
    {
      provide: Journal,
      inject: [Database],
      useFactory: (database: PostgresDatabase) => new PostgresJournal(database),
    },
    {
      provide: TransactionTracer,
      inject: [Journal, Definitions, Service],
      useFactory: (journal: Journal, definitions: Definitions, { log }: Service) =>
        new TransactionTracer(
          { journal, definitions, clock: host.clock, tracing: host.tracing },
          {
            ...host.config.tracing,
            onFault: (error) => log.debug('a trace was not told', { error }),
          },
        ),
    },
    {
      provide: ParticipantCalls,
      inject: [Definitions],
      useFactory: (definitions: Definitions) => participantCalls(definitions, host.config),
    },
    {
      provide: Trials,
      inject: [Database],
      useFactory: (database: PostgresDatabase) => new PostgresTrials(database),
    },
    {
      provide: History,
      inject: [Database],
      useFactory: (database: PostgresDatabase) => new PostgresHistory(database),
    },
    {
      provide: Retention,
      inject: [History, Bus, Clock, Coordinator, Service],
      useFactory: (history: History, bus: Bus, clock: Clock, coordinator: Coordinator, { log }: Service) =>
        new Retention(
          { history, bus, clock },
          {
            ...host.config.retention,
            // The owner of one shard, so one of all; for a moment two, which does no harm.
            isOurs: () => coordinator.holding.shards.includes(0),
            onFault: (error) => log.warn('a round of retention failed', { error }),
          },
        ),
    },
    {
      provide: Coordinator,
      inject: [
        Journal,
        OutboxRelay,
        Bus,
        Clock,
        Definitions,
        Service,
        TransactionTracer,
        ParticipantCalls,
        Trials,
        ServiceMetrics,
      ],
      useFactory: async (
        journal: Journal,
        relay: OutboxRelay,
        bus: Bus,
        clock: Clock,
        definitions: Definitions,
        { log }: Service,
        tracer: TransactionTracer,
        calls: ParticipantCalls,
        trials: Trials,
        metrics: ServiceMetrics,
      ) => {
        await bus.ensureTopics(commandTopicsOf(definitions.participants, host.config));
        const numbers = new TransactionMetrics(host.metrics);
        const coordinator = new Coordinator(
          { journal, relay, bus, clock, random: systemRandom, calls, trials },
          {
            owner: host.instance,
            definitions,
            shardCount: host.config.shards,
            evictAfterMs: host.config.evictAfterMs,
            wakesPerSecond: host.config.wakesPerSecond,
            traceparent: traceContextFor(host.config.tracing.ratio),
            callsMax: host.config.externalCallsMax,
            window: host.config.window,
            hooks: {
              onRest: (rested) => tracer.onRest(rested),
              onShards: () => void tracer.tellAgain().catch(() => {}),
              onBreaker: (participant, breaker) => {
                log.warn('the breaker of a participant has changed', { participant, breaker });
                metrics.breaker(participant, breaker);
              },
              ...(host.metrics.isOn && { onSaved: (saved, at) => numbers.onSaved(saved, at) }),
              onFault: (error) => {
                log.warn('the coordinator survived a fault', { error });
                metrics.fault(error);
              },
              onLateReply: (late) => {
                log.warn('a reply came after its decision: look at it', { ...late });
                numbers.onLateReply(late);
              },
              onHintsLost: (count) =>
                log.warn('messages that hint at work were lost; the work was found in the store', { count }),
              onStray: (stray) => {
                log.error("a transaction was in nobody's hand", { ...stray });
                numbers.onStray(stray);
              },
              onBug: (transactionId, error) => {
                log.error('a transaction broke a rule', { transactionId, error });
                numbers.onBug();
              },
            },
          },
        );
        numbers.watch(coordinator, { journal, shards: host.config.shards });
        return coordinator;
      },
    },
  ];
}

/** I45: who is called and has no address is found at start, not in the middle of a transaction. */
function participantCalls({ called }: Definitions, config: Config): HttpParticipantCalls {
  const names = new Set([...called.values()].map(({ participant }) => participant));
  const baseUrls = participantUrlsOf(config, [...names].sort());
  const { providerTimeoutMs: timeoutMs, externalCallsMax: connectionsMax, circuit } = config;
  return new HttpParticipantCalls({ baseUrls, timeoutMs, connectionsMax: connectionsMax * 2, circuit });
}
