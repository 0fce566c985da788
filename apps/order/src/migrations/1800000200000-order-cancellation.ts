/**
 * An order may be called off by its customer: what they asked for is remembered until its end, and CANCELLED is one.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const changes = [
  `alter table orders add column cancel_requested_at timestamptz`,
  `alter table orders drop constraint orders_status_check, drop constraint orders_reason_of_rejected,
     add constraint orders_status_check check (status in ('PENDING', 'CONFIRMED', 'REJECTED', 'CANCELLED')),
     add constraint orders_reason_of_undone check ((status in ('REJECTED', 'CANCELLED')) = (reason is not null))`,
  `create index orders_cancelled on orders (order_id) where status = 'CANCELLED'`,
  // The few that wait for an answer to a cancellation; for the watchdog alone.
  `create index orders_cancelling on orders (order_id) where status = 'PENDING' and cancel_requested_at is not null`,
];

/** Adds the end CANCELLED and the instant at which it was asked for. */
export class OrderCancellation1800000200000 implements MigrationInterface {
  readonly name = 'OrderCancellation1800000200000';

  async up(runner: QueryRunner): Promise<void> {
    for (const change of changes) await runner.query(change);
  }

  /** What was cancelled counts as rejected: there was no other word for it. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index orders_cancelled, orders_cancelling');
    await runner.query(`update orders set status = 'REJECTED' where status = 'CANCELLED'`);
    await runner.query(
      `alter table orders drop column cancel_requested_at, drop constraint orders_status_check,
         drop constraint orders_reason_of_undone,
         add constraint orders_status_check check (status in ('PENDING', 'CONFIRMED', 'REJECTED')),
         add constraint orders_reason_of_rejected check ((status = 'REJECTED') = (reason is not null))`,
    );
  }
}
