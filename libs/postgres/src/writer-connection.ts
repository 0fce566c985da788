/**
 * The one connection on which an owner writes its journal, so that the backend recorded in its shard rows is the one
 * that a takeover may end (R11). It must never let anything be read while a lost predecessor could still commit.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@sagamore/resilience';
import type pg from 'pg';
import type { PostgresDatabase } from './database.js';
import { toFault } from './faults.js';
import { bound, statement } from './statement.js';

/** A server process, told apart from a later one that was given the same id. */
export interface Backend {
  readonly pid: number;
  readonly startedAt: string;
}

export interface Writer {
  readonly client: pg.Client;
  readonly backend: Backend;
}

const whoAmI = statement(
  'writer-backend',
  `select pid, backend_start::text as "startedAt" from pg_stat_activity where pid = pg_backend_pid()`,
);

// The journal's statement is wide, and planning it anew each time costs three times what a small batch does. One plan
// for all is safe here alone: it has a single table to look into, and without these it can only take the key's index,
// however small the table was when the plan was made.
const planOnce = statement(
  'writer-plan-once',
  `select set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
     set_config('enable_mergejoin', 'off', false)`,
);

/** Ends a backend; answers a row while it is still there. */
export const endBackend = statement(
  'writer-end-backend',
  `select pg_terminate_backend(pid) from pg_stat_activity
   where pid = $1 and backend_start = $2::timestamptz and pid <> pg_backend_pid()`,
);

/** A backend that was told to end does so at its next look at its signals. */
const endingMs = 3_000;

export class WriterConnection {
  #opening: Promise<Writer> | undefined;
  /** Was lost with a statement on its way, which the server may still be carrying out. */
  #lost: Backend | undefined;

  /** `onOpen` runs on every new connection BEFORE anybody else may use it. */
  constructor(
    private readonly database: PostgresDatabase,
    private readonly onOpen: (writer: Writer) => Promise<void>,
  ) {
    database.beforeClose(() => this.close());
  }

  /** The connection, opened when there is none. Throws `DATABASE_UNAVAILABLE`. */
  open(): Promise<Writer> {
    this.#opening ??= this.#connect().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** Gives up a connection whose last statement was not answered. Whoever reads next waits in `settled`. */
  lose(writer: Writer): void {
    this.#opening = undefined;
    this.#lost ??= writer.backend;
    void writer.client.end().catch(() => undefined);
  }

  /** Resolves once no statement of a lost connection can still commit. Throws `DATABASE_UNAVAILABLE`. */
  async settled(): Promise<void> {
    if (this.#lost !== undefined) await this.open();
  }

  async close(): Promise<void> {
    const writer = await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    await writer?.client.end();
  }

  async #connect(): Promise<Writer> {
    const client = await this.database.connect();
    try {
      await this.#endLost(client);
      await client.query(bound(planOnce, []));
      const [backend] = (await client.query<Backend>(bound(whoAmI, []))).rows;
      if (backend === undefined) throw new Error('a backend does not see itself');
      const writer = { client, backend };
      client.once('end', () => this.#forget(writer));
      await this.onOpen(writer);
      return writer;
    } catch (error) {
      void client.end().catch(() => undefined);
      throw toFault(error, 'open the connection of the journal');
    }
  }

  async #endLost(client: pg.Client): Promise<void> {
    if (this.#lost === undefined) return;
    const { pid, startedAt } = this.#lost;
    for (const deadline = performance.now() + endingMs; performance.now() < deadline; await pause(20)) {
      const { rowCount } = await client.query(bound(endBackend, [pid, startedAt]));
      if (rowCount === 0) {
        this.#lost = undefined;
        return;
      }
    }
    throw new Fault('DATABASE_UNAVAILABLE', `backend ${pid} of a lost connection does not end`, {
      retryable: true,
    });
  }

  /** A connection that ended while idle has nothing on its way. */
  #forget(writer: Writer): void {
    const gone = this.#opening;
    void gone?.then(
      (current) => {
        if (current === writer && this.#opening === gone) this.#opening = undefined;
      },
      () => undefined,
    );
  }
}
