/**
 * Lets shipping tell of places that are only held at the carrier: a shipment has its id once it is dispatched (R21).
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Widens the statuses of `shipment` and the kinds of `shipment_move`. */
export class ShipmentHold1800000100000 implements MigrationInterface {
  readonly name = 'ShipmentHold1800000100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table shipment drop constraint shipment_status_check, drop constraint shipment_check1,
        add constraint shipment_status_check check (status in ('held', 'booked', 'cancelled')),
        add constraint shipment_check1 check (status <> 'booked' or shipment_id is not null)`);
    await runner.query(`
      alter table shipment_move drop constraint shipment_move_kind_check,
        add constraint shipment_move_kind_check check (kind in ('created', 'cancelled', 'held', 'released'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table shipment_move drop constraint shipment_move_kind_check,
        add constraint shipment_move_kind_check check (kind in ('created', 'cancelled'))`);
    await runner.query(`
      alter table shipment drop constraint shipment_status_check, drop constraint shipment_check1,
        add constraint shipment_status_check check (status in ('booked', 'cancelled')),
        add constraint shipment_check1 check (status = 'cancelled' or shipment_id is not null)`);
  }
}
