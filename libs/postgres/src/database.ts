/**
 * The `Database` port on Postgres: transactions over a pool of pipelined connections, single reads beside them, and
 * the store's clock. Every road of an order that writes in a service goes through here. It knows no table.
 */
import { Database } from '@sagamore/runtime';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { poolOf } from './data-source.js';
import { isDriverError, toFault } from './faults.js';
import { queryOn } from './pool-query.js';
import { bound, silenceMs, type Statement } from './statement.js';
import { readClock, StoreClock } from './store-clock.js';
import { PostgresTx, type Isolation } from './transaction.js';

export interface PostgresDatabaseOptions {
  /** Default `read committed`, which the ports promise. */
  readonly isolation?: Isolation;
  /** How long BEGIN, COMMIT and ROLLBACK may stay unanswered before the connection is taken for dead, ms. Default 30 000,
   *  as for every statement. */
  readonly silenceMs?: number;
}

export class PostgresDatabase extends Database {
  readonly #pool: pg.Pool;
  readonly #clock = new StoreClock();
  readonly #isolation: Isolation;
  readonly #silenceMs: number;
  readonly #onClose: (() => Promise<void>)[] = [];

  private constructor(
    /** For entities, migrations and read models. */
    readonly dataSource: DataSource,
    options: PostgresDatabaseOptions,
  ) {
    super();
    this.#pool = poolOf(dataSource);
    this.#isolation = options.isolation ?? 'read committed';
    this.#silenceMs = options.silenceMs ?? silenceMs;
  }

  /** Over an initialised data source; reads the store's clock once. Throws `DATABASE_UNAVAILABLE`. */
  static async open(
    dataSource: DataSource,
    options: PostgresDatabaseOptions = {},
  ): Promise<PostgresDatabase> {
    const database = new PostgresDatabase(dataSource, options);
    const [row] = await database.read<{ ms: number }>(readClock);
    if (row !== undefined) database.observe(row.ms);
    return database;
  }

  /** As the port says. A broken connection is destroyed, never given to somebody else. */
  override async transaction<T>(work: (tx: PostgresTx) => Promise<T>): Promise<T> {
    const tx = await this.beginOn(this.#pool);
    const answer = await this.#complete(tx, work);
    tx.committed();
    return answer;
  }

  async #complete<T>(tx: PostgresTx, work: (tx: PostgresTx) => Promise<T>): Promise<T> {
    try {
      const answer = await work(tx);
      await tx.commit();
      return answer;
    } catch (error) {
      await tx.rollback();
      throw isDriverError(error) ? toFault(error, 'transaction') : error;
    } finally {
      tx.release();
    }
  }

  /** Runs one statement outside any transaction, on any connection. Throws a `Fault`; when the connection breaks,
   *  a statement that writes may have been carried out, so it must be idempotent. */
  async read<Row extends object>(
    statement: Statement,
    values: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    try {
      const result = await queryOn<Row>(this.#pool, bound(statement, values));
      return result.rows;
    } catch (error) {
      throw toFault(error, statement.name);
    }
  }

  override now(): number {
    return this.#clock.now();
  }

  /** Hands over a reading of the store's clock that a statement brought along. */
  observe(storeMs: number): void {
    this.#clock.observe(storeMs);
  }

  /** A connection of its own, opened like those of the pool but not one of them; the caller ends it.
   *  Throws `DATABASE_UNAVAILABLE`. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client(this.#pool.options);
    // Without a listener the loss of an idle connection would end the process.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      throw toFault(error, 'open a connection');
    }
  }

  /** A pool of its own, with connections like those of this one, so that what waits there holds up nobody here. The
   *  database closes it. */
  poolBeside(connectionsMax: number): pg.Pool {
    const { options } = this.#pool;
    // The pool hides its password from whoever lists its options.
    const pool = new pg.Pool({ ...options, password: options.password, max: connectionsMax });
    // The pool tells of idle connections that died; they are replaced when one is needed.
    pool.on('error', () => undefined);
    this.beforeClose(() => pool.end());
    return pool;
  }

  /** A transaction on a connection of `pool`, for adapters that end it in their own way and release it.
   *  Throws `DATABASE_UNAVAILABLE`. */
  async beginOn(pool: pg.Pool): Promise<PostgresTx> {
    try {
      const client = await pool.connect();
      const { dataSource } = this;
      const [clock, isolation, silence] = [this.#clock, this.#isolation, this.#silenceMs];
      return new PostgresTx({ client, dataSource, clock, isolation, silenceMs: silence });
    } catch (error) {
      throw toFault(error, 'open a connection');
    }
  }

  /** Has `close` end something first. */
  beforeClose(end: () => Promise<void>): void {
    this.#onClose.push(end);
  }

  /** Ends all connections AFTER the transactions in hand. Idempotent. */
  async close(): Promise<void> {
    for (const end of this.#onClose.splice(0)) await end();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }
}
