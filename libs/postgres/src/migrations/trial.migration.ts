/** Who tries a participant that was left alone, and when it last answered. */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateBreakerTrial1764000000051 implements MigrationInterface {
  readonly name = 'CreateBreakerTrial1764000000051';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table breaker_trial (
      participant text primary key,
      claimed_until timestamptz not null,
      answered_at timestamptz)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table breaker_trial');
  }
}
