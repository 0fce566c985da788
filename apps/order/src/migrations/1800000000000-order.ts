/**
 * The tables of the order service: the orders, and its own copy of the catalogue.
 * Laid out for the write road: an order is inserted once and changed once.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Creates `orders` and `product` with their indexes. */
export class Order1800000000000 implements MigrationInterface {
  readonly name = 'Order1800000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table orders (
        order_id uuid primary key,
        customer_id text not null,
        idempotency_key text not null,
        request_hash text not null,
        status text not null check (status in ('PENDING', 'CONFIRMED', 'REJECTED')),
        reason jsonb,
        lines jsonb not null,
        currency text not null,
        total_minor bigint not null check (total_minor between 0 and 1000000000000),
        ship_to jsonb not null,
        start_input jsonb,
        version integer not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint orders_idempotency unique (customer_id, idempotency_key),
        constraint orders_start_until_final check ((status = 'PENDING') = (start_input is not null)),
        constraint orders_reason_of_rejected check ((status = 'REJECTED') = (reason is not null))
      )`);
    await runner.query(`create index orders_customer on orders (customer_id, order_id)`);
    // Partial: the watchdog and the list ask for the few; most orders end CONFIRMED and are read by primary key.
    await runner.query(`create index orders_pending on orders (order_id) where status = 'PENDING'`);
    await runner.query(`create index orders_rejected on orders (order_id) where status = 'REJECTED'`);
    await runner.query(`
      create table product (
        sku text primary key,
        name text,
        prices jsonb,
        listed_at bigint not null default 0,
        available integer not null default 0,
        stock_version bigint not null default -1
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table product');
    await runner.query('drop table orders');
  }
}
