/**
 * One subscription for its whole life: a group member that joins, delivers through the `BatchMerger`, and is made anew
 * when the client gives up. Must never hand over a message of an assignment that was not announced, nor one while paused.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '@sagamore/resilience';
import type { ActiveSubscription, Subscription } from '@sagamore/runtime';
import type { Consumer, Kafka } from 'kafkajs';
import { BatchMerger } from './batch-merger.js';
import { clientRetry, type Reachability } from './client.js';
import type { DeadLetter } from './dead-letter.js';
import { isRefusal, toFault, typeOf } from './faults.js';
import { PausedLag } from './paused-lag.js';
import { PositionKeeper } from './position-keeper.js';
import type { ResolvedSettings } from './settings.js';

/** Partitions that are handled at once: a merged delivery wants all that a fetch brings, so this is above most topics. The client
 *  asks each of so many workers after every fetch, so it is not far above them; beyond it a delivery is two. */
const partitionsMax = 64;
/** Bounds of one fetch, so that a backlog arrives in deliveries of some thousand messages. */
const fetchBytes = { partition: 512 * 1024, total: 2 * 1024 * 1024 };
const rejoinMs = 500;
/** Longer than a rebalance after a broker came back, which waits for the session of whoever was lost. */
const awayMsMax = 10_000;
/** A consumer of a broker that is away may take long to leave; its session ends without it. */
const leaveMs = 10_000;

export interface KafkaSubscriptionOptions {
  readonly kafka: Kafka;
  readonly settings: ResolvedSettings;
  readonly reachability: Reachability;
  readonly bury: (letters: readonly DeadLetter[]) => Promise<void>;
}

export class KafkaSubscription implements ActiveSubscription {
  private readonly merger: BatchMerger;
  private readonly positions: PositionKeeper;
  private readonly pausedLag: PausedLag;
  /** With prefix. */
  private readonly prefixedTopic: string;
  private readonly groupId: string;
  private readonly stopping = new AbortController();
  private readonly joined = Promise.withResolvers<void>();
  private consumer: Consumer | undefined;
  /** The consumer between its first join and its end: the client can hold it BEFORE its first fetch, and no earlier, and throws
   *  for one that has ended. */
  private member: Consumer | undefined;
  private supervising: Promise<void> | undefined;
  private dead: Error | undefined;
  /** Since when no consumer has been in the group, after one ended with an error; ms of the monotonic clock. */
  private awaySince: number | undefined;

  constructor(
    private readonly subscription: Subscription,
    private readonly options: KafkaSubscriptionOptions,
  ) {
    const { kafka, settings, bury } = options;
    const topic = settings.topicPrefix + subscription.topic;
    const groupId = settings.topicPrefix + subscription.group;
    this.prefixedTopic = topic;
    this.groupId = groupId;
    this.positions = new PositionKeeper({ topic, intervalMs: settings.commitIntervalMs, log: settings.log });
    this.merger = new BatchMerger({ subscription, settings, positions: this.positions, bury });
    this.pausedLag = new PausedLag({
      kafka,
      topic,
      groupId,
      from: subscription.from ?? 'earliest',
      log: settings.log,
      tell: (behind) => this.merger.learn(behind),
    });
  }

  get topic(): string {
    return this.subscription.topic;
  }

  get group(): string {
    return this.subscription.group;
  }

  /** Resolves once the group was joined and, with `latest`, the position is fixed: a message sent after that arrives.
   *  Throws `BROKER_UNAVAILABLE` after the connect time-out, having stopped. */
  async start(): Promise<void> {
    this.supervising = this.supervise();
    const limit = new AbortController();
    const { connectTimeoutMs } = this.options.settings;
    const tooLate = delay(connectTimeoutMs, 'late' as const, { signal: limit.signal }).catch(() => undefined);
    const outcome = await Promise.race([this.joined.promise, this.supervising, tooLate]);
    limit.abort();
    if (outcome !== 'late' && this.dead === undefined) return;
    await this.stop();
    const wanted = `wanted to join group ${this.subscription.group} on ${this.subscription.topic}`;
    throw toFault(this.dead ?? new Error(`no broker within ${connectTimeoutMs} ms`), wanted);
  }

  async pause(): Promise<void> {
    const inHand = this.merger.pause();
    this.steer();
    await inHand;
    // AFTER the positions are committed, or what was handled last would count as waiting.
    this.watchLag();
  }

  resume(): void {
    this.pausedLag.stop();
    this.merger.resume();
    this.steer();
  }

  isPaused(): boolean {
    return this.merger.isPaused;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.pausedLag.stop();
    await this.merger.stop();
    await this.leave();
    await this.supervising;
  }

  /** Trying again is not reading: who has not been let in for ten seconds, because the topic is gone or for whatever other
   *  reason, is not healthy until it is (S59). */
  healthy(): boolean {
    if (this.dead !== undefined) return false;
    return this.awaySince === undefined || performance.now() - this.awaySince < awayMsMax;
  }

  /** As of the last delivery of each partition; while paused, as of the last look. */
  lag(): number {
    return this.merger.lag;
  }

  /** One consumer after another, until stopped or refused. The client's own restart is not used: it goes on with the
   *  broken connections and memberships that made it give up. */
  private async supervise(): Promise<void> {
    const { settings } = this.options;
    while (!this.stopping.signal.aborted) {
      const error = await this.live();
      if (this.stopping.signal.aborted) return;
      this.awaySince ??= performance.now();
      settings.log(
        'error',
        `consumer of ${this.subscription.topic} ended: ${typeOf(error) ?? String(error)}`,
      );
      await this.leave();
      if (isRefusal(error) || (error instanceof Fault && !error.retryable)) {
        this.dead = error;
        return;
      }
      await delay(rejoinMs, undefined, { signal: this.stopping.signal }).catch(() => {});
    }
  }

  /** Runs a fresh consumer until it crashes or we stop; answers the error. */
  private async live(): Promise<Error> {
    const consumer = this.create();
    this.consumer = consumer;
    const ended = Promise.withResolvers<Error>();
    const stop = () => ended.resolve(stopped());
    this.listen(consumer, ended.resolve);
    this.stopping.signal.addEventListener('abort', stop);
    try {
      await consumer.connect();
      const fromBeginning = this.subscription.from !== 'latest';
      await consumer.subscribe({ topics: [this.prefixedTopic], fromBeginning });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: partitionsMax,
        eachBatch: this.merger.accept,
      });
    } catch (error) {
      ended.resolve(error instanceof Error ? error : new Error(String(error)));
    }
    const error = await ended.promise;
    // The signal outlives every consumer, and would keep what its listener knows of each.
    this.stopping.signal.removeEventListener('abort', stop);
    return error;
  }

  private create(): Consumer {
    const { kafka, settings } = this.options;
    return kafka.consumer({
      groupId: this.groupId,
      sessionTimeout: settings.sessionTimeoutMs,
      rebalanceTimeout: settings.rebalanceTimeoutMs,
      // A little less than the timer's period, or every second beat would come too early to count.
      heartbeatInterval: settings.heartbeatMs * 0.8,
      maxWaitTimeInMs: Math.min(settings.maxWaitMs, settings.heartbeatMs),
      minBytes: settings.minBytes,
      maxBytesPerPartition: fetchBytes.partition,
      maxBytes: fetchBytes.total,
      allowAutoTopicCreation: false,
      retry: { ...clientRetry, retries: 5, restartOnFailure: () => Promise.resolve(false) },
    });
  }

  private listen(consumer: Consumer, ended: (error: Error) => void): void {
    const { GROUP_JOIN, HEARTBEAT, REBALANCING, STOP, CRASH, FETCH } = consumer.events;
    const { reachability } = this.options;
    consumer.on(GROUP_JOIN, ({ payload }) => {
      this.awaySince = undefined;
      this.merger.assign(payload.memberAssignment[this.prefixedTopic] ?? []);
      this.member = consumer;
      // BEFORE the first fetch of the new assignment.
      this.steer();
      this.watchLag();
      if (this.subscription.from !== 'latest') this.joined.resolve();
    });
    consumer.on(HEARTBEAT, reachability.succeeded);
    consumer.on(FETCH, () => {
      // Paused, the client calls it a fetch when it has asked nobody.
      if (!this.isPaused()) reachability.succeeded();
      // The first fetch fixes the position of a group without one; what is sent before it would be missed.
      this.joined.resolve();
    });
    // Goes out before the join does, while the broker still counts us in.
    consumer.on(REBALANCING, () => void this.positions.flush());
    consumer.on(STOP, () => {
      if (this.member === consumer) this.member = undefined;
    });
    consumer.on(CRASH, ({ payload }) => ended(payload.error));
  }

  /** Holds the client's fetches or lets them go; heartbeats go on either way. A new member knows nothing of it yet. */
  private steer(): void {
    const topics = [{ topic: this.prefixedTopic }];
    if (this.isPaused()) this.member?.pause(topics);
    else this.member?.resume(topics);
  }

  private watchLag(): void {
    if (this.isPaused() && !this.stopping.signal.aborted) this.pausedLag.start();
  }

  private async leave(): Promise<void> {
    const consumer = this.consumer;
    this.consumer = undefined;
    if (consumer === undefined) return;
    const limit = new AbortController();
    const tooLate = delay(leaveMs, undefined, { signal: limit.signal }).catch(() => {});
    await Promise.race([consumer.disconnect().catch(() => {}), tooLate]);
    limit.abort();
  }
}

function stopped(): Fault {
  return new Fault('STOPPED', 'the subscription has stopped', { retryable: false });
}
