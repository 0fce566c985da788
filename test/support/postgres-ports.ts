/**
 * All Postgres adapters over one fresh database of the test file's throwaway server.
 * Holds no test; the database is dropped with the server.
 */
import {
  openDataSource,
  orchestratorMigrations,
  platformMigrations,
  PostgresBarrier,
  PostgresBarrierHistory,
  PostgresConsumerPauses,
  PostgresDatabase,
  PostgresHistory,
  PostgresIntents,
  PostgresJournal,
  PostgresKeptLetters,
  PostgresOutbox,
  PostgresSchedules,
  PostgresTrials,
  PreparedTransactions,
  runMigrations,
  statement,
} from '@sagamore/postgres';
import { testPostgres } from './postgres.js';

export type PostgresPorts = Awaited<ReturnType<typeof openPostgresPorts>>;

const expireAll = statement(
  'test-expire',
  `with ripe as (update tombstone set planted_at = '-infinity'),
     tried as (update breaker_trial set claimed_until = '-infinity')
   update outbox set claimed_until = '-infinity'`,
);

export interface OpenOptions {
  /** A database to share with adapters that are open already, as another process would. Default: a fresh one. */
  readonly url?: string;
  /** Default: what the ports promise. */
  readonly isolation?: 'read committed' | 'repeatable read';
}

/** Opens the adapters, with all tables of the platform and the orchestrator. */
export async function openPostgresPorts(options: OpenOptions = {}) {
  const { isolation } = options;
  const url = options.url ?? (await (await testPostgres()).freshDatabase());
  const migrations = [...new Set([...platformMigrations, ...orchestratorMigrations])];
  const dataSource = await openDataSource({ url, migrations, poolSize: 20 });
  await runMigrations(dataSource);
  const database = await PostgresDatabase.open(dataSource, isolation === undefined ? {} : { isolation });
  const outbox = new PostgresOutbox(database);
  const prepared = await PreparedTransactions.open(database, { preparesMax: 2, lockTimeoutMs: 150 });
  const close = async (): Promise<void> => {
    // The server outlives the test, and has few places for what is in doubt.
    for (const { gid } of await prepared.inDoubt('')) await prepared.rollback(gid, async () => []);
    await database.close();
  };
  let closing: Promise<void> | undefined;
  return {
    url,
    database,
    barrier: new PostgresBarrier(),
    intents: new PostgresIntents(database),
    outbox,
    consumerPauses: new PostgresConsumerPauses(database),
    letters: new PostgresKeptLetters(database, outbox),
    history: new PostgresHistory(database),
    schedules: new PostgresSchedules(database),
    trials: new PostgresTrials(database),
    barrierHistory: new PostgresBarrierHistory(database),
    journal: new PostgresJournal(database),
    expireClaims: async () => void (await database.read(expireAll)),
    prepared,
    // The server itself ends the wait.
    outlastLocks: async () => undefined,
    close: () => (closing ??= close()),
  };
}
