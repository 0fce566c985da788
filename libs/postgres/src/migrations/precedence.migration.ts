/** For whom a transaction runs and how urgent it is, kept with it and with a start that has not begun. */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddPrecedence1764000000052 implements MigrationInterface {
  readonly name = 'AddPrecedence1764000000052';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of ['transaction', 'accepted_start'])
      await runner.query(`alter table ${table} add column tenant text, add column priority smallint`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['transaction', 'accepted_start'])
      await runner.query(`alter table ${table} drop column tenant, drop column priority`);
  }
}
