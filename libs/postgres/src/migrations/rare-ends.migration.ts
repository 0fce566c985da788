/**
 * Finds those that ended otherwise than most among a million that ended well. What ends well pays for no index.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class IndexRareEnds1764000000024 implements MigrationInterface {
  readonly name = 'IndexRareEnds1764000000024';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create index transaction_rare_end on transaction (status, transaction_id)
      where phase = 'final' and status not in ('completed', 'confirmed', 'committed', 'delivered')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index transaction_rare_end');
  }
}
