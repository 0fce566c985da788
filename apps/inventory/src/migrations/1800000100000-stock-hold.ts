/**
 * Lets the log of stock tell of holds: what is held counts as `reserved` until it is deducted or released (R26).
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Widens the kinds of `stock_move`. */
export class StockHold1800000100000 implements MigrationInterface {
  readonly name = 'StockHold1800000100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table stock_move drop constraint stock_move_kind_check,
        add constraint stock_move_kind_check
          check (kind in ('received', 'taken', 'returned', 'held', 'deducted', 'released'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table stock_move drop constraint stock_move_kind_check,
        add constraint stock_move_kind_check check (kind in ('received', 'taken', 'returned'))`);
  }
}
