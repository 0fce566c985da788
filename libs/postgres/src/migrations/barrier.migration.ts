/**
 * The barrier and the intents of a participant. An intent always has a `claimed` barrier row beside it, so that one
 * unique key decides between a call to the outside and the undo that plants its seat.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateBarrier1764000000002 implements MigrationInterface {
  readonly name = 'CreateBarrier1764000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table barrier (
      transaction_id uuid not null,
      generation integer not null,
      branch_id text not null,
      operation text not null,
      outcome text not null,
      reply json,
      constraint barrier_pkey primary key (transaction_id, branch_id, operation, generation))`);
    await runner.query(`create table intent (
      transaction_id uuid not null,
      claimed_until timestamptz not null,
      generation integer not null,
      branch_id text not null,
      operation text not null,
      owner text not null,
      command json not null,
      constraint intent_pkey primary key (transaction_id, branch_id, operation, generation))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table intent');
    await runner.query('drop table barrier');
  }
}
