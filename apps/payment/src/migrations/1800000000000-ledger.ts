/**
 * The books of payment: one append-only table, and balances derived from it (R27). There is no balance row, so no two
 * orders ever wait for each other here.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Makes `ledger_entry` and the view `account_balance`. */
export class Ledger1800000000000 implements MigrationInterface {
  readonly name = 'Ledger1800000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table ledger_entry (
        operation_id text not null,
        account text not null,
        kind text not null check (kind in ('deposit', 'charge', 'refund', 'withdrawal')),
        currency text not null check (currency ~ '^[A-Z]{3}$'),
        amount_minor bigint not null check (amount_minor <> 0),
        transaction_id text not null,
        occurred_at timestamptz not null default clock_timestamp(),
        primary key (operation_id, account, kind)
      )`);
    await runner.query(`
      create view account_balance as
        select account, currency, sum(amount_minor)::bigint as balance_minor, count(*)::bigint as entries
        from ledger_entry group by account, currency`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop view account_balance');
    await runner.query('drop table ledger_entry');
  }
}
