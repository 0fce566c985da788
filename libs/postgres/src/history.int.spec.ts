/**
 * Goal: a history of a million is listed at once and goes without anybody waiting for it.
 * Method: a million finished rows filled in by SQL, beside a few of every other kind; a removal runs while batches commit.
 */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { firstUuidAt, uuidv7 } from '@sagamore/primitives';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { statement } from './statement.js';

jest.setTimeout(180_000);

const many = 1_000_000;
const rare = 300;
/** For one page of 50; generous, because the machine may be anybody's. */
const listMsMax = 200;
const batchMsMax = 1_000;

const day = 86_400_000;

// Ids of version 7, ten in a ms, beginning 100 days ago; every row but some hundred ended well.
const fill = statement(
  'test-fill',
  `insert into transaction (transaction_id, definition, definition_version, shard, status, phase, input, started_at, updated_at)
   select (lpad(to_hex(((extract(epoch from now() - interval '100 days') * 1000)::bigint + n / 10)), 12, '0')
       || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid, 'place-order', 1, n % 4,
     case when n % ($1::integer / $2::integer) = 0 then 'compensated' else 'completed' end, 'final', '{}',
     now() - interval '100 days', now() - interval '99 days'
   from generate_series(1, $1::integer) as n`,
);
const analyze = statement('test-analyze', 'vacuum analyze transaction');
const countAll = statement('test-count', 'select count(*)::integer as count from transaction');

let ports: PostgresPorts;
const own = new Map<string, string>();

beforeAll(async () => {
  ports = await openPostgresPorts();
  await ports.database.dataSource.query(fill.text, [many, rare]);
  const epoch = await ports.journal.take(0, 'test', 4);
  const at = ports.journal.now();
  const kinds = ['executing', 'parked', 'evicted'] as const;
  const starts = kinds.map((kind) => {
    const transactionId = uuidv7(at - 120 * day);
    own.set(kind, transactionId);
    return { transactionId, definition: 'place-order', version: 1, shard: 0, input: {}, startedAt: at };
  });
  const statuses = [
    { status: 'executing', phase: 'moving' as const },
    { status: 'parked', phase: 'parked' as const },
    { status: 'compensating', phase: 'moving' as const, dueAt: at + 30 * day },
  ].map((standing, place) => ({
    ...standing,
    transactionId: starts[place]?.transactionId ?? '',
    shard: 0,
    at,
  }));
  await ports.journal.commit(new Map([[0, epoch]]), { starts, statuses, entries: [], facts: [] }, 'test');
  await ports.database.dataSource.query(analyze.text);
});

afterAll(async () => {
  await ports.close();
  await (await testPostgres()).stop();
});

async function timed<T>(work: () => Promise<T>): Promise<{ readonly found: T; readonly ms: number }> {
  const startedAt = performance.now();
  const found = await work();
  return { found, ms: performance.now() - startedAt };
}

test.each([
  ['executing', 1],
  ['parked', 1],
  ['compensating', 1],
  ['compensated', 50],
  ['completed', 50],
  ['terminated', 0],
])('S110: among a million that ended, those that are %s are listed at once', async (status, count) => {
  const { found, ms } = await timed(() => ports.journal.list({ status, limit: 50 }));
  expect(found).toHaveLength(count);
  expect(found.every((row) => row.status === status)).toBe(true);
  expect(ms).toBeLessThan(listMsMax);
});

test('S110: among a million that ended, one is found by its id, which is that of its order', async () => {
  const { found, ms } = await timed(() => ports.journal.load([own.get('evicted') ?? '']));
  expect(found).toMatchObject([{ status: 'compensating' }]);
  expect(ms).toBeLessThan(listMsMax);
});

test('S110: while old rows go, batches commit as before, and what has not ended stays', async () => {
  const before = firstUuidAt(ports.journal.now() - 30 * day);
  const endedBefore = ports.journal.now() - 30 * day;
  const rounds = 10;
  const remove = async () => {
    let after: string | undefined;
    for (let round = 0; round < rounds; round++) {
      const page = { before, endedBefore, limit: 1_000, ...(after !== undefined && { after }) };
      after = (await ports.history.remove(page)).last;
    }
  };
  await remove();
  await ports.expireClaims();
  const epoch = await ports.journal.take(1, 'test', 4);
  const removal = { isOver: false };
  const removing = remove().finally(() => (removal.isOver = true));
  const waits: number[] = [];
  while (!removal.isOver) {
    const at = ports.journal.now();
    const start = {
      transactionId: uuidv7(at),
      definition: 'd',
      version: 1,
      shard: 1,
      input: {},
      startedAt: at,
    };
    const batch = { starts: [start], statuses: [], entries: [], facts: [] };
    waits.push((await timed(() => ports.journal.commit(new Map([[1, epoch]]), batch, 'test'))).ms);
  }
  await removing;
  const [left] = await ports.database.read<{ count: number }>(countAll);
  // Those of `own` began before all others, so they stand in the first page, and stay.
  expect(left?.count).toBe(many + own.size + waits.length - (rounds * 1_000 - own.size));
  expect(waits.length).toBeGreaterThan(1);
  expect(Math.max(...waits)).toBeLessThan(batchMsMax);
  expect(await ports.journal.load([...own.values()])).toHaveLength(own.size);
});
