/**
 * Makes one delivery of what the partitions bring at the same moment, one at a time (stop 5 and 6 of the order's road).
 * The client hands over one batch a partition and waits for each; all that wait together are handled together, and only
 * then do their positions move. While a handler works, or fails and is tried again, the group is told that we live (S55).
 * Paused, it hands back what it was given: the client keeps nothing of it, and fetches it again once it may.
 */
import { setImmediate as gather, setTimeout as pause } from 'node:timers/promises';
import type { Delivery, Subscription } from '@sagamore/runtime';
import type { EachBatchPayload, KafkaMessage } from 'kafkajs';
import { deadLetterOf, isDeadLetterTopic, tidingsOf, type DeadLetter } from './dead-letter.js';
import { isMembershipLost, toFault } from './faults.js';
import type { PositionKeeper } from './position-keeper.js';
import { decodeRecord } from './record.js';
import { Pace } from './pace.js';
import type { ResolvedSettings } from './settings.js';

/** The pauses between two tries of a handler that rejects: doubling, so that a broken database is not stormed. */
const againMs = { first: 100, max: 2_000 };

export interface BatchMergerOptions {
  readonly subscription: Subscription;
  readonly settings: ResolvedSettings;
  readonly positions: PositionKeeper;
  /** Resolves AFTER the dead letters are acknowledged. */
  readonly bury: (letters: readonly DeadLetter[]) => Promise<void>;
}

interface Part {
  readonly payload: EachBatchPayload;
  readonly assignment: number;
  readonly done: PromiseWithResolvers<void>;
}

/** Why work on a delivery ends. */
type End = 'handled' | 'abandoned';

export class BatchMerger {
  private waiting: Part[] = [];
  private working: Promise<void> | undefined;
  private readonly stopping = new AbortController();
  private mayTake: boolean;
  private held: readonly number[] = [];
  private assignment = 0;
  /** By partition: messages that the broker had and that were not handled, when it was last asked for some. */
  private readonly behind = new Map<number, number>();
  /** Settles once `onAssigned` has returned for the newest assignment. */
  private assigned: Promise<void> = Promise.resolve();

  private readonly pace: Pace;

  constructor(private readonly options: BatchMergerOptions) {
    this.pace = new Pace(options.settings.lingerMs, options.settings.lingerMsMax);
    this.mayTake = options.subscription.startsPaused !== true;
  }

  get isPaused(): boolean {
    return !this.mayTake;
  }

  /** The client's handler for one partition's batch. Rejects only with what the client needs to know to join again. */
  readonly accept = (payload: EachBatchPayload): Promise<void> => {
    if (this.stopping.signal.aborted || this.isPaused) return Promise.resolve();
    const done = Promise.withResolvers<void>();
    this.behind.set(payload.batch.partition, messagesFrom(payload.batch.firstOffset(), payload.batch));
    this.waiting.push({ payload, assignment: this.assignment, done });
    this.working ??= this.work();
    return done.promise;
  };

  /** A new assignment: what is pending of the old one is void, and nothing of the new one is handed over BEFORE
   *  `onAssigned` has returned. */
  assign(partitions: readonly number[]): void {
    this.assignment++;
    this.held = partitions;
    this.options.positions.clear();
    this.behind.clear();
    const number = this.assignment;
    this.assigned = this.assigned.then(() => this.announce(partitions, number));
  }

  /** Messages of all partitions held that are not handled, as far as the broker has told. */
  get lag(): number {
    return [...this.behind.values()].reduce((sum, each) => sum + each, 0);
  }

  /** Takes what the broker says waits in each partition of the topic, where no delivery tells it. */
  learn(behind: ReadonlyMap<number, number>): void {
    for (const partition of this.held) this.behind.set(partition, behind.get(partition) ?? 0);
  }

  /** Takes nothing new; resolves AFTER the delivery in hand has ended, with or without success, and its positions are
   *  committed. */
  async pause(): Promise<void> {
    this.mayTake = false;
    await this.working;
    await this.options.positions.flush();
  }

  resume(): void {
    this.mayTake = true;
  }

  /** Takes nothing new and waits for the delivery in hand and its commit. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.working;
    await this.options.positions.flush();
  }

  private async announce(partitions: readonly number[], number: number): Promise<void> {
    const { onAssigned } = this.options.subscription;
    if (onAssigned === undefined) return;
    const isCurrent = () => number === this.assignment;
    await this.untilDone(() => onAssigned(partitions), isCurrent);
  }

  private async work(): Promise<void> {
    while (this.waiting.length > 0) {
      await gather();
      await this.handleTogether(this.waiting.splice(0));
    }
    this.working = undefined;
  }

  private async handleTogether(parts: readonly Part[]): Promise<void> {
    const begunAt = performance.now();
    this.pace.gathered(parts.reduce((sum, { payload }) => sum + payload.batch.messages.length, 0));
    const heartbeat = new Heartbeat(parts[0]!.payload, this.options.settings.heartbeatMs);
    await this.assigned;
    const end = await this.handle(this.current(parts), heartbeat);
    if (end === 'handled') this.advance(this.current(parts));
    if (heartbeat.lost !== undefined) await this.options.positions.flush();
    else await this.keepDistance(begunAt);
    await heartbeat.stop();
    for (const { done } of parts) {
      if (heartbeat.lost === undefined) done.resolve();
      else done.reject(heartbeat.lost);
    }
  }

  /** Those that still belong to the assignment we hold. */
  private current(parts: readonly Part[]): readonly Part[] {
    return parts.filter(({ assignment }) => assignment === this.assignment);
  }

  private async handle(parts: readonly Part[], heartbeat: Heartbeat): Promise<End> {
    // Stopped while waiting for `onAssigned`: it may never have succeeded, so nothing may be handed over.
    if (parts.length === 0 || this.stopping.signal.aborted || this.isPaused) return 'abandoned';
    const { deliveries, letters } = this.read(parts);
    const isOurs = () => heartbeat.lost === undefined && this.mayTake;
    if (letters.length > 0) {
      const buried = await this.untilDone(() => this.options.bury(letters), isOurs);
      if (buried === 'abandoned') return 'abandoned';
      this.options.settings.onBuried(this.options.subscription.topic, letters.length);
    }
    if (deliveries.length === 0) return 'handled';
    return this.untilDone(() => this.options.subscription.handle(deliveries), isOurs);
  }

  private read(parts: readonly Part[]): { deliveries: Delivery[]; letters: DeadLetter[] } {
    const deliveries: Delivery[] = [];
    const letters: DeadLetter[] = [];
    for (const { payload } of parts) {
      const { partition, messages } = payload.batch;
      for (const record of messages) this.readOne(record, partition, deliveries, letters);
    }
    return { deliveries, letters };
  }

  private readOne(
    record: KafkaMessage,
    partition: number,
    deliveries: Delivery[],
    letters: DeadLetter[],
  ): void {
    const { topic } = this.options.subscription;
    const origin = { topic, partition, offset: record.offset };
    try {
      const message = decodeRecord(record, topic);
      this.observe(message.hybridTime);
      deliveries.push({ message, origin });
    } catch (error) {
      const reason = toFault(error, 'wanted a message').message;
      // What lies in a dead-letter topic is buried already: whoever reads there is told what is known of it.
      if (isDeadLetterTopic(topic))
        return void deliveries.push({ message: tidingsOf(record, origin, reason), origin });
      this.options.settings.log(
        'error',
        `${topic}/${partition}/${record.offset} cannot be decoded: ${reason}`,
      );
      letters.push(deadLetterOf(record, origin, reason));
    }
  }

  /** A clock that refuses a stamp (too far ahead) must not stop the message that carried it. */
  private observe(hybridTime: string | undefined): void {
    if (hybridTime === undefined) return;
    try {
      this.options.settings.hybridClock?.observe(hybridTime);
    } catch (error) {
      this.options.settings.log('warn', `hybrid time ${hybridTime} was not observed: ${String(error)}`);
    }
  }

  /** Tries until it succeeds, we are stopped, or `isOurs` turns false. The wait between two tries is short, so nobody cuts
   *  it. */
  private async untilDone(attempt: () => Promise<void>, isOurs: () => boolean): Promise<End> {
    const { signal } = this.stopping;
    for (let waitMs = againMs.first; isOurs(); waitMs = Math.min(againMs.max, waitMs * 2)) {
      try {
        await attempt();
        return 'handled';
      } catch (error) {
        const { topic, group } = this.options.subscription;
        this.options.settings.log('error', `${group} failed on ${topic} and tries again: ${String(error)}`);
      }
      if (signal.aborted) break;
      await pause(waitMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) break;
    }
    return 'abandoned';
  }

  /** AFTER the handler resolved, never before: a crash in between repeats the messages (S53). */
  private advance(parts: readonly Part[]): void {
    const [first] = parts;
    if (first === undefined) return;
    const positions = parts.map(({ payload }) => {
      const { batch } = payload;
      payload.resolveOffset(batch.messages.at(-1)!.offset);
      const next = String(BigInt(batch.lastOffset()) + 1n);
      this.behind.set(batch.partition, messagesFrom(next, batch));
      return { partition: batch.partition, next };
    });
    this.options.positions.note(positions, (offsets) => first.payload.commitOffsetsIfNecessary(offsets));
  }

  /** Under load the next fetch waits a little, so that it brings more; the first delivery after a lull waits for nothing. */
  private async keepDistance(begunAt: number): Promise<void> {
    const waitMs = begunAt + this.pace.distanceMs - performance.now();
    if (waitMs > 0) await pause(waitMs, undefined, { signal: this.stopping.signal }).catch(() => {});
  }
}

/** How many messages the broker has at `offset` and after it. */
function messagesFrom(offset: string | null, { highWatermark }: EachBatchPayload['batch']): number {
  return offset === null ? 0 : Math.max(0, Number(BigInt(highWatermark) - BigInt(offset)));
}

/** Tells the group that we live while a delivery is in hand, and remembers when the group has moved on without us. */
class Heartbeat {
  /** The error that says so; the client needs it to join again. */
  lost: Error | undefined;
  private readonly timer: NodeJS.Timeout;
  private beating: Promise<void> | undefined;

  constructor(
    private readonly payload: EachBatchPayload,
    intervalMs: number,
  ) {
    this.timer = setInterval(() => {
      this.beating ??= this.beat();
    }, intervalMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.beating;
  }

  private async beat(): Promise<void> {
    try {
      await this.payload.heartbeat();
    } catch (error) {
      // A broker that is away says nothing about membership; the client finds its own way back.
      if (error instanceof Error && isMembershipLost(error)) this.lost = error;
    } finally {
      this.beating = undefined;
    }
  }
}
