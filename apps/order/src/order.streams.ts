/**
 * Streams of one order's changes to whoever watches it, as server-sent events: where it stands now, then its end.
 * The last stop of the order's road. Each open stream costs a socket, so there is a bound; what is sent is always read
 * from the row, never taken from the wake-up that hastened it.
 */
import type { MessageEvent } from '@nestjs/common';
import { Observable, type Subscriber } from 'rxjs';
import type { Clock } from '@sagamore/runtime';
import { orderAnswer } from './order.answers.js';
import { isFinal, type Order } from './order.js';
import type { OrderWakeups } from './order.wakeups.js';

export interface OrderStreamsPorts {
  readonly wakeups: Pick<OrderWakeups, 'onFinal'>;
  readonly clock: Clock;
  /** The order as its row now stands. */
  readonly find: (orderId: string) => Promise<Order | undefined>;
}

export interface OrderStreamsOptions {
  /** Open streams of this process at most. Default 1 000. */
  readonly max?: number;
  /** Pause between heartbeats, ms. Default 15 000: below the idle time-outs of common proxies. */
  readonly heartbeatMs?: number;
}

export class OrderStreams {
  private readonly open = new Set<Subscriber<MessageEvent>>();
  private stopped = false;

  constructor(
    private readonly ports: OrderStreamsPorts,
    private readonly options: OrderStreamsOptions = {},
  ) {}

  /** Whether one more stream may be opened. */
  get isFull(): boolean {
    return this.stopped || this.open.size >= (this.options.max ?? 1_000);
  }

  /** The changes of `order` after version `seen`, in order of version, and the end of the stream after the final one.
   *  Cold: nothing is held until somebody subscribes, and nothing after the subscriber has gone. */
  watch(order: Order, seen: number): Observable<MessageEvent> {
    return new Observable((subscriber) => {
      this.open.add(subscriber);
      subscriber.add(() => this.open.delete(subscriber));
      if (order.version > seen) subscriber.next(eventOf(order));
      if (isFinal(order.status)) return subscriber.complete();
      subscriber.add(
        this.ports.wakeups.onFinal(order.orderId, () => void this.finish(order.orderId, subscriber)),
      );
      this.beat(subscriber);
    });
  }

  /** Ends every stream; a client comes back to another instance with the id of the last event it saw. */
  stop(): void {
    this.stopped = true;
    for (const subscriber of this.open) subscriber.complete();
  }

  private async finish(orderId: string, subscriber: Subscriber<MessageEvent>): Promise<void> {
    try {
      const order = await this.ports.find(orderId);
      if (order !== undefined) subscriber.next(eventOf(order));
    } catch {
      // The row could not be read. The client comes back by itself and reads it then; nobody waits for this promise, so
      // an error that left here would end the process, and with it every other stream.
    }
    subscriber.complete();
  }

  private beat(subscriber: Subscriber<MessageEvent>): void {
    const cancel = this.ports.clock.after(this.options.heartbeatMs ?? 15_000, () => {
      subscriber.remove(cancel);
      subscriber.next({ comment: 'heartbeat' });
      this.beat(subscriber);
    });
    subscriber.add(cancel);
  }
}

function eventOf(order: Order): MessageEvent {
  return { type: 'order', id: String(order.version), data: orderAnswer(order) };
}
