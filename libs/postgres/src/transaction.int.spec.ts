/**
 * Goal: a transaction reports a commit exactly when there was one, whatever breaks and wherever it breaks.
 * Method: a real server; connections are ended from outside while statements are on their way.
 */
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Fault } from '@sagamore/resilience';
import { createServer, connect, type Socket } from 'node:net';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { openDataSource } from './data-source.js';
import { PostgresDatabase } from './database.js';
import { statement } from './statement.js';
import type { PostgresTx } from './transaction.js';

jest.setTimeout(30_000);
let ports: PostgresPorts;

const create = statement('test-create', 'create table note (id integer primary key, text text not null)');
const insert = statement('test-insert', 'insert into note values ($1, $2)');
const count = statement('test-count', 'select count(*)::integer as count from note');
const whoAmI = statement('test-pid', 'select pg_backend_pid() as pid');
const end = statement('test-end', 'select pg_terminate_backend($1)');

beforeEach(async () => {
  ports = await openPostgresPorts();
  await ports.database.read(create);
});

afterEach(() => ports.close());
afterAll(async () => (await testPostgres()).stop());

const notes = async () => (await ports.database.read<{ count: number }>(count))[0]?.count;
const pidOf = async (tx: PostgresTx) => (await tx.query<{ pid: number }>(whoAmI))[0]!.pid;

async function faultIn(promise: Promise<unknown>): Promise<Fault> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Fault) return error;
  throw new Error('a Fault was expected', { cause: error });
}

describe('a transaction', () => {
  test('R12: an error in the flush of the commit is thrown, though COMMIT itself resolves as ROLLBACK', async () => {
    const work = ports.database.transaction(async (tx) => {
      tx.last(insert, [1, 'one']);
      tx.last(insert, [1, 'again']);
      tx.last(insert, [2, 'two']);
    });
    expect(await faultIn(work)).toMatchObject({ code: 'DATA_REJECTED', retryable: false });
    expect(await notes()).toBe(0);
  });

  test('R12: the first error of a pipeline comes out, not what followed from it', async () => {
    const work = ports.database.transaction(async (tx) => {
      await Promise.allSettled([tx.query(insert, [1, null]), tx.query(count), tx.query(count)]);
    });
    const fault = await faultIn(work);
    expect(fault.code).toBe('DATA_REJECTED');
    expect(fault.cause).toMatchObject({ sqlState: '23502', column: 'text' });
  });

  test('no value of a row is in the message or the cause of a fault', async () => {
    const work = ports.database.transaction(async (tx) => {
      await tx.query(insert, [7, 'secret-name']);
      await tx.query(insert, [7, 'secret-name']);
    });
    const fault = await faultIn(work);
    expect(`${fault.message} ${JSON.stringify(fault.cause)}`).not.toMatch(/secret-name|\(7/);
  });

  test('what waits for the commit is written after everything else, in the order given', async () => {
    await ports.database.transaction(async (tx) => {
      tx.last(statement('test-double', 'insert into note select id + 1, text from note'));
      tx.last(statement('test-triple', `update note set text = text || '!' where id = 2`));
      await tx.query(insert, [1, 'one']);
    });
    const rows = await ports.database.read(statement('test-all', 'select id, text from note order by id'));
    expect(rows).toEqual([
      { id: 1, text: 'one' },
      { id: 2, text: 'one!' },
    ]);
  });

  test('TypeORM works in the same transaction, and its own nested transaction is a savepoint of it', async () => {
    const work = ports.database.transaction(async (tx) => {
      await tx.manager.query('insert into note values ($1, $2)', [1, 'one']);
      await tx.manager.transaction((nested) => nested.query('insert into note values ($1, $2)', [2, 'two']));
      expect(await tx.query(count)).toEqual([{ count: 2 }]);
      throw new Error('changed its mind');
    });
    await expect(work).rejects.toThrow('changed its mind');
    expect(await notes()).toBe(0);
  });

  test('an error that TypeORM met is a fault too', async () => {
    const work = ports.database.transaction((tx) => tx.manager.query('insert into note values (1, null)'));
    expect(await faultIn(work)).toMatchObject({ code: 'DATA_REJECTED' });
  });

  test('a connection serves the next transaction after a success, a refusal and an error', async () => {
    const pids = new Set<number>();
    await ports.database.transaction(async (tx) => pids.add(await pidOf(tx)));
    await ports.database.transaction((tx) => tx.query(insert, [1, null])).catch(() => undefined);
    await ports.database.transaction(async (tx) => pids.add(await pidOf(tx)));
    expect(pids.size).toBe(1);
  });

  test('a connection that was ended from outside is replaced, and nothing of its transaction stays', async () => {
    const pids: number[] = [];
    const work = ports.database.transaction(async (tx) => {
      pids.push(await pidOf(tx));
      await tx.query(insert, [1, 'one']);
      await ports.database.read(end, [pids[0]]);
      await tx.query(insert, [2, 'two']);
    });
    expect(await faultIn(work)).toMatchObject({ code: 'DATABASE_UNAVAILABLE', retryable: true });
    expect(await notes()).toBe(0);
    await ports.database.transaction(async (tx) => pids.push(await pidOf(tx)));
    expect(pids[1]).not.toBe(pids[0]);
  });

  test('R11: a paused owner of locks is ended by the server while it pauses', async () => {
    const settings = await ports.database.read(
      statement(
        'test-idle',
        `select current_setting('idle_in_transaction_session_timeout') as idle, current_setting('plan_cache_mode') as plan`,
      ),
    );
    expect(settings).toEqual([{ idle: '5s', plan: 'force_generic_plan' }]);
    const brief = statement(
      'test-brief',
      `select set_config('idle_in_transaction_session_timeout', '50', false)`,
    );
    const held = Promise.withResolvers<void>();
    const lost = Promise.withResolvers<void>();
    const work = ports.database.transaction(async (tx) => {
      await tx.query(brief);
      await tx.query(insert, [1, 'one']);
      held.resolve();
      await lost.promise;
      await tx.query(insert, [2, 'two']);
    });
    await held.promise;
    // Waits for the lock of row 1, which only the end of the paused transaction gives free.
    await ports.database.transaction((tx) => tx.query(insert, [1, 'another']));
    lost.resolve();
    expect(await faultIn(work)).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect(await notes()).toBe(1);
  });

  test('R12: COMMIT_UNKNOWN when the connection dies after COMMIT was sent, though it was carried out', async () => {
    const proxy = await deafProxy(new URL(ports.url));
    const dataSource = await openDataSource({ url: proxy.url });
    const database = await PostgresDatabase.open(dataSource);
    const work = database.transaction(async (tx) => {
      await tx.query(insert, [1, 'one']);
      proxy.dropAnswers();
      tx.last(insert, [2, 'two']);
    });
    expect(await faultIn(work)).toMatchObject({ code: 'COMMIT_UNKNOWN', retryable: true });
    expect(await notes()).toBe(2);
    await database.close();
    await proxy.close();
  });

  test('R12: a COMMIT that is never answered is COMMIT_UNKNOWN after a while, and its connection is not used again', async () => {
    const proxy = await deafProxy(new URL(ports.url));
    const dataSource = await openDataSource({ url: proxy.url });
    const database = await PostgresDatabase.open(dataSource, { silenceMs: 200 });
    const pids: number[] = [];
    // Nothing waits for the COMMIT here, so no other statement's time-out could end the wait for it.
    const work = database.transaction(async (tx) => {
      pids.push(await pidOf(tx));
      await tx.query(insert, [1, 'one']);
      proxy.swallowAnswers();
    });
    expect(await faultIn(work)).toMatchObject({ code: 'COMMIT_UNKNOWN', retryable: true });
    proxy.listen();
    await database.transaction(async (tx) => pids.push(await pidOf(tx)));
    expect(pids[1]).not.toBe(pids[0]);
    await database.close();
    await proxy.close();
  });

  test('a server that cannot be reached is DATABASE_UNAVAILABLE', async () => {
    const proxy = await deafProxy(new URL(ports.url));
    await proxy.close();
    expect(await faultIn(openDataSource({ url: proxy.url }))).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });

  test('a statement first planned on an empty table uses its index once the table has grown', async () => {
    const find = statement('test-find', 'select text from note where id = any($1::integer[])');
    const fill = statement('test-fill', `insert into note select n, 'x' from generate_series(1, 20000) n`);
    const scans = statement(
      'test-scans',
      `select seq_scan::integer from pg_stat_user_tables where relname = 'note'`,
    );
    const flush = statement('test-flush', 'select pg_stat_force_next_flush()');
    await ports.database.transaction(async (tx) => {
      for (let round = 0; round < 10; round++) await tx.query(find, [[round]]);
      await tx.query(fill);
    });
    await ports.database.transaction(async (tx) => {
      for (let round = 0; round < 50; round++) await tx.query(find, [[round]]);
      await tx.query(flush);
    });
    const [after] = await ports.database.read<{ seq_scan: number }>(scans);
    expect(after?.seq_scan).toBeLessThanOrEqual(11);
  });
});

/** Carries bytes to the server; once told to drop answers, it waits for the answer and breaks the connection; once told
 *  to swallow them, it leaves the connection open and says nothing. */
async function deafProxy(target: URL) {
  const open = new Set<Socket>();
  let answers: 'pass' | 'drop' | 'swallow' = 'pass';
  const answer = (near: Socket, bytes: Buffer) => {
    if (answers === 'pass') near.write(bytes);
    else if (answers === 'drop') near.destroy();
  };
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => undefined).on('close', () => open.delete(socket));
    }
    near.on('data', (bytes) => far.write(bytes)).on('close', () => far.destroy());
    far.on('data', (bytes) => answer(near, bytes)).on('close', () => near.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = new URL(target);
  url.port = String(address.port);
  // The server's socket would lead past the proxy.
  url.search = '';
  const close = async () => {
    for (const socket of open) socket.destroy();
    await new Promise((done) => server.close(done));
  };
  return {
    url: url.href,
    dropAnswers: () => void (answers = 'drop'),
    swallowAnswers: () => void (answers = 'swallow'),
    listen: () => void (answers = 'pass'),
    close,
  };
}
