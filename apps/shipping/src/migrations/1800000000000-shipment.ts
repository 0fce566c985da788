/**
 * The tables of shipping: the shipment as it stands, and the append-only log of what was done to it.
 * No address is kept: the carrier has it, the books do not need it.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Makes `shipment` and `shipment_move`. */
export class Shipment1800000000000 implements MigrationInterface {
  readonly name = 'Shipment1800000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table shipment (
        transaction_id text not null,
        branch_id text not null,
        shipment_id text,
        tracking_number text,
        status text not null check (status in ('booked', 'cancelled')),
        booked_at timestamptz not null default clock_timestamp(),
        cancelled_at timestamptz,
        primary key (transaction_id, branch_id),
        check ((status = 'cancelled') = (cancelled_at is not null)),
        check (status = 'cancelled' or shipment_id is not null)
      )`);
    await runner.query(`
      create table shipment_move (
        operation_id text primary key,
        transaction_id text not null,
        branch_id text not null,
        kind text not null check (kind in ('created', 'cancelled')),
        occurred_at timestamptz not null default clock_timestamp()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table shipment_move');
    await runner.query('drop table shipment');
  }
}
