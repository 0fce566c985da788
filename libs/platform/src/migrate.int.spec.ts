/**
 * Goal: a process told to `--migrate` leaves the schema behind and ends, whatever the state it found.
 * Method: a process of its own with one service over a real, empty database; it is run twice, then against none.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { testPostgres } from '../../../test/support/postgres.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = `
  import { bootstrap, readConfig, SagamoreModule } from '@sagamore/platform';
  import { MemoryBus } from '@sagamore/memory';
  import { SystemClock } from '@sagamore/runtime';
  const bus = new MemoryBus({ clock: new SystemClock() });
  const module = (host) => SagamoreModule.forService({ host, service: 'abacus' });
  await bootstrap({ service: 'abacus', module, config: readConfig(process.env), bus });
`;

afterAll(async () => (await testPostgres()).stop());

/** The exit code, and whether it ever served. */
async function migrated(url: string): Promise<{ readonly code: number | null; readonly served: boolean }> {
  const arguments_ = ['deploy/local/run.mjs', '--input-type=module', '-e', program, '--', '--migrate'];
  const env = { ...process.env, PORT: '0', DATABASE_URL_ABACUS: url };
  const child = spawn(process.execPath, arguments_, { cwd: root, env });
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  child.stderr.resume();
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, served: said.includes('"ready"') };
}

async function tables(url: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'public'`,
  );
  await client.end();
  return rows.map(({ name }) => name);
}

test('a process that migrates makes the schema, serves nothing and ends with 0, also when there is nothing to do', async () => {
  const url = await (await testPostgres()).freshDatabase();
  for (let times = 0; times < 2; times++) {
    expect(await migrated(url)).toEqual({ code: 0, served: false });
    expect(await tables(url)).toEqual(expect.arrayContaining(['barrier', 'outbox']));
  }
}, 240_000);

test('a process that cannot migrate says so by its exit code, so that a roll-out stops', async () => {
  const { port } = (await testPostgres()).server;
  const { code } = await migrated(`postgres://nobody:wrong@127.0.0.1:${port}/nothing`);
  expect(code).not.toBe(0);
}, 120_000);
