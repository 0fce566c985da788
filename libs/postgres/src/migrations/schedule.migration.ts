/** Where each schedule stands in its timetable, and what it started last. */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateSchedule1764000000023 implements MigrationInterface {
  readonly name = 'CreateSchedule1764000000023';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table schedule (
      name text primary key,
      timetable_name text not null,
      next_at timestamptz not null,
      last_tick_at timestamptz,
      last_transaction_id uuid)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table schedule');
  }
}
