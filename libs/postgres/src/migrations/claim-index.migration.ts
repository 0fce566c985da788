/**
 * The index of claims is over those that have an end, not over those that are `claimed`. What looks for `claimed` rows by
 * their key could be answered by the old one too, and on an empty table the planner took it, once and for all: every
 * batch then walked the entries of all claims since the last vacuum.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class IndexClaimsByEnd1764000000082 implements MigrationInterface {
  readonly name = 'IndexClaimsByEnd1764000000082';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('drop index barrier_claimed');
    await runner.query(
      'create index barrier_claimed_until on barrier (claimed_until) where claimed_until is not null',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index barrier_claimed_until');
    await runner.query(`create index barrier_claimed on barrier (claimed_until) where outcome = 'claimed'`);
  }
}
