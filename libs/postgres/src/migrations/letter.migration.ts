/** Dead letters that people may look at and play again, and who played which again and why. */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = [
  `create table dead_letter (
     id bigint generated always as identity primary key,
     topic text not null,
     letter_id text not null,
     arrived_at timestamptz not null default clock_timestamp(),
     letter json not null,
     constraint dead_letter_key unique (topic, letter_id))`,
  // before: how often the letter had been played again until then.
  `create table dead_letter_replay (
     id bigint generated always as identity primary key,
     dead_letter bigint not null references dead_letter on delete cascade,
     occurred_at timestamptz not null default clock_timestamp(),
     actor text not null,
     reason text not null,
     before integer not null,
     constraint dead_letter_replay_key unique (dead_letter, before))`,
];

export class CreateDeadLetter1764000000061 implements MigrationInterface {
  readonly name = 'CreateDeadLetter1764000000061';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of tables) await runner.query(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table dead_letter_replay, dead_letter');
  }
}
