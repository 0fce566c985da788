/**
 * Goal: the barrier holds when everything comes at once. Method: real transactions that judge, write and plant as a
 * participant does, in hundreds of races, at both isolation levels a service may run under.
 */
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import { judge, type Half } from '@sagamore/engine';
import { uuidv7 } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import type { StoredBarrierRow } from '@sagamore/runtime';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { statement } from './statement.js';

jest.setTimeout(60_000);
let ports: PostgresPorts;

afterEach(() => ports.close());
afterAll(async () => (await testPostgres()).stop());

const create = statement('test-effect', 'create table effect (transaction_id uuid, change integer)');
const effect = statement('test-effect-add', 'insert into effect values ($1, $2)');
const balances = statement(
  'test-balances',
  `select b.transaction_id as id, coalesce((select sum(change) from effect e
     where e.transaction_id = b.transaction_id), 0)::integer as sum,
     array_agg(b.operation || ':' || b.outcome order by b.operation) as rows
   from barrier b group by b.transaction_id`,
);

interface Balance {
  readonly id: string;
  readonly sum: number;
  readonly rows: readonly string[];
}

/** What a participant does with one command, as one transaction. */
async function handle(transactionId: string, operation: Half, process: PostgresPorts): Promise<void> {
  const branch = { transactionId, branchId: 'reserve' };
  const row = { ...branch, operation, generation: 1 };
  await process.database.transaction(async (tx) => {
    const verdict = judge(row, await process.barrier.find(tx, [branch]));
    if (verdict === 'duplicate' || verdict === 'late') return;
    const reply = { outcome: 'succeeded', output: null } as const;
    const rows: StoredBarrierRow[] = [
      { ...row, outcome: verdict === 'empty' ? 'empty' : 'succeeded', reply },
    ];
    if (verdict === 'empty') rows.push({ ...row, operation: 'action', outcome: 'planted' });
    else await tx.query(effect, [transactionId, operation === 'action' ? 1 : -1]);
    await process.barrier.insert(tx, rows);
  });
}

/** The runtime runs a conflicting batch again (R1, R2). */
async function handleUntilDone(transactionId: string, operation: Half, process = ports): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      return await handle(transactionId, operation, process);
    } catch (error) {
      if (!(error instanceof Fault) || !error.retryable) throw error;
      faults.push(error.code);
    }
  }
  throw new Error('twenty attempts were not enough');
}

const faults: string[] = [];

describe.each(['read committed', 'repeatable read'] as const)('the barrier at %s', (isolation) => {
  test('S9: of 200 concurrent pairs of action and undo none deadlocks, and none leaves half an effect', async () => {
    ports = await openPostgresPorts({ isolation });
    await ports.database.read(create);
    faults.length = 0;
    const ids = Array.from({ length: 200 }, (_, at) => uuidv7(1_763_800_000_000 + at));
    const halves = ids.flatMap((id, at) =>
      at % 2 === 0
        ? ([
            [id, 'action'],
            [id, 'compensation'],
          ] as const)
        : ([
            [id, 'compensation'],
            [id, 'action'],
          ] as const),
    );
    await Promise.all(halves.map(([id, operation]) => handleUntilDone(id, operation)));
    const found = await ports.database.read<Balance>(balances);
    expect(found).toHaveLength(200);
    const allowed = [
      ['action:planted', 'compensation:empty'],
      ['action:succeeded', 'compensation:succeeded'],
    ];
    for (const { sum, rows } of found) {
      expect(sum).toBe(0);
      expect(allowed).toContainEqual(rows);
    }
    expect(faults.every((code) => code === 'BARRIER_CONFLICT')).toBe(true);
  });

  test('S5: action and undo of one branch on two processes end as "not done", whichever was first', async () => {
    ports = await openPostgresPorts({ isolation });
    await ports.database.read(create);
    const other = await openPostgresPorts({ isolation, url: ports.url });
    for (let round = 0; round < 20; round++) {
      const id = uuidv7(1_763_800_000_000 + round);
      const both = [handleUntilDone(id, 'action', ports), handleUntilDone(id, 'compensation', other)];
      await Promise.all(round % 2 === 0 ? both : both.toReversed());
    }
    await other.close();
    const found = await ports.database.read<Balance>(balances);
    expect(found.map(({ sum }) => sum)).toEqual(Array.from({ length: 20 }, () => 0));
  });

  test('S1: an action delivered ten times at once has one effect', async () => {
    ports = await openPostgresPorts({ isolation });
    await ports.database.read(create);
    const id = uuidv7(1_763_800_000_000);
    await Promise.all(Array.from({ length: 10 }, () => handleUntilDone(id, 'action')));
    const found = await ports.database.read<Balance>(balances);
    expect(found).toEqual([{ id, sum: 1, rows: ['action:succeeded'] }]);
  });
});

describe('an intent', () => {
  test('R8: a call that begins and an undo that finds nothing cannot both commit', async () => {
    ports = await openPostgresPorts();
    const { database, barrier, intents } = ports;
    const key = { transactionId: uuidv7(1_763_800_000_000), branchId: 'charge', generation: 1 };
    const data = {
      ...key,
      operation: 'action',
      attempt: 1,
      replyTo: { topic: 't', partition: 0 },
      payload: null,
    } as const;
    const command = {
      id: 'c',
      type: 'payment.charge',
      source: 's',
      topic: 't',
      key: 'k',
      occurredAt: 1,
      data,
    };
    const begins = database.transaction(async (tx) => {
      await barrier.find(tx, [key]);
      const claimedUntil = database.now() + 60_000;
      await intents.insert(tx, [{ ...key, operation: 'action', command, owner: 'p', claimedUntil }]);
    });
    const undoes = database.transaction(async (tx) => {
      await barrier.find(tx, [key]);
      const rows: StoredBarrierRow[] = [
        { ...key, operation: 'compensation', outcome: 'empty' },
        { ...key, operation: 'action', outcome: 'planted' },
      ];
      await barrier.insert(tx, rows);
    });
    const outcomes = await Promise.allSettled([begins, undoes]);
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(failed[0]?.reason).toMatchObject({ code: 'BARRIER_CONFLICT' });
  });

  test('R7: its outcome takes its seat in the barrier, in one transaction, whatever the order of the calls', async () => {
    ports = await openPostgresPorts();
    const { database, barrier, intents } = ports;
    const key = {
      transactionId: uuidv7(1_763_800_000_000),
      branchId: 'charge',
      generation: 1,
      operation: 'action',
    } as const;
    const data = { ...key, attempt: 1, replyTo: { topic: 't', partition: 0 }, payload: null };
    const command = {
      id: 'c',
      type: 'payment.charge',
      source: 's',
      topic: 't',
      key: 'k',
      occurredAt: 1,
      data,
    };
    const intent = { ...key, command, owner: 'p', claimedUntil: 1 };
    await database.transaction((tx) => intents.insert(tx, [intent]));
    const settled: StoredBarrierRow = {
      ...key,
      outcome: 'succeeded',
      reply: { outcome: 'succeeded', output: 1 },
    };
    const settle = () =>
      database.transaction(async (tx) => {
        await barrier.insert(tx, [settled]);
        await intents.remove(tx, [intent]);
      });
    await settle();
    expect(await database.transaction((tx) => barrier.find(tx, [key]))).toEqual([settled]);
    await expect(settle()).rejects.toMatchObject({ code: 'BARRIER_CONFLICT' });
  });
});
