/**
 * A customer calls an order off: the wish is kept with the order's row and told to the transaction through the outbox, in
 * one commit. Which side of the pivot it came to, the order's own end will say (S109). It never ends an order itself.
 */
import { shardOf } from '@sagamore/primitives';
import {
  cancelMessage,
  type Bus,
  type CancelData,
  type Database,
  type Message,
  type OutboxRelay,
} from '@sagamore/runtime';
import type { CancellationStore } from './order.cancellation.store.js';

export interface OrderCancellationPorts {
  readonly database: Pick<Database, 'transaction' | 'now'>;
  readonly wanted: CancellationStore;
  readonly relay: Pick<OutboxRelay, 'append'>;
  readonly bus: Pick<Bus, 'send'>;
}

export interface OrderCancellationOptions {
  readonly shards: number;
  /** A wish older than this is told again, ms. Default 30 000. */
  readonly olderThanMs?: number;
  /** Wishes that are told again in one round at most. Default 500. */
  readonly max?: number;
}

export class OrderCancellation {
  private readonly options: Required<OrderCancellationOptions>;

  constructor(
    private readonly ports: OrderCancellationPorts,
    options: OrderCancellationOptions,
  ) {
    this.options = { olderThanMs: 30_000, max: 500, ...options };
  }

  /** Saves the wish where the order is still PENDING. Idempotent: a repeat, or one that comes too late, writes nothing. */
  async ask(orderId: string): Promise<void> {
    const { database, wanted, relay } = this.ports;
    await database.transaction(async (tx) => {
      const at = database.now();
      if (await wanted.ask(tx, orderId, at)) await relay.append(tx, [this.messageFor(orderId, at)]);
    });
  }

  /** Tells again what has been wished for long and not been answered by an end: the broker may lose what it acknowledged,
   *  and a wish that overtook its start found no transaction. Answers how many. */
  async resend(): Promise<number> {
    const { database, wanted, bus } = this.ports;
    const now = database.now();
    const { olderThanMs, max } = this.options;
    const orderIds = await wanted.unanswered(now - olderThanMs, max);
    if (orderIds.length > 0) await bus.send(orderIds.map((orderId) => this.messageFor(orderId, now)));
    return orderIds.length;
  }

  /** The order's id is the transaction's. Told twice it changes nothing the second time (S31). */
  private messageFor(orderId: string, at: number): Message<CancelData> {
    const asked = { transactionId: orderId, actor: 'customer', reason: 'the customer called the order off' };
    return cancelMessage(asked, { source: 'order', shard: shardOf(orderId, this.options.shards), at });
  }
}
