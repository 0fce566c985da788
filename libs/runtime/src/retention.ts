/**
 * Lets the past go, in small bites: the owner of the first shard removes what ended long ago and tells everybody how far
 * the past is settled; each participant then forgets its barrier rows up to there. It removes nothing that a message which
 * is still somewhere could ask for: what is kept is kept longer than any message lives (R5, S10).
 */
import type { TransactionId } from '@sagamore/engine';
import { firstUuidAt, isUuid } from '@sagamore/primitives';
import type { BarrierHistory, History } from './history.js';
import type { Message } from './message.js';
import type { ActiveSubscription, Bus, Clock, Delivery } from './ports.js';

const horizonType = 'transaction.horizon';

/** Rows of one statement: some ms of work, so that what it competes with for the disk never waits long. */
const batch = 1_000;
/** Between two batches, so that removal takes at most a part of the store's time. */
const pauseMs = 50;

export interface RetentionOptions {
  /** How long what ended is kept, ms. Longer than any message lives. */
  readonly keepMs: number;
  /** How long the id of what was removed is remembered, ms. */
  readonly keyLifeMs: number;
  /** How long is kept what people did, ms. */
  readonly auditMs: number;
  /** Pause between two rounds, ms. Default 600 000; at least a minute, for a removal takes two rounds. */
  readonly everyMs?: number;
  /** Whether this process is the one that does it; two that do it at once do no harm. */
  readonly isOurs: () => boolean;
  readonly onFault: (error: unknown) => void;
}

interface RetentionPorts {
  readonly history: History;
  readonly bus: Pick<Bus, 'send'>;
  readonly clock: Clock;
}

/** The orchestrator's side. */
export class Retention {
  private cancelRound: (() => void) | undefined;
  private inHand: Promise<unknown> = Promise.resolve();
  private stopped = true;

  constructor(
    private readonly ports: RetentionPorts,
    private readonly options: RetentionOptions,
  ) {}

  start(): void {
    this.stopped = false;
    this.schedule();
  }

  /** Breaks off between two batches. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelRound?.();
    await this.inHand;
  }

  /** One round; answers how many transactions are gone. Throws the store's fault or the bus's. */
  async round(): Promise<number> {
    const { history, bus } = this.ports;
    const { keepMs, keyLifeMs, auditMs } = this.options;
    const now = history.now();
    const floor = firstUuidAt(now - keepMs);
    const removed = await this.removeTransactions(floor, now - keepMs);
    await this.drain(() => history.removeAudits(now - auditMs, batch));
    await this.drain(() => history.forget(firstUuidAt(now - keyLifeMs), batch));
    if (this.stopped) return removed;
    await bus.send([horizonMessage(await history.raiseHorizon(floor), now)]);
    return removed;
  }

  private async removeTransactions(before: TransactionId, endedBefore: number): Promise<number> {
    let removed = 0;
    let after: TransactionId | undefined;
    do {
      const page = { before, endedBefore, limit: batch, ...(after !== undefined && { after }) };
      const done = await this.ports.history.remove(page);
      removed += done.removed;
      after = done.last;
      await pause(this.ports.clock);
    } while (after !== undefined && !this.stopped);
    return removed;
  }

  private async drain(remove: () => Promise<number>): Promise<void> {
    while (!this.stopped && (await remove()) === batch) await pause(this.ports.clock);
  }

  private schedule(): void {
    if (this.stopped) return;
    const { everyMs = 600_000, isOurs, onFault } = this.options;
    this.cancelRound = this.ports.clock.after(Math.max(everyMs, 60_000), () => {
      this.inHand = (async () => (isOurs() ? this.round() : 0))().catch(onFault);
      void this.inHand.then(() => this.schedule());
    });
  }
}

export interface BarrierRetentionOptions {
  /** The service whose barrier it is. */
  readonly service: string;
  /** As for the orchestrator: whatever a message says, nothing younger goes. */
  readonly keepMs: number;
}

interface BarrierRetentionPorts {
  readonly history: BarrierHistory;
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly clock: Clock;
}

/** A participant's side. What it misses while it is down the next horizon says again. */
export class BarrierRetention {
  /** Everybody's, with one partition. */
  static readonly topic = 'orchestrator.horizon';
  private subscription: ActiveSubscription | undefined;
  private stopped = true;

  constructor(
    private readonly ports: BarrierRetentionPorts,
    private readonly options: BarrierRetentionOptions,
  ) {}

  async start(): Promise<void> {
    this.stopped = false;
    const group = `${this.options.service}.horizon`;
    const handle = (deliveries: readonly Delivery[]) => this.handle(deliveries);
    this.subscription = await this.ports.bus.subscribe({ topic: BarrierRetention.topic, group, handle });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.subscription?.stop();
  }

  private async handle(deliveries: readonly Delivery[]): Promise<void> {
    const told = deliveries.map(({ message }) => horizonOf(message)).filter((id) => id !== undefined);
    const last = told.at(-1);
    if (last === undefined) return;
    const { history, clock } = this.ports;
    const floor = firstUuidAt(history.now() - this.options.keepMs);
    const before = last < floor ? last : floor;
    while (!this.stopped && (await history.removeBelow(before, batch)) === batch) await pause(clock);
  }
}

function horizonMessage(before: TransactionId, at: number): Message {
  return {
    id: `horizon/${before}`,
    type: horizonType,
    source: 'orchestrator',
    topic: BarrierRetention.topic,
    key: 'horizon',
    occurredAt: at,
    data: { before },
  };
}

/** What is no horizon is passed over: the next one comes by itself. */
function horizonOf({ type, data }: Message): TransactionId | undefined {
  if (type !== horizonType || typeof data !== 'object' || data === null) return undefined;
  const { before } = data as { before?: unknown };
  return typeof before === 'string' && isUuid(before) ? before : undefined;
}

function pause(clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.after(pauseMs, resolve));
}
