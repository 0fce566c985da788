/**
 * An order remembers by which protocol it is placed, so that a start that is sent again begins the same transaction (R17).
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Adds `protocol` to `orders`; what stands there already was placed by a saga. */
export class OrderProtocol1800000100000 implements MigrationInterface {
  readonly name = 'OrderProtocol1800000100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table orders add column protocol text not null default 'saga'
        check (protocol in ('saga', 'tcc', 'two-phase-commit'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table orders drop column protocol');
  }
}
