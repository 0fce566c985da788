/**
 * Lets the books tell of holds: money that is held on a card is entered too, and leaves with its capture or void (R27).
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Widens the kinds of `ledger_entry`. */
export class LedgerHold1800000100000 implements MigrationInterface {
  readonly name = 'LedgerHold1800000100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table ledger_entry drop constraint ledger_entry_kind_check,
        add constraint ledger_entry_kind_check
          check (kind in ('deposit', 'charge', 'refund', 'withdrawal', 'hold', 'release'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table ledger_entry drop constraint ledger_entry_kind_check,
        add constraint ledger_entry_kind_check check (kind in ('deposit', 'charge', 'refund', 'withdrawal'))`);
  }
}
