/**
 * Wakes those who wait for an order's end: `Prefer: wait` and event streams (R30).
 * Three ways lead here: this process has just committed the end, `order.events` tells of another process's, and a slow
 * poll finds what both missed. Each only hastens a read of the row: a wake-up carries no status and proves nothing.
 */
import { orderEvent } from '@sagamore/contracts';
import { eventTopic, type ActiveSubscription, type Bus, type Clock, type Delivery } from '@sagamore/runtime';

export interface OrderWakeupsPorts {
  readonly bus: Bus;
  readonly clock: Clock;
  /** Those of the asked orders that are final. */
  readonly finals: (orderIds: readonly string[]) => Promise<readonly string[]>;
}

export interface OrderWakeupsOptions {
  /** Unique per process: each instance hears every event. */
  readonly instance: string;
  /** The polling floor, ms. Default 1 000: the most that a lost wake-up costs. */
  readonly pollMs?: number;
  /** Told of a poll that failed; the next one is made all the same. */
  readonly onFault?: (error: unknown) => void;
}

/** How many orders one poll asks for at most; the others are asked for by the next ones. */
const pollMax = 1_000;

export class OrderWakeups {
  private readonly waiting = new Map<string, Set<() => void>>();
  /** Ends the waits that are under way, when this process stops. */
  private readonly releases = new Set<() => void>();
  private subscription: ActiveSubscription | undefined;
  private cancelPoll: (() => void) | undefined;
  private stopped = false;

  constructor(
    private readonly ports: OrderWakeupsPorts,
    private readonly options: OrderWakeupsOptions,
  ) {}

  /** Calls back at most once, when the order has come to its end. The returned function takes the wish back. */
  onFinal(orderId: string, callback: () => void): () => void {
    const callbacks = this.waiting.get(orderId) ?? new Set();
    this.waiting.set(orderId, callbacks.add(callback));
    this.schedulePoll();
    return () => {
      callbacks.delete(callback);
      if (callbacks.size === 0 && this.waiting.get(orderId) === callbacks) this.waiting.delete(orderId);
    };
  }

  /** Resolves true once the order has come to its end, false after `ms` or when this process stops. */
  wait(orderId: string, ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const giveUp = () => resolve(false);
    const cancelTimer = this.ports.clock.after(ms, giveUp);
    const cancelWish = this.onFinal(orderId, () => resolve(true));
    this.releases.add(giveUp);
    if (this.stopped) giveUp();
    return promise.finally(() => {
      cancelTimer();
      cancelWish();
      this.releases.delete(giveUp);
    });
  }

  /** Tells that these orders are final. To be called AFTER the commit that made them so. */
  wake(orderIds: Iterable<string>): void {
    for (const orderId of orderIds) {
      const callbacks = this.waiting.get(orderId);
      if (callbacks === undefined) continue;
      this.waiting.delete(orderId);
      for (const callback of callbacks) callback();
    }
  }

  /** How many orders somebody waits for. */
  get size(): number {
    return this.waiting.size;
  }

  /** Listens to `order.events` from now on, under a group of this instance's own. */
  async start(): Promise<void> {
    this.subscription = await this.ports.bus.subscribe({
      topic: eventTopic('order'),
      group: `order.wakeups.${this.options.instance}`,
      from: 'latest',
      handle: async (batch) => this.wake(batch.flatMap(endedOrder)),
    });
  }

  /** Lets everybody go who waits, and listens no more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelPoll?.();
    for (const release of this.releases) release();
    await this.subscription?.stop();
  }

  private schedulePoll(): void {
    if (this.cancelPoll !== undefined || this.stopped) return;
    this.cancelPoll = this.ports.clock.after(this.options.pollMs ?? 1_000, () => void this.poll());
  }

  /** One query for everybody, and none when nobody waits. */
  private async poll(): Promise<void> {
    const asked = [...this.waiting.keys()].slice(0, pollMax);
    try {
      if (asked.length > 0) this.wake(await this.ports.finals(asked));
    } catch (error) {
      this.options.onFault?.(error);
    }
    this.rotate(asked);
    this.cancelPoll = undefined;
    if (this.waiting.size > 0) this.schedulePoll();
  }

  /** Those asked for go to the end of the queue, so that a long queue starves nobody. */
  private rotate(asked: readonly string[]): void {
    if (asked.length < pollMax) return;
    for (const orderId of asked) {
      const callbacks = this.waiting.get(orderId);
      if (callbacks === undefined) continue;
      this.waiting.delete(orderId);
      this.waiting.set(orderId, callbacks);
    }
  }
}

function endedOrder({ message }: Delivery): string[] {
  const event = orderEvent.safeParse(message.data);
  return event.success && event.data.status !== 'PENDING' ? [event.data.orderId] : [];
}
