/**
 * What the runtime needs of whatever carries messages between services. One of the ports, kept by several technologies and
 * judged by one contract suite; it must never be asked to do anything exactly once.
 */
import type { Message } from './message.js';

/** A position from which a record came, for dead letters. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

export interface Delivery {
  readonly message: Message;
  readonly origin: Origin;
}

export interface Subscription {
  readonly topic: string;
  /** Members of one group share the topic's partitions; each group sees every message. A group is of one topic alone. */
  readonly group: string;
  /** Where a group that is new to the topic begins. Default `earliest`. */
  readonly from?: 'earliest' | 'latest';
  /** Called with what has arrived, partitions merged, the order within each partition kept; one call at a time.
   *  The position moves only AFTER it resolves. When it rejects, the same messages come again after a pause. */
  readonly handle: (batch: readonly Delivery[]) => Promise<void>;
  /** Called with the partitions now held, BEFORE the first message of a new one is handed over. */
  readonly onAssigned?: (partitions: readonly number[]) => Promise<void>;
  /** Paused from its beginning: nothing is handed over BEFORE `resume`. Default false. */
  readonly startsPaused?: boolean;
}

/** A subscription at work. Paused, it stays a member of its group and is healthy: it keeps its partitions, `onAssigned` runs
 *  when they change, and nothing is handed over. What came meanwhile follows `resume` in its order, and nothing is lost; only a
 *  group from the latest that has never handled anything may, when it joins anew, begin at what is the latest by then. */
export interface ActiveSubscription {
  /** Takes no new batch; resolves AFTER the one in hand has ended. One that was rejected is not tried again, it comes first
   *  after `resume`. It holds for this process alone, and never rejects. Idempotent. */
  pause(): Promise<void>;
  /** Idempotent. */
  resume(): void;
  isPaused(): boolean;
  /** Takes no new batch, waits for the one in hand, then leaves the group. */
  stop(): Promise<void>;
  /** False once the consumer has died and nothing will restart it, and while it has tried for long and in vain to read again:
   *  readiness turns red (S59). */
  healthy(): boolean;
  /** Messages that have arrived in the partitions held here and are not handled, as far as is known without asking
   *  anybody. Absent where nobody can know. */
  lag?(): number;
}

export interface TopicSpecification {
  readonly topic: string;
  readonly partitions: number;
}

/** Carries messages between services: at least once, in order for each key. */
export abstract class Bus {
  /** Creates what is missing; throws `TOPIC_INVALID` when a topic exists with another partition count (I45). */
  abstract ensureTopics(topics: readonly TopicSpecification[]): Promise<void>;
  /** Resolves AFTER the broker has acknowledged every message. Keeps trying while the broker is away; rejects with
   *  `STOPPED` once the bus stops and with `DATA_REJECTED` when the broker can never take a message.
   *  Calls made at the same time may share one request; the order of messages for one key is kept. */
  abstract send(messages: readonly Message[]): Promise<void>;
  abstract subscribe(subscription: Subscription): Promise<ActiveSubscription>;
  abstract start(): Promise<void>;
  /** Stops every subscription, waits for what is being sent, closes. */
  abstract stop(): Promise<void>;
  /** False while the broker cannot be reached. */
  abstract healthy(): boolean;
}
