/**
 * The due time of transactions that have left their owner's memory. Null for everybody else, so the road of an order that
 * never waits pays for no index. Those that left are no part of what a takeover reads.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddDueTime1764000000021 implements MigrationInterface {
  readonly name = 'AddDueTime1764000000021';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table transaction add column due_at timestamptz');
    await runner.query('drop index transaction_live');
    await runner.query(`create index transaction_live on transaction (shard, transaction_id)
      where phase = 'moving' and due_at is null`);
    await runner.query(`create index transaction_due on transaction (due_at, transaction_id)
      where due_at is not null`);
  }

  /** Of those that left memory an older version knows nothing, and reads them at its takeover as it always did. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index transaction_due');
    await runner.query('drop index transaction_live');
    await runner.query(`create index transaction_live on transaction (shard, transaction_id)
      where phase = 'moving'`);
    await runner.query('alter table transaction drop column due_at');
  }
}
