/**
 * The part of an order's row that says that its customer wants it called off. It ends no order: the transaction does.
 */
import { Inject, Injectable } from '@nestjs/common';
import { statement, type PostgresDatabase } from '@sagamore/postgres';
import { Database, type Tx } from '@sagamore/runtime';
import { postgres } from './order.store.js';

// The row's lock puts this BEFORE or AFTER the order's end, never beside it.
const askOnce = statement(
  'orders-cancel',
  `update orders set cancel_requested_at = to_timestamp($2::float8 / 1000)
   where order_id = $1 and status = 'PENDING' and cancel_requested_at is null returning order_id`,
);

const findUnanswered = statement(
  'orders-cancelling',
  `select order_id from orders where status = 'PENDING' and cancel_requested_at is not null
     and cancel_requested_at < to_timestamp($1::float8 / 1000) order by order_id limit $2`,
);

@Injectable()
export class CancellationStore {
  constructor(@Inject(Database) private readonly database: PostgresDatabase) {}

  /** Marks a PENDING order as to be cancelled. False when it is not PENDING, or was marked before. `at`: ms. */
  async ask(tx: Tx, orderId: string, at: number): Promise<boolean> {
    return (await postgres(tx).query(askOnce, [orderId, at])).length > 0;
  }

  /** Orders that were marked before that instant and have not come to their end. */
  async unanswered(before: number, limit: number): Promise<readonly string[]> {
    const rows = await this.database.read<{ order_id: string }>(findUnanswered, [before, limit]);
    return rows.map((row) => row.order_id);
  }
}
