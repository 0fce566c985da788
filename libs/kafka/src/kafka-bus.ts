/**
 * The bus kept by Kafka (stop 4 of the order's road): envelopes become records, records become deliveries.
 * At least once, in order for each key. Knows topic prefixes, which nobody above it does (R18).
 */
import { setTimeout as pause } from 'node:timers/promises';
import { shardOf } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import {
  Bus,
  type ActiveSubscription,
  type Message,
  type Subscription,
  type TopicSpecification,
} from '@sagamore/runtime';
import type { Kafka } from 'kafkajs';
import { createClient, Reachability } from './client.js';
import { withoutBody, type DeadLetter } from './dead-letter.js';
import { toFault } from './faults.js';
import { KafkaSender, type PlacedRecord } from './kafka-sender.js';
import { KafkaSubscription } from './kafka-subscription.js';
import { encodeRecord, type EncodedRecord } from './record.js';
import { resolveSettings, type KafkaSettings, type ResolvedSettings } from './settings.js';
import { Topics } from './topics.js';

const connectPauseMs = 200;

/** A message that is ready but for its partition. */
interface Encoded extends EncodedRecord {
  readonly topic: string;
  readonly wanted: number | undefined;
}

export class KafkaBus extends Bus {
  private readonly settings: ResolvedSettings;
  private readonly kafka: Kafka;
  private readonly reachability = new Reachability();
  private readonly stopping = new AbortController();
  private readonly topics: Topics;
  private readonly sender: KafkaSender;
  private readonly subscriptions = new Set<KafkaSubscription>();
  /** The calls that wait for a topic's partition count; later calls queue behind them, or a key's order would break. */
  private waiting: Promise<void> | undefined;

  constructor(settings: KafkaSettings) {
    super();
    this.settings = resolveSettings(settings);
    this.kafka = createClient(this.settings, this.reachability);
    this.topics = new Topics(this.kafka, this.settings, this.stopping.signal);
    this.sender = new KafkaSender(this.kafka, this.settings, this.reachability);
  }

  /** Resolves when a broker answers; throws `BROKER_UNAVAILABLE` after the connect time-out. */
  async start(): Promise<void> {
    const deadline = performance.now() + this.settings.connectTimeoutMs;
    for (;;) {
      try {
        return await this.sender.connect();
      } catch (error) {
        const fault = toFault(error, 'wanted a broker');
        if (!fault.retryable || performance.now() > deadline || this.stopping.signal.aborted) throw fault;
        await pause(connectPauseMs);
      }
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    // BEFORE the subscriptions: a handler in hand may be waiting for a send that an absent broker never acknowledges.
    this.sender.giveUpWhenUnreachable();
    await Promise.all([...this.subscriptions].map((subscription) => subscription.stop()));
    await this.sender.stop();
  }

  async ensureTopics(topics: readonly TopicSpecification[]): Promise<void> {
    await this.topics.ensure(topics);
  }

  /** Also throws `TOPIC_INVALID` for a topic that does not exist. */
  async send(messages: readonly Message[]): Promise<void> {
    if (messages.length === 0) return;
    await this.place(messages.map((message) => this.encode(message)));
  }

  async subscribe(subscription: Subscription): Promise<ActiveSubscription> {
    if (this.stopping.signal.aborted) throw new Fault('STOPPED', 'the bus has stopped', { retryable: false });
    await this.topics.learn([this.settings.topicPrefix + subscription.topic]);
    this.checkGroup(subscription);
    const active = new KafkaSubscription(subscription, {
      kafka: this.kafka,
      settings: this.settings,
      reachability: this.reachability,
      bury: (letters) => this.bury(letters),
    });
    this.subscriptions.add(active);
    try {
      await active.start();
    } catch (error) {
      this.subscriptions.delete(active);
      throw error;
    }
    return {
      pause: () => active.pause(),
      resume: () => active.resume(),
      isPaused: () => active.isPaused(),
      stop: () => this.end(active),
      healthy: () => active.healthy(),
      lag: () => active.lag(),
    };
  }

  healthy(): boolean {
    return !this.stopping.signal.aborted && this.reachability.isReachable();
  }

  /** The client shares out the topics of whichever member leads, so of two topics in one group one would be read by nobody. */
  private checkGroup({ topic, group }: Subscription): void {
    const other = [...this.subscriptions].find((each) => each.group === group && each.topic !== topic);
    if (other === undefined) return;
    const message = `group ${group}: wanted on ${topic}, found on ${other.topic}; a group is of one topic`;
    throw new Fault('CONFIGURATION_INVALID', message, { retryable: false });
  }

  private async end(subscription: KafkaSubscription): Promise<void> {
    await subscription.stop();
    this.subscriptions.delete(subscription);
  }

  private encode(message: Message): Encoded {
    const record = encodeRecord(message, this.settings.hybridClock?.tick());
    return { ...record, topic: this.settings.topicPrefix + message.topic, wanted: message.partition };
  }

  private async place(records: readonly Encoded[]): Promise<void> {
    if (this.waiting === undefined && this.knows(records)) return this.sender.send(this.located(records));
    let sent: Promise<void> | undefined;
    const turn = (this.waiting ?? Promise.resolve()).then(async () => {
      await this.topics.learn([...new Set(records.map(({ topic }) => topic))]);
      // Queued within the turn, acknowledged after it.
      sent = this.sender.send(this.located(records));
      sent.catch(() => {});
    });
    const quiet = turn
      .catch(() => {})
      .then(() => {
        if (this.waiting === quiet) this.waiting = undefined;
      });
    this.waiting = quiet;
    await turn;
    await sent;
  }

  private knows(records: readonly Encoded[]): boolean {
    return records.every(({ topic }) => this.topics.partitionsOf(topic) !== undefined);
  }

  private located(records: readonly Encoded[]): PlacedRecord[] {
    return records.map(({ wanted, ...record }) => ({
      ...record,
      partition: this.partitionOf(record, wanted),
    }));
  }

  /** The client drops a record for a partition that does not exist without a word, so it is refused here. */
  private partitionOf({ topic, key }: { topic: string; key: string }, wanted: number | undefined): number {
    const count = this.topics.partitionsOf(topic)!;
    if (wanted === undefined) return shardOf(key, count);
    if (Number.isInteger(wanted) && wanted >= 0 && wanted < count) return wanted;
    const message = `topic ${topic}: wanted partition ${wanted}, found partitions 0 to ${count - 1}`;
    throw new Fault('DATA_REJECTED', message, { retryable: false });
  }

  /** A letter that the broker refuses goes without its body, or it would come again for ever and hold its partition (R2). */
  private async bury(letters: readonly DeadLetter[]): Promise<void> {
    const { topicPrefix } = this.settings;
    await this.topics.learn([...new Set(letters.map(({ topic }) => topicPrefix + topic))]);
    const send = (some: readonly DeadLetter[]) =>
      this.sender.send(
        some.map((letter) => ({ ...letter, topic: topicPrefix + letter.topic, partition: 0 })),
      );
    try {
      await send(letters);
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'DATA_REJECTED')) throw error;
      const [only] = letters;
      if (letters.length > 1) for (const letter of letters) await this.bury([letter]);
      else if (only !== undefined) await send([withoutBody(only)]);
    }
  }
}
