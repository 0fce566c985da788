/**
 * The bus in one process: a `MemoryBroker` holds topics and groups, a `MemoryBus` is one process's client of it.
 * It carries every message of `npm start`, so it makes no promise, timer or copy for a single one.
 * It keeps no log: a message is gone once every group that was subscribed when it was sent has handled it.
 */
import { Fault } from '@sagamore/resilience';
import {
  Bus,
  type ActiveSubscription,
  type Clock,
  type Message,
  type Subscription,
  type TopicSpecification,
} from '@sagamore/runtime';
import { MemoryMember } from './memory-member.js';
import { MemoryTopic } from './memory-topic.js';
import { Turns } from './turns.js';

export interface MemoryBusOptions {
  /** Times the pause after a handler has rejected. */
  readonly clock: Clock;
  /** Shared by the clients of one broker; a new one unless given. */
  readonly broker?: MemoryBroker;
  /** Default 100 ms. */
  readonly retryPauseMs?: number;
  /** Starts a round of delivery soon, but never at once. Default `setImmediate`: what is sent in one turn of the event
   *  loop is delivered as one batch. */
  readonly defer?: (round: () => void) => void;
  /** Handlers that may run at the same time, over all subscriptions of this client. Under load a small number makes large
   *  batches: what comes while others have their turn is handed over together. Default: no limit. */
  readonly handlersMax?: number;
}

/** What outlives a process: topics, and what their groups have not handled yet. */
export class MemoryBroker {
  private readonly topics = new Map<string, MemoryTopic>();

  /** The topic of that name. One that was never ensured is made with a single partition, until it is. */
  topic(name: string): MemoryTopic {
    const found = this.topics.get(name);
    if (found !== undefined) return found;
    const topic = new MemoryTopic(name);
    this.topics.set(name, topic);
    return topic;
  }
}

/** One process's client of a `MemoryBroker`. Messages are shared by reference. `hybridTime` is left alone: one process
 *  has one clock. It may be used BEFORE `start`, so that services may start in any order. */
export class MemoryBus extends Bus {
  private readonly broker: MemoryBroker;
  private readonly members = new Set<MemoryMember>();
  private readonly turns: Turns;
  private stopped = false;

  constructor(private readonly options: MemoryBusOptions) {
    super();
    this.turns = new Turns(options.handlersMax ?? Number.POSITIVE_INFINITY);
    this.broker = options.broker ?? new MemoryBroker();
  }

  override async ensureTopics(topics: readonly TopicSpecification[]): Promise<void> {
    for (const { topic, partitions } of topics) this.broker.topic(topic).ensure(partitions);
  }

  override async send(messages: readonly Message[]): Promise<void> {
    this.throwIfStopped();
    // All are checked BEFORE one is taken, so that a send is whole or nothing.
    for (const message of messages) this.broker.topic(message.topic).check(message);
    for (const message of messages) this.broker.topic(message.topic).append(message);
  }

  override async subscribe(subscription: Subscription): Promise<ActiveSubscription> {
    this.throwIfStopped();
    const { clock, retryPauseMs = 100, defer = setImmediate } = this.options;
    const group = this.broker
      .topic(subscription.topic)
      .group(subscription.group, subscription.from ?? 'earliest');
    const member = new MemoryMember(group, subscription, {
      clock,
      retryPauseMs,
      defer,
      inTurn: (lag, deliver) => this.turns.run(lag, deliver),
    });
    this.members.add(member);
    group.join(member);
    return {
      pause: () => member.pause(),
      resume: () => member.resume(),
      isPaused: () => member.isPaused,
      stop: () => this.leave(member),
      healthy: () => member.healthy(),
      lag: () => member.lag(),
    };
  }

  override async start(): Promise<void> {
    this.throwIfStopped();
  }

  override async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.members].map((member) => this.leave(member)));
  }

  override healthy(): boolean {
    return !this.stopped;
  }

  /** The process dies, or is taken for dead: its subscriptions leave without waiting, and what they had in hand goes
   *  to the other members of their groups. Handlers that still run have no influence any more. */
  crash(): void {
    this.stopped = true;
    for (const member of this.members) member.crash();
    this.members.clear();
  }

  private async leave(member: MemoryMember): Promise<void> {
    await member.stop();
    this.members.delete(member);
  }

  private throwIfStopped(): void {
    if (this.stopped) throw new Fault('STOPPED', 'the bus has stopped', { retryable: false });
  }
}
