/**
 * Whose step a transaction is, and what a completed one returns. Both are null for most, and cost those nothing: the
 * children of a transaction are found by an index that holds children alone.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddChildren1764000000010 implements MigrationInterface {
  readonly name = 'AddChildren1764000000010';

  async up(runner: QueryRunner): Promise<void> {
    // json like its sisters: jsonb would refuse the U+0000 that the journal of the same transaction holds already.
    await runner.query('alter table transaction add column parent json, add column output json');
    await runner.query(`create index transaction_children on transaction ((parent ->> 'transactionId'))
      where parent is not null`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index transaction_children');
    await runner.query('alter table transaction drop column parent, drop column output');
  }
}
