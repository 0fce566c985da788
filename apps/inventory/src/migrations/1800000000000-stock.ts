/**
 * The tables of stock: a level for each SKU, and the append-only log from which every level can be recomputed (I02).
 * The checks are the last guard of I03, whatever the code above does.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Makes `stock` and `stock_move`. */
export class Stock1800000000000 implements MigrationInterface {
  readonly name = 'Stock1800000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table stock (
        sku text primary key,
        available bigint not null check (available >= 0),
        reserved bigint not null default 0 check (reserved >= 0),
        version bigint not null default 1
      ) with (fillfactor = 70)`);
    await runner.query(`
      create table stock_move (
        operation_id text not null,
        sku text not null,
        transaction_id text,
        kind text not null check (kind in ('received', 'taken', 'returned')),
        quantity bigint not null check (quantity > 0),
        occurred_at timestamptz not null default clock_timestamp(),
        primary key (operation_id, sku)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table stock_move');
    await runner.query('drop table stock');
  }
}
