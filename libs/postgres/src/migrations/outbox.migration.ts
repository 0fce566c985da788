/**
 * The outbox: messages saved with the state that implies them, until the broker has acknowledged them.
 * The rows are few and short-lived, so the primary key is the only index.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateOutbox1764000000001 implements MigrationInterface {
  readonly name = 'CreateOutbox1764000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table outbox (
      id bigint generated always as identity primary key,
      key text not null,
      owner text not null,
      claimed_until timestamptz not null,
      occurred_at timestamptz not null default clock_timestamp(),
      message json not null)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table outbox');
  }
}
