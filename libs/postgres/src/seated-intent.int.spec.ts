/**
 * Goal: a service that is brought to the new schema loses no promised call, nor does one that goes back.
 * Method: the schema before, a call under way in it, the migration up and down again on a real database.
 */
import { afterAll, expect, jest, test } from '@jest/globals';
import { uuidv7 } from '@sagamore/primitives';
import { testPostgres } from '../../../test/support/postgres.js';
import { openDataSource } from './data-source.js';
import { PostgresDatabase } from './database.js';
import { PostgresIntents } from './intents.js';
import { CreateBarrier1764000000002 } from './migrations/barrier.migration.js';
import { runMigrations } from './migrations/run.js';
import { SeatIntents1764000000081 } from './migrations/seated-intent.migration.js';

jest.setTimeout(60_000);

afterAll(async () => (await testPostgres()).stop());

test('R7: a call that is under way while its intent moves into its seat is known before and after, and on the way back', async () => {
  const url = await (await testPostgres()).freshDatabase();
  const transactionId = uuidv7(Date.now());
  const before = await openDataSource({ url, migrations: [CreateBarrier1764000000002] });
  await runMigrations(before);
  await before.query(
    `insert into barrier (transaction_id, branch_id, operation, generation, outcome) values ($1, 'pay', 'action', 1, 'claimed')`,
    [transactionId],
  );
  const promised = `insert into intent (transaction_id, branch_id, operation, generation, claimed_until, owner, command)
    values ($1, 'pay', 'action', 1, to_timestamp(7), 'process-1', '{"id":"c"}')`;
  await before.query(promised, [transactionId]);
  await before.destroy();

  const source = await openDataSource({
    url,
    migrations: [CreateBarrier1764000000002, SeatIntents1764000000081],
  });
  await runMigrations(source);
  const database = await PostgresDatabase.open(source);
  const intents = new PostgresIntents(database);
  const branch = { transactionId, branchId: 'pay' };
  const found = await database.transaction((tx) => intents.lock(tx, [branch]));
  expect(found).toMatchObject([
    {
      ...branch,
      operation: 'action',
      generation: 1,
      command: { id: 'c' },
      owner: 'process-1',
      claimedUntil: 7_000,
    },
  ]);

  await source.undoLastMigration();
  const rows: unknown = await source.query('select branch_id, owner from intent where transaction_id = $1', [
    transactionId,
  ]);
  expect(rows).toEqual([{ branch_id: 'pay', owner: 'process-1' }]);
  await database.close();
});
