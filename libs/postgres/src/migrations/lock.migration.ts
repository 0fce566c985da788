/**
 * Semantic locks: one row a claim. Who holds a key follows from the order of its rows, so nothing is ever updated here:
 * a row comes with the event that led to it and goes with the one that ends its transaction.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateSemanticLock1764000000031 implements MigrationInterface {
  readonly name = 'CreateSemanticLock1764000000031';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table semantic_lock (
      place bigint generated always as identity,
      transaction_id uuid not null,
      started_at timestamptz not null,
      claimed_at timestamptz not null default clock_timestamp(),
      shard integer not null,
      can_yield boolean not null,
      key text not null,
      branch_id text not null,
      policy text not null,
      constraint semantic_lock_pkey primary key (transaction_id, branch_id))`);
    await runner.query('create unique index semantic_lock_queue on semantic_lock (key, place)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table semantic_lock');
  }
}
