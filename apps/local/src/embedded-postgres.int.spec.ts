/**
 * Goal: the embedded server can be trusted with a demo's data. Method: real servers in a temporary directory,
 * one of them orphaned by the kill -9 of the Node process that started it.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from './embedded-postgres.js';
import { isAlive } from './postgres-orphan.js';

jest.setTimeout(30_000);
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sagamore-embedded-'));
  chmodSync(directory, 0o755);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('the embedded Postgres', () => {
  test('data, roles and addresses survive a restart', async () => {
    const first = await startEmbeddedPostgres({ directory });
    await ask(await first.createDatabase('orders'), 'create table kept as select 42 as answer');
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);

    const second = await startEmbeddedPostgres({ directory });
    const url = await second.createDatabase('orders');
    expect(await ask(url, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await second.stop();
  });

  test('each database is reached by its own role alone, and only from this machine', async () => {
    const server = await startEmbeddedPostgres({ directory });
    const url = new URL(await server.createDatabase('orders'));
    await server.createDatabase('payments');
    url.pathname = '/payments';
    await expect(ask(url.href, 'select 1')).rejects.toMatchObject({ code: '42501' });
    url.pathname = '/orders';
    url.password = 'guessed';
    await expect(ask(url.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    const settings = await ask(
      server.url('postgres'),
      `select current_setting('listen_addresses') as address,
      current_setting('max_prepared_transactions') as prepared, current_setting('fsync') as fsync`,
    );
    expect(settings).toEqual([{ address: '127.0.0.1', prepared: '512', fsync: 'on' }]);
    expect(statSync(join(directory, 'password')).mode & 0o077).toBe(0);
    await server.stop();
  });

  test('B95: the role of a service makes no roles and no databases, and can do in its own what it must', async () => {
    const server = await startEmbeddedPostgres({ directory });
    const url = await server.createDatabase('orders');
    await server.createDatabase('payments');
    const [role] = await ask(
      url,
      `select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls from pg_roles where rolname = current_user`,
    );
    expect(role).toEqual({
      rolsuper: false,
      rolcreatedb: false,
      rolcreaterole: false,
      rolreplication: false,
      rolbypassrls: false,
    });
    for (const sql of [
      'create role helper superuser login',
      'create database others',
      'alter system set fsync = off',
      `copy (select 1) to program 'true'`,
      `select pg_read_file('PG_VERSION')`,
    ])
      await expect(ask(url, sql)).rejects.toMatchObject({ code: '42501' });
    await ask(url, 'create table own as select 1 as one');
    await server.stop();
  });

  test('a directory in use by another server of this machine is not stolen, and an orphan is replaced', async () => {
    const orphan = await startElsewhereThenKill();
    expect(isAlive(orphan)).toBe(true);

    const lines: string[] = [];
    const server = await startEmbeddedPostgres({ directory, log: (line) => lines.push(line) });
    expect(isAlive(orphan)).toBe(false);
    expect(lines.join('\n')).toContain(String(orphan));
    expect(await ask(await server.createDatabase('orders'), 'select answer from kept')).toEqual([
      { answer: 42 },
    ]);
    await server.stop();
  });

  test('a server that crashed is started again with what it had committed', async () => {
    const crashed = await startEmbeddedPostgres({ directory });
    await ask(await crashed.createDatabase('orders'), 'insert into kept values (43)');
    process.kill(crashed.pid, 'SIGKILL');
    const server = await startEmbeddedPostgres({ directory });
    const rows = await ask(await server.createDatabase('orders'), 'select answer from kept order by answer');
    expect(rows).toEqual([{ answer: 42 }, { answer: 43 }]);
    await server.stop();
    await crashed.stop();
  });
});

async function ask(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Starts a server in a Node process of its own, checks that it is protected while that process lives, kills the
 *  process, and answers the pid of the server that is left behind. */
async function startElsewhereThenKill(): Promise<number> {
  const module = resolve('apps/local/src/embedded-postgres.ts');
  const script = `import { startEmbeddedPostgres } from ${JSON.stringify(module)};
    const server = await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)} });
    process.stdout.write(String(server.pid));
    setInterval(() => {}, 1000);`;
  const hook = resolve('deploy/local/ts-hook.mjs');
  const flags = ['--conditions=@sagamore/source', '--import', hook, '--input-type=module', '-e', script];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = await new Promise<number>((done) =>
    child.stdout.once('data', (text) => done(Number(String(text)))),
  );
  await expect(startEmbeddedPostgres({ directory })).rejects.toThrow(`in use by process ${child.pid}`);
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await gone;
  return pid;
}
