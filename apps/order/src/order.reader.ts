/**
 * Reads orders for the REST side. Reads of single orders that arrive together share one query, so that a crowd waiting
 * for its orders costs the database little. It never writes.
 */
import { Injectable } from '@nestjs/common';
import { gather } from '@sagamore/runtime';
import type { Order } from './order.js';
import { OrderStore, type OrderQuery } from './order.store.js';

@Injectable()
export class OrderReader {
  /** The order as its row stood at some moment after the call; undefined when there is none. `orderId` is a UUID. */
  readonly find: (orderId: string) => Promise<Order | undefined>;

  constructor(private readonly orders: OrderStore) {
    this.find = gather(async (orderIds: readonly string[]) => {
      const found = new Map(
        (await orders.find([...new Set(orderIds)])).map((order) => [order.orderId, order]),
      );
      return orderIds.map((orderId) => found.get(orderId));
    });
  }

  /** Newest first. */
  list(query: OrderQuery): Promise<readonly Order[]> {
    return this.orders.list(query);
  }
}
