/**
 * The ledger of late replies: what came after its decision and says more than is known. One row for each thing that was
 * said, so that repeats add nothing; no foreign key, because some are of transactions that nobody knows.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateLateReply1764000000041 implements MigrationInterface {
  readonly name = 'CreateLateReply1764000000041';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table late_reply (
      transaction_id uuid not null,
      occurred_at timestamptz not null,
      generation integer not null,
      branch_id text not null,
      operation text not null,
      outcome text not null,
      meaning text not null,
      constraint late_reply_pkey primary key (transaction_id, branch_id, operation, generation, outcome))`);
    await runner.query(`create index late_reply_unknown on late_reply (occurred_at)
      where meaning = 'unknown-transaction'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table late_reply');
  }
}
