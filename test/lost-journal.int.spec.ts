/**
 * Goal: an asynchronous standby that is promoted without the last second of the journal costs work that is done again, and
 * nothing else: epochs and decisions of two-phase commit are kept (R20), so the barriers make the replay harmless.
 * Method: the whole stack over a real Postgres; the orchestrator's rows of an instant in the middle are put back after
 * everything has ended, the stack goes on, and every check of the audit looks at what came of it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { readStack, startEmbeddedPostgres, startLocal, type Local } from '@sagamore/local';
import pg from 'pg';
import { z } from 'zod';
import { placeOrder } from './support/orders.js';
import { audit } from './audit/audit.js';

jest.setTimeout(180_000);

/** What a promotion may lose; shards with their epochs, decisions and wishes are not among it. */
const lost = ['journal', 'transaction', 'outbox'] as const;

const orders = [
  { paymentToken: 'tok_ok', postcode: 'SLOW', country: 'CH' },
  { paymentToken: 'tok_slow', postcode: '4051', country: 'CH' },
  { paymentToken: 'tok_slow', postcode: '4051', country: 'AQ' },
  { paymentToken: 'tok_lost_reply', postcode: '4051', country: 'AQ' },
];
const answered = z.object({ orderId: z.string(), status: z.string() });
type Answered = z.infer<typeof answered>;

describe('a journal that lost its last second', () => {
  let directory: string;
  let stack: Local;
  let client: pg.Client;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sagamore-lost-journal-'));
    await chmod(directory, 0o755);
    stack = await startLocal({ directory, port: 0, env: { LOG_LEVEL: 'silent' } });
  });

  afterAll(async () => {
    await client?.end();
    await stack?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function place(fate: (typeof orders)[number]): Promise<Answered> {
    const response = await placeOrder(stack.url, fate);
    return answered.parse(await response.json());
  }

  async function connect(url = readStack(directory)?.databaseUrls['orchestrator']): Promise<void> {
    client = new pg.Client({ connectionString: url });
    await client.connect();
  }

  async function ask(text: string): Promise<readonly Record<string, unknown>[]> {
    return (await client.query<Record<string, unknown>>(text)).rows;
  }

  async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(`waited 60 s until ${what}`);
      await pause(20);
    }
  }

  const countOf = async (text: string): Promise<number> => Number((await ask(text))[0]?.['count']);

  test('S65, R20: what is played again meets barriers, every order ends as it was told, the audit finds nothing', async () => {
    await connect();
    const placed = Promise.all([...orders, ...orders, ...orders].map(place));
    await until('every transaction has begun', async () => {
      return (await countOf('select count(*) from transaction')) === orders.length * 3;
    });
    for (const table of lost) await ask(`create table kept_${table} as select * from ${table}`);
    const keptEvents = await countOf('select count(*) from kept_journal');
    const moving = await countOf(`select count(*) from kept_transaction where phase = 'moving'`);
    const before = await placed;
    await until('all is at rest', async () => {
      return (await countOf(`select count(*) from transaction where phase = 'moving'`)) === 0;
    });
    const allEvents = await countOf('select count(*) from journal');
    expect(moving).toBeGreaterThan(0);
    expect(allEvents).toBeGreaterThan(keptEvents);
    await client.end();
    await stack.stop();

    const postgres = await startEmbeddedPostgres({ directory: join(directory, 'postgres') });
    await connect(await postgres.createDatabase('orchestrator'));
    const epochs = await ask('select shard, epoch from shard order by shard');
    for (const table of lost) {
      await ask(`truncate ${table}`);
      await ask(`insert into ${table} overriding system value select * from kept_${table}`);
    }
    expect(await countOf('select count(*) from journal')).toBe(keptEvents);
    expect(await ask('select shard, epoch from shard order by shard')).toEqual(epochs);
    await client.end();
    await postgres.stop();

    stack = await startLocal({ directory, port: 0, env: { LOG_LEVEL: 'silent' } });
    await connect();
    await until('all is at rest again', async () => {
      return (await countOf(`select count(*) from transaction where phase = 'moving'`)) === 0;
    });
    for (const { orderId, status } of before) {
      const response = await fetch(`${stack.url}/orders/${orderId}`);
      expect(await response.json()).toMatchObject({ orderId, status });
    }
    const findings = await audit(
      { directory, environment: {}, waitSeconds: 20, mayStart: false, providers: true },
      { progress: () => {}, finding: () => {} },
    );
    const broken = findings.filter(({ violations }) => violations.length > 0);
    expect(broken.map(({ check, violations }) => [check.id, check.title, violations])).toEqual([]);
    expect(findings.length).toBeGreaterThan(20);
  });
});
