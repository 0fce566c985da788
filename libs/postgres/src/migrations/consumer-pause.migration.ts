/**
 * Which topics operators have paused for which groups, and who resumed them: a row a pause, at most one of each consumer that
 * stands. What stands is read every second, so it has an index of its own, whatever has piled up behind it.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const statements = [
  `create table consumer_pause (
     id bigint generated always as identity primary key,
     topic text not null,
     consumer_group text not null,
     paused_at timestamptz not null default clock_timestamp(),
     paused_by text not null,
     reason text not null,
     resumed_at timestamptz,
     resumed_by text,
     resume_reason text)`,
  `create unique index consumer_pause_standing on consumer_pause (topic, consumer_group) where resumed_at is null`,
];

export class CreateConsumerPause1764000000071 implements MigrationInterface {
  readonly name = 'CreateConsumerPause1764000000071';

  async up(runner: QueryRunner): Promise<void> {
    for (const each of statements) await runner.query(each);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table consumer_pause');
  }
}
