/**
 * Sends the start, and a cancellation, again for orders that have been PENDING for long (R17): the broker may lose what it acknowledged, and
 * nothing downstream could notice. It never changes an order, and a start that was not lost changes nothing (R16).
 */
import { firstUuidAt } from '@sagamore/primitives';
import type { Bus, Clock } from '@sagamore/runtime';
import { startMessage } from './order.service.js';
import type { OrderStore } from './order.store.js';

export interface OrderWatchdogPorts {
  readonly orders: Pick<OrderStore, 'pending'>;
  readonly bus: Pick<Bus, 'send'>;
  readonly clock: Clock;
  /** Tells cancellations again, AFTER the starts: one that came first would find no transaction. */
  readonly cancellations: { resend(): Promise<number> };
  /** The store's clock in ms. */
  readonly now: () => number;
}

export interface OrderWatchdogOptions {
  readonly shards: number;
  /** Pause between rounds, ms. Default 30 000. */
  readonly everyMs?: number;
  /** Orders younger than this are left alone, ms. Default 60 000. */
  readonly olderThanMs?: number;
  /** Orders of one round at most. Default 500. */
  readonly max?: number;
  /** Told of a round that failed; the next one is made all the same. */
  readonly onFault?: (error: unknown) => void;
}

const beforeAll = '00000000-0000-0000-0000-000000000000';

export class OrderWatchdog {
  private readonly options: Required<OrderWatchdogOptions>;
  private after = beforeAll;
  private cancelRound: (() => void) | undefined;
  private inHand: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly ports: OrderWatchdogPorts,
    options: OrderWatchdogOptions,
  ) {
    this.options = { everyMs: 30_000, olderThanMs: 60_000, max: 500, onFault: () => {}, ...options };
  }

  start(): void {
    this.schedule();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelRound?.();
    await this.inHand;
  }

  /** Sends the starts of the next orders in line and answers how many; after the last, the line begins anew, so that
   *  many that wait for a person keep nobody from being seen. */
  async round(): Promise<number> {
    const { max, olderThanMs, shards } = this.options;
    const now = this.ports.now();
    const before = firstUuidAt(now - olderThanMs);
    const starts = await this.ports.orders.pending({ after: this.after, before, limit: max });
    if (starts.length > 0) await this.ports.bus.send(starts.map((start) => startMessage(start, now, shards)));
    this.after = starts.length === max ? starts.at(-1)!.startInput.orderId : beforeAll;
    return starts.length;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.cancelRound = this.ports.clock.after(this.options.everyMs, () => {
      this.inHand = this.round()
        .then(() => this.ports.cancellations.resend())
        .then(() => {}, this.options.onFault);
      void this.inHand.finally(() => this.schedule());
    });
  }
}
