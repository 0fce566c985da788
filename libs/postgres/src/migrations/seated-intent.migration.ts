/**
 * An intent lives in its seat: the `claimed` row of the barrier carries what was promised. Two rows that were always written
 * and removed together cost every call to the outside four writes more.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const key = ['transaction_id', 'branch_id', 'operation', 'generation'];
const sameKey = key.map((column) => `barrier.${column} = intent.${column}`).join(' and ');

export class SeatIntents1764000000081 implements MigrationInterface {
  readonly name = 'SeatIntents1764000000081';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `alter table barrier add column claimed_until timestamptz, add column owner text, add column command json`,
    );
    await runner.query(`update barrier set claimed_until = intent.claimed_until, owner = intent.owner, command = intent.command
      from intent where ${sameKey}`);
    await runner.query('drop table intent');
    await runner.query(`create index barrier_claimed on barrier (claimed_until) where outcome = 'claimed'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`create table intent (
      transaction_id uuid not null,
      claimed_until timestamptz not null,
      generation integer not null,
      branch_id text not null,
      operation text not null,
      owner text not null,
      command json not null,
      constraint intent_pkey primary key (${key.join(', ')}))`);
    await runner.query(`insert into intent (${key.join(', ')}, claimed_until, owner, command)
      select ${key.join(', ')}, claimed_until, owner, command from barrier where outcome = 'claimed'`);
    await runner.query('drop index barrier_claimed');
    await runner.query(
      `alter table barrier drop column claimed_until, drop column owner, drop column command`,
    );
  }
}
