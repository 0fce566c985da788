/**
 * A throwaway Postgres for one test file: started once, a fresh database for whoever asks, everything removed at
 * the end. What a killed test run left behind is swept by the next one. Never used outside tests.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../apps/local/src/embedded-postgres.js';
import { isAlive, stopOrphan } from '../../apps/local/src/postgres-orphan.js';

export interface TestPostgres {
  /** Creates an empty database with a role of its own and answers its URL. */
  freshDatabase(): Promise<string>;
  /** The server, for tests that need its administrator. */
  readonly server: EmbeddedPostgres;
  /** Stops the server and removes its data. Idempotent. */
  stop(): Promise<void>;
}

const prefix = 'sagamore-test-postgres-';
let started: Promise<TestPostgres> | undefined;

/** The server of this test file; every call answers the same one. Whoever calls it must call `stop` in the end. */
export function testPostgres(): Promise<TestPostgres> {
  started ??= start();
  return started;
}

async function start(): Promise<TestPostgres> {
  await sweep();
  const directory = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  // The server may run as another user, who must be able to enter.
  await chmod(directory, 0o755);
  const server = await startEmbeddedPostgres({ directory, throwaway: true });
  let databases = 0;
  return {
    server,
    freshDatabase: () => server.createDatabase(`test_${++databases}`),
    stop: async () => {
      started = undefined;
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Removes the servers of test processes that no longer live. */
async function sweep(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(prefix) ? Number(name.slice(prefix.length).split('-')[0]) : undefined;
    if (owner === undefined || isAlive(owner)) continue;
    const directory = join(tmpdir(), name);
    await stopOrphan(join(directory, 'data'), () => undefined);
    rmSync(directory, { recursive: true, force: true });
  }
}
