/**
 * Goal: what voted yes stays in doubt, with its locks, until somebody with a word settles it, whatever dies meanwhile;
 * and what voted anything else leaves nothing behind.
 * Method: a real server, its backends ended and the server itself killed and started again in between.
 */
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { refused, succeeded, type Reply } from '@sagamore/engine';
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../../apps/local/src/embedded-postgres.js';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { openDataSource } from './data-source.js';
import { PostgresDatabase } from './database.js';
import { gidOf, PreparedTransactions } from './prepared-transaction.js';
import { runMigrations, platformMigrations } from './migrations/run.js';
import { statement } from './statement.js';
import type { PostgresTx } from './transaction.js';

jest.setTimeout(60_000);

const transactionId = '0197a000-0000-7000-8000-000000000001';
const gidFor = (branchId: string) => gidOf({ service: 'inventory', transactionId, branchId });
const gid = gidFor('reserve-inventory');

const create = statement(
  'test-create',
  'create table stock (sku text primary key, reserved integer not null)',
);
const fill = statement('test-fill', `insert into stock values ('a', 0), ('b', 0)`);
const reserve = statement('test-reserve', 'update stock set reserved = reserved + 1 where sku = $1');
const count = statement('test-count', `select reserved from stock where sku = 'a'`);
const whoAmI = statement('test-pid', 'select pg_backend_pid() as pid');
const endBackend = statement('test-end', 'select pg_terminate_backend($1)');

const yes: Reply = succeeded({ reservationId: 'r1' });
const reserving =
  (sku: string, reply = yes) =>
  async (tx: PostgresTx) => {
    await tx.query(reserve, [sku]);
    return reply;
  };
const noRows = async () => [];
const notHad = { outcome: 'failed', failure: { code: 'SERIALIZATION_CONFLICT', retryable: true } };
const committedRow = async () => [{ operation: 'prepare', generation: 1, outcome: 'succeeded' } as const];

async function stockOf(database: PostgresDatabase): Promise<number | undefined> {
  return (await database.read<{ reserved: number }>(count))[0]?.reserved;
}

async function withStock(database: PostgresDatabase): Promise<void> {
  await database.read(create);
  await database.read(fill);
}

describe('on a running server', () => {
  let ports: PostgresPorts;
  let prepared: PreparedTransactions;

  beforeEach(async () => {
    ports = await openPostgresPorts();
    await withStock(ports.database);
    prepared = await PreparedTransactions.open(ports.database, { preparesMax: 2, lockTimeoutMs: 150 });
  });
  afterEach(async () => {
    for (const left of await prepared.inDoubt('')) await prepared.rollback(left.gid, noRows);
    await ports.close();
  });
  afterAll(async () => (await testPostgres()).stop());

  const reserved = () => stockOf(ports.database);
  const isPrepared = async (name: string) =>
    (await prepared.inDoubt(name)).some((found) => found.gid === name);

  test('a yes is seen by nobody until it is committed', async () => {
    expect(await prepared.prepare(gid, reserving('a'))).toEqual(yes);
    expect([await reserved(), await isPrepared(gid)]).toEqual([0, true]);
    expect(await prepared.commit(gid, noRows)).toBe('done');
    expect([await reserved(), await isPrepared(gid)]).toEqual([1, false]);
  });

  test('a yes that is rolled back leaves nothing behind', async () => {
    await prepared.prepare(gid, reserving('a'));
    expect(await prepared.rollback(gid, noRows)).toBe('done');
    expect(await reserved()).toBe(0);
    expect(await prepared.prepare(gid, reserving('a'))).toEqual(yes);
  });

  test('R19: what is prepared already votes again, and does nothing again', async () => {
    await prepared.prepare(gid, reserving('a'));
    const again = await prepared.prepare(gid, () => Promise.reject(new Error('must not run')));
    expect(again).toEqual(succeeded(null));
    await prepared.commit(gid, noRows);
    expect(await reserved()).toBe(1);
  });

  test('two repeats of one prepare at the same moment leave one prepared, and one effect', async () => {
    const votes = await Promise.all([1, 2].map(() => prepared.prepare(gid, reserving('b'))));
    expect(votes.map(({ outcome }) => outcome)).toContain('succeeded');
    expect((await prepared.inDoubt('inventory:')).map((one) => one.gid)).toEqual([gid]);
  });

  test('a word about what is not there costs no connection', async () => {
    await prepared.inDoubt('');
    const opening = jest.spyOn(pg.Client.prototype, 'connect');
    for (let round = 0; round < 10; round++) expect(await prepared.rollback(gid, noRows)).toBe('absent');
    expect(opening).not.toHaveBeenCalled();
    opening.mockRestore();
  });

  test('a no leaves nothing behind', async () => {
    const no = refused('out-of-stock');
    expect(await prepared.prepare(gid, reserving('a', no))).toEqual(no);
    expect([await reserved(), await isPrepared(gid)]).toEqual([0, false]);
    expect(await prepared.prepare(gidFor('other'), reserving('a'))).toEqual(yes);
  });

  test('work that changed nothing leaves after its vote', async () => {
    const reading = async (tx: PostgresTx) => {
      await tx.query(count);
      return yes;
    };
    expect(await prepared.prepare(gid, reading)).toEqual({ ...yes, readOnly: true });
    expect(await isPrepared(gid)).toBe(false);
  });

  test('I01: work that is only kept for the end is work all the same, and is prepared', async () => {
    const booking = async (tx: PostgresTx) => {
      tx.last(reserve, ['a']);
      return yes;
    };
    expect(await prepared.prepare(gid, booking)).toEqual(yes);
    expect(await prepared.commit(gid, noRows)).toBe('done');
    expect(await reserved()).toBe(1);
  });

  test('R19: a lock that is not had in time is a failure, which another attempt may cure', async () => {
    await prepared.prepare(gid, reserving('a'));
    expect(await prepared.prepare(gidFor('late'), reserving('a'))).toMatchObject(notHad);
    expect(await isPrepared(gidFor('late'))).toBe(false);
    await prepared.commit(gid, noRows);
    expect(await prepared.prepare(gidFor('late'), reserving('a'))).toEqual(yes);
  });

  test('R19: a decision never waits behind prepares, however many wait for its locks', async () => {
    const patient = await PreparedTransactions.open(ports.database, {
      preparesMax: 1,
      lockTimeoutMs: 20_000,
    });
    await patient.prepare(gid, reserving('a'));
    const waiting = [1, 2, 3].map((n) => patient.prepare(gidFor(`b-${n}`), reserving('a')));
    expect(await patient.commit(gid, noRows)).toBe('done');
    expect((await waiting[0]!).outcome).toBe('succeeded');
    for (const n of [1, 2, 3]) {
      expect((await waiting[n - 1]!).outcome).toBe('succeeded');
      expect(await patient.commit(gidFor(`b-${n}`), noRows)).toBe('done');
    }
    expect(await reserved()).toBe(4);
  });

  test('beyond the places and the queue a prepare is told to come back', async () => {
    const narrow = await PreparedTransactions.open(ports.database, { preparesMax: 1, queueMax: 0 });
    let enter = () => {};
    const entered = new Promise<void>((resolve) => (enter = resolve));
    let leave = () => {};
    const open = new Promise<void>((resolve) => (leave = resolve));
    const first = narrow.prepare(gid, async (tx) => {
      enter();
      await open;
      return reserving('a')(tx);
    });
    await entered;
    expect(await narrow.prepare(gidFor('other'), reserving('b'))).toMatchObject({
      outcome: 'failed',
      failure: { code: 'BULKHEAD_FULL', retryable: true },
    });
    leave();
    expect(await first).toEqual(yes);
  });

  test('what cannot be prepared is said so, and no retry helps', async () => {
    const notifying = async (tx: PostgresTx) => {
      await tx.query(statement('test-notify', 'notify somebody'));
      return reserving('a')(tx);
    };
    expect(await prepared.prepare(gid, notifying)).toMatchObject({
      outcome: 'failed',
      failure: { code: 'CANNOT_BE_PREPARED', retryable: false },
    });
    expect(await reserved()).toBe(0);
  });

  test('a rule of the program that breaks in the work passes, and leaves nothing behind', async () => {
    const broken = prepared.prepare(gid, async (tx) => {
      await tx.query(reserve, ['a']);
      throw new TypeError('a rule broke');
    });
    await expect(broken).rejects.toThrow('a rule broke');
    expect([await reserved(), await isPrepared(gid)]).toEqual([0, false]);
  });

  test('S70: a backend that dies before the PREPARE leaves nothing in doubt', async () => {
    const dying = async (tx: PostgresTx) => {
      const [row] = await tx.query<{ pid: number }>(whoAmI);
      await tx.query(reserve, ['a']);
      await ports.database.read(endBackend, [row?.pid]);
      return yes;
    };
    expect(await prepared.prepare(gid, dying)).toMatchObject({
      outcome: 'failed',
      failure: { retryable: true },
    });
    expect([await reserved(), await isPrepared(gid)]).toEqual([0, false]);
    expect(await prepared.prepare(gid, reserving('a'))).toEqual(yes);
  });

  test('the seat in the barrier travels inside, and is seen with the commit', async () => {
    const branch = { transactionId, branchId: 'reserve-inventory' };
    const row = { ...branch, operation: 'prepare', generation: 1, outcome: 'succeeded', reply: yes } as const;
    const found = () => ports.database.transaction((tx) => ports.barrier.find(tx, [branch]));
    await prepared.prepare(gid, async (tx) => {
      await ports.barrier.insert(tx, [row]);
      return reserving('a')(tx);
    });
    expect(await found()).toEqual([]);
    await prepared.commit(gid, found);
    expect(await found()).toEqual([row]);
    expect(await prepared.commit(gid, found)).toBe('done');
    expect(await prepared.rollback(gid, found)).toBe('contradicted');
  });

  test('R20: "does not exist" counts as committed only where the row says so', async () => {
    expect(await prepared.commit(gid, noRows)).toBe('contradicted');
    expect(await prepared.commit(gid, committedRow)).toBe('done');
  });

  test('"does not exist" is nothing to roll back, unless the row says it was committed', async () => {
    expect(await prepared.rollback(gid, noRows)).toBe('absent');
    expect(await prepared.rollback(gid, committedRow)).toBe('contradicted');
  });

  test('S70: those in doubt are listed with their age, of the service that asks alone', async () => {
    await prepared.prepare(gid, reserving('a'));
    const foreign = gidOf({ service: 'payment', transactionId, branchId: 'charge' });
    await prepared.prepare(foreign, reserving('b'));
    const listed = await prepared.inDoubt('inventory:');
    expect(listed.map((one) => one.gid)).toEqual([gid]);
    expect(listed[0]?.ageMs).toBeGreaterThanOrEqual(0);
    expect(listed[0]?.ageMs).toBeLessThan(30_000);
  });

  test('a gid that would need quoting is a bug of whoever made it', () => {
    expect(() => gidOf({ service: "in'ventory", transactionId, branchId: 'x' })).toThrow('a gid was wanted');
    expect(() => gidOf({ service: 'inventory', transactionId, branchId: 'x'.repeat(200) })).toThrow();
  });

  test('I45: a server that can keep too few is refused at start, with the setting to change', async () => {
    const opened = PreparedTransactions.open(ports.database, { slotsMin: 10_000 });
    await expect(opened).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining('max_prepared_transactions of at least 10000 was wanted, found 512'),
    });
  });

  test('I19: a service that only settles needs no slot of its own', async () => {
    await prepared.prepare(gid, reserving('a'));
    const settling = await PreparedTransactions.open(ports.database, { slotsMin: 0 });
    expect(await settling.commit(gid, noRows)).toBe('done');
    expect(await reserved()).toBe(1);
  });

  test('no slot left is a no, and nothing stays behind', async () => {
    const slots = 512;
    const made: string[] = [];
    let vote: Reply = yes;
    for (let n = 0; n <= slots && vote.outcome === 'succeeded'; n++) {
      const next = gidFor(`slot-${n}`);
      vote = await prepared.prepare(next, async (tx) => {
        await tx.query(statement('test-new', 'insert into stock values ($1, 0)'), [next]);
        return yes;
      });
      made.push(next);
    }
    expect(vote).toEqual(refused('prepared-transactions-exhausted'));
    expect(made.length).toBe(slots + 1);
    expect(await isPrepared(made.at(-1)!)).toBe(false);
  });
});

describe('S69: a server that is killed and started again', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sagamore-in-doubt-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function openOn(
    url: string,
  ): Promise<{ database: PostgresDatabase; prepared: PreparedTransactions }> {
    const dataSource = await openDataSource({ url, migrations: [...platformMigrations] });
    await runMigrations(dataSource);
    const database = await PostgresDatabase.open(dataSource);
    return { database, prepared: await PreparedTransactions.open(database, { lockTimeoutMs: 150 }) };
  }

  test('keeps what is in doubt, with its locks, and nobody decides but who is told', async () => {
    await chmod(directory, 0o755);
    const first = await startEmbeddedPostgres({ directory });
    const before = await openOn(await first.createDatabase('in_doubt'));
    await withStock(before.database);
    const [one, two] = [gidFor('one'), gidFor('two')];
    await before.prepared.prepare(one, reserving('a'));
    await before.prepared.prepare(two, reserving('b'));
    process.kill(first.pid, 'SIGQUIT');
    await first.stop();
    await before.database.close().catch(() => undefined);

    const second = await startEmbeddedPostgres({ directory });
    try {
      const after = await openOn(await second.createDatabase('in_doubt'));
      expect((await after.prepared.inDoubt('inventory:')).map((left) => left.gid)).toEqual([one, two]);
      expect(await after.prepared.prepare(gidFor('three'), reserving('a'))).toMatchObject(notHad);
      expect(await after.prepared.commit(one, noRows)).toBe('done');
      expect(await after.prepared.rollback(two, noRows)).toBe('done');
      expect(await stockOf(after.database)).toBe(1);
      expect(await after.prepared.prepare(gidFor('three'), reserving('a'))).toEqual(yes);
      await after.database.close();
    } finally {
      await second.stop();
    }
  });
});
