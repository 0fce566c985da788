/**
 * What one service tells in numbers: its commands, its consumers, its outbox, its doubts, its faults, and how full the places are from
 * which it calls the outside. Values that are somewhere anyway are looked up when somebody asks, not copied.
 */
import { Fault, type CircuitState } from '@sagamore/resilience';
import type {
  CallsUnderWay,
  ConsumerView,
  HandledMessage,
  InDoubt,
  Outbox,
  OutboxRelay,
} from '@sagamore/runtime';
import type { Metrics } from '@sagamore/telemetry';

/** What is watched of a circuit breaker. */
export interface Circuit {
  readonly name: string;
  readonly state: CircuitState;
}

const stateValues: Readonly<Record<CircuitState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** One a service and process. Nothing in it throws or waits. */
export class ServiceMetrics {
  constructor(
    private readonly metrics: Metrics,
    private readonly service: string,
  ) {}

  handled({ command, reply, from, until }: HandledMessage): void {
    const { service } = this;
    const labels = {
      service,
      command: command.type,
      operation: command.data.operation,
      outcome: reply.outcome,
    };
    this.metrics.observe('commandDuration', labels, Math.max(0, until - from) / 1_000);
  }

  fault(error: unknown): void {
    const code = error instanceof Fault ? error.code : 'none';
    this.metrics.add('faults', { service: this.service, code });
  }

  /** `waiting`: all that a look has found, the oldest first. */
  doubt(waiting: readonly InDoubt[]): void {
    const labels = { service: this.service };
    this.metrics.set('inDoubt', labels, waiting.length);
    this.metrics.set('inDoubtAge', labels, (waiting[0]?.ageMs ?? 0) / 1_000);
  }

  watchOutbox({
    outbox,
    relay,
  }: {
    outbox: Pick<Outbox, 'age'>;
    relay: Pick<OutboxRelay, 'remembered'>;
  }): void {
    const labels = { service: this.service };
    this.metrics.watch('outboxAge', async () => [{ labels, value: (await outbox.age()) / 1_000 }]);
    this.metrics.watch('outboxRemembered', () => [{ labels, value: relay.remembered }]);
  }

  /** Watches what this process reads; a pause that only others obey is theirs to tell. */
  watchConsumers(consumers: () => readonly ConsumerView[]): void {
    const { service } = this;
    this.metrics.watch('consumerPaused', () =>
      consumers()
        .filter(({ member }) => member !== undefined)
        .map(({ topic, group, status }) => ({
          labels: { service, topic, group },
          value: status === 'paused' ? 1 : 0,
        })),
    );
  }

  /** Watches circuits by their names. */
  watchCircuits(circuits: () => readonly Circuit[]): void {
    this.metrics.watch('breakerState', () =>
      circuits().map(({ name, state }) => ({ labels: { breaker: name }, value: stateValues[state] })),
    );
  }

  /** The breaker of a participant that is sent messages has changed; one that never did is closed, and not told. */
  breaker(participant: string, state: CircuitState): void {
    this.metrics.set('breakerState', { breaker: participant }, stateValues[state]);
  }

  /** Watches places for calls by their names. */
  watchCalls(calls: () => readonly CallsUnderWay[]): void {
    const readings = (valueOf: (each: CallsUnderWay) => number) => () =>
      calls().map((each) => ({ labels: { bulkhead: each.name }, value: valueOf(each) }));
    this.metrics.watch(
      'bulkheadInUse',
      readings(({ running }) => running),
    );
    this.metrics.watch(
      'bulkheadWaiting',
      readings(({ waiting }) => waiting),
    );
  }
}
