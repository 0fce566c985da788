/**
 * What remains of transactions that were removed: a tombstone for each, under which no start begins again, and the horizon,
 * below which none begins at all.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = [
  `create table tombstone (
     transaction_id uuid primary key,
     planted_at timestamptz not null default clock_timestamp(),
     status text not null)`,
  `create table retention (
     only_row boolean primary key default true check (only_row),
     horizon uuid not null)`,
  `insert into retention (horizon) values ('00000000-0000-7000-8000-000000000000')`,
];

export class CreateTombstone1764000000022 implements MigrationInterface {
  readonly name = 'CreateTombstone1764000000022';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of tables) await runner.query(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table retention, tombstone');
  }
}
