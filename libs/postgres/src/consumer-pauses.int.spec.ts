/**
 * Goal: who paused and who resumed what can be read long after. Method: the table itself, behind the adapter.
 */
import { afterAll, afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { statement } from './statement.js';

jest.setTimeout(30_000);

let ports: PostgresPorts;

beforeEach(async () => {
  ports = await openPostgresPorts();
});

afterEach(() => ports.close());

afterAll(async () => (await testPostgres()).stop());

test('I41: each pause leaves who, when and why, and so does its end', async () => {
  const { consumerPauses, database } = ports;
  const stock = { topic: 'stock.commands', group: 'stock' };
  await consumerPauses.pause({ ...stock, actor: 'ada', reason: 'the disk is full' });
  await consumerPauses.resume({ ...stock, actor: 'ben', reason: 'there is a larger one' });
  await consumerPauses.resume({ ...stock, actor: 'eve', reason: 'too late' });
  await consumerPauses.pause({ ...stock, actor: 'cleo', reason: 'it is full again' });
  const rows = await database.read(
    statement(
      'test-audit',
      `select paused_by, reason, resumed_by, resume_reason, resumed_at >= paused_at as is_after
       from consumer_pause order by id`,
    ),
  );
  expect(rows).toEqual([
    {
      paused_by: 'ada',
      reason: 'the disk is full',
      resumed_by: 'ben',
      resume_reason: 'there is a larger one',
      is_after: true,
    },
    { paused_by: 'cleo', reason: 'it is full again', resumed_by: null, resume_reason: null, is_after: null },
  ]);
});
