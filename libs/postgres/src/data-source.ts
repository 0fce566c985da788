/**
 * Opens a TypeORM `DataSource` whose connections suit the hot road, and reaches the pool beneath it.
 * Entities and migrations are the service's affair; nothing here may ever synchronise a schema.
 */
import pg from 'pg';
import { DataSource, type MigrationInterface } from 'typeorm';
import { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { toFault } from './faults.js';

export interface DataSourceOptions {
  readonly url: string;
  /** Default: none. */
  readonly entities?: readonly (new () => object)[];
  /** Imported classes, the platform's first. Default: none. */
  readonly migrations?: readonly (new () => MigrationInterface)[];
  /** Connections at most. Default 10, at least 2. */
  readonly poolSize?: number;
  /** Default: no TLS (R18). */
  readonly ssl?: boolean | { readonly ca?: string; readonly rejectUnauthorized?: boolean };
}

/** Every connection is opened with these. */
const settings = [
  // Every hot statement is planned once a connection: planning it for each batch costs more than running it. A generic
  // plan made while a table is empty would scan or hash it for ever, so only the index roads are left open to it; each
  // hot statement has an index. (The other way, custom plans, costs a third more CPU an order.)
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  // Below the 6 s of a bus session: a paused owner loses its locks BEFORE its shards are taken (R10, R11).
  'idle_in_transaction_session_timeout=5000',
  // Whoever waits so long waits for something broken, or for what is in doubt; the caller retries (R2). It is short because
  // the word that ends the doubt may come behind the one who waits, on the same partition (R19); and longer than the 1 s after
  // which Postgres looks for a deadlock, which must cost one of the two their transaction and not both.
  'lock_timeout=2000',
  // A plan that may not scan looks dear to the planner, and compiling it costs more than any statement of ours takes.
  'jit=off',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** Opens the pool and answers when one connection stands. The caller closes it, through `PostgresDatabase.close` or
 *  `destroy`. Throws `DATABASE_UNAVAILABLE`. */
export async function openDataSource(options: DataSourceOptions): Promise<DataSource> {
  const { url, entities = [], migrations = [], poolSize = 10, ssl = false } = options;
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    ssl: typeof ssl === 'object' ? { ...ssl } : ssl,
    entities: [...entities],
    migrations: [...migrations],
    migrationsTableName: 'migration',
    migrationsRun: false,
    synchronize: false,
    installExtensions: false,
    logging: false,
    poolSize: Math.max(2, poolSize),
    connectTimeoutMS: 5_000,
    // The pool tells of idle connections that died; they are replaced when one is needed.
    poolErrorHandler: () => undefined,
    // Seen in `pg_stat_activity` unless the process has a name of its own (`PGAPPNAME`).
    extra: { pipeline: true, options: settings, keepAlive: true, fallback_application_name: 'sagamore' },
  });
  try {
    return await dataSource.initialize();
  } catch (error) {
    throw toFault(error, 'open a connection');
  }
}

/** The pool of raw connections beneath TypeORM. */
export function poolOf({ driver }: DataSource): pg.Pool {
  const pool: unknown = driver instanceof PostgresDriver ? driver.master : undefined;
  if (pool instanceof pg.Pool) return pool;
  throw new Error('the data source is not an initialised Postgres data source');
}
