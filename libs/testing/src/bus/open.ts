/**
 * What every suite of the bus is given, and the inbox by which it sees what arrives.
 * It waits for conditions with a deadline, never for time to pass, and knows no broker.
 */
import { afterEach, beforeEach } from '@jest/globals';
import { uuidv7 } from '@sagamore/primitives';
import type { Bus, Delivery, Message } from '@sagamore/runtime';

/** A bus that was not started yet. */
export interface BusUnderTest {
  readonly bus: Bus;
  /** Called AFTER the bus has stopped. */
  close(): Promise<void>;
}

/** Called BEFORE each test. Topics and groups are named anew by each test, so the broker may be shared. */
export type OpenBus = () => Promise<BusUnderTest>;

export interface BusContractOptions {
  /** Whether messages outlive their handling in a log, so that they come again to a group that subscribes later. */
  readonly redelivers: boolean;
  /** How long any single condition may take to come true. Default 20 000 ms. */
  readonly deadlineMs?: number;
}

/** What a handler under test does with a batch. */
export type React = (batch: readonly Delivery[]) => Promise<void>;

/** What a suite works with while one of its tests runs. */
export interface Stage {
  readonly bus: Bus;
  /** A topic of three partitions that nobody used before. */
  readonly topic: string;
  readonly group: string;
  /** An empty inbox, whose subscription does `react` with each batch. */
  readonly inbox: (react?: React) => Inbox;
}

export const partitions = 3;

/** Sets the stage BEFORE each test and stops the bus AFTER it. */
export function freshStage(open: OpenBus, deadlineMs: number): () => Stage {
  let opened: BusUnderTest | undefined;
  let stage: Stage | undefined;
  beforeEach(async () => {
    opened = await open();
    const { bus } = opened;
    const topic = `contract-${uuidv7(Date.now())}`;
    const watchers = new Set<() => void>();
    await bus.start();
    await bus.ensureTopics([{ topic, partitions }]);
    stage = {
      bus,
      topic,
      group: `group-of-${topic}`,
      inbox: (react) => new Inbox(deadlineMs, watchers, react),
    };
  }, 3 * deadlineMs);
  afterEach(async () => {
    await opened?.bus.stop();
    await opened?.close();
    opened = undefined;
    stage = undefined;
  }, 3 * deadlineMs);
  return () => {
    if (stage === undefined) throw new Error('the stage is set only while a test runs');
    return stage;
  };
}

/** A message whose id is what tests look at. */
export function message(topic: string, key: string, id: string): Message {
  return {
    id,
    type: 'order.placed',
    source: 'order',
    topic,
    key,
    occurredAt: 1_763_800_000_000,
    causationId: `cause of ${id}`,
    traceparent: '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01',
    data: { text: `é of ${key}`, list: [1, 2.5, null], deep: { yes: true } },
  };
}

/** Keeps what a subscription was handed, call by call, and waits for it. */
export class Inbox {
  readonly batches: (readonly Delivery[])[] = [];
  readonly assigned: (readonly number[])[] = [];
  /** What happened, in order: `assigned` or `batch`. */
  readonly story: string[] = [];
  private running = 0;
  /** The most calls that ever ran at the same time. */
  runningMax = 0;

  constructor(
    private readonly deadlineMs: number,
    private readonly watchers: Set<() => void>,
    private readonly react: React = async () => undefined,
  ) {}

  readonly handle = async (batch: readonly Delivery[]): Promise<void> => {
    this.batches.push(batch);
    this.runningMax = Math.max(this.runningMax, ++this.running);
    this.tell('batch');
    try {
      await this.react(batch);
    } finally {
      this.running--;
      this.tell('handled');
    }
  };

  readonly onAssigned = async (held: readonly number[]): Promise<void> => {
    this.assigned.push(held);
    this.tell('assigned');
  };

  get ids(): readonly string[] {
    return this.batches.flat().map((delivery) => delivery.message.id);
  }

  /** The ids of one key in the order in which each first came. */
  idsOf(key: string): readonly string[] {
    const deliveries = this.batches.flat().filter((delivery) => delivery.message.key === key);
    return [...new Set(deliveries.map((delivery) => delivery.message.id))];
  }

  /** Resolves once `isTrue`; looked at whenever something has happened to any inbox of the test. Fails after the
   *  deadline. */
  async until(isTrue: () => boolean, what: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      if (isTrue()) resolve();
    };
    const timer = setTimeout(() => {
      reject(new Error(`waited ${this.deadlineMs} ms for ${what}; so far ${JSON.stringify(this.ids)}`));
    }, this.deadlineMs);
    this.watchers.add(look);
    look();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.watchers.delete(look);
    }
  }

  /** Resolves once `count` different messages have come and no call is running. */
  untilCount(count: number): Promise<void> {
    return this.until(() => new Set(this.ids).size >= count && this.running === 0, `${count} messages`);
  }

  private tell(what: string): void {
    this.story.push(what);
    for (const look of this.watchers) look();
  }
}
