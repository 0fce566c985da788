/**
 * Transactions that the database itself keeps in doubt: a participant's work inside PREPARE TRANSACTION, settled later
 * by COMMIT PREPARED or ROLLBACK PREPARED, from any connection and after any crash (R19). It never decides: it votes,
 * obeys, and lists what waits for a word. NOTIFY and temporary tables cannot be used in such work.
 */
import assert from 'node:assert/strict';
import { failed, refused, type Reply } from '@sagamore/engine';
import { Bulkhead, Fault } from '@sagamore/resilience';
import { Prepared, type InDoubt } from '@sagamore/runtime';
import type pg from 'pg';
import { insertRows } from './barrier.js';
import type { PostgresDatabase } from './database.js';
import { commitUnknown, isSessionLost, sqlStateOf, toFault } from './faults.js';
import { queryOn } from './pool-query.js';
import { bound, silenceMs, statement } from './statement.js';
import type { PostgresTx } from './transaction.js';

export interface PreparedTransactionsOptions {
  /** Prepares that run at one time, each on a connection of its own. Default 32, from 1. */
  readonly preparesMax?: number;
  /** Prepares that wait for a place; one more is told to come back. Default 200. */
  readonly queueMax?: number;
  /** Connections kept for decisions alone, so that none ever waits behind a prepare. Default 2, from 1. */
  readonly decisionsMax?: number;
  /** How long a prepare waits for a lock before it gives up, to be asked again; ms. Default 2 000, positive. */
  readonly lockTimeoutMs?: number;
  /** How many transactions the server must be able to keep in doubt. Default twice `preparesMax`. */
  readonly slotsMin?: number;
}

/** One that waits for a lock keeps its connection meanwhile; with few of them the waiting ones are soon all there are. */
const defaultPreparesMax = 32;

const lookUp = statement(
  'prepared-look-up',
  'select gid from pg_prepared_xacts where gid = $1 and database = current_database()',
);

const listInDoubt = statement(
  'prepared-in-doubt',
  `select gid, greatest(0, extract(epoch from clock_timestamp() - prepared) * 1000)::float8 as "ageMs"
   from pg_prepared_xacts where database = current_database() and starts_with(gid, $1) order by prepared, gid`,
);

const readSlots = statement(
  'prepared-slots',
  `select setting::integer as slots from pg_settings where name = 'max_prepared_transactions'`,
);

// Only for this transaction; a lock is waited for so long and no longer.
const setLockTimeout = statement('prepared-lock-timeout', `select set_config('lock_timeout', $1, true)`);

// A transaction without an id of its own has changed nothing yet and locked no row.
const hasWritten = statement(
  'prepared-has-written',
  'select pg_current_xact_id_if_assigned() is not null as "hasWritten"',
);

const slotsExhausted = '53200';
const alreadyPrepared = '42710';
const noSuchPrepared = '42704';
const notPreparable = '0A000';

/** The name of a branch's prepared transaction: `service:transaction:branch`. Asserts that it is one that Postgres can
 *  keep (below 200 bytes) and that needs no quoting. */
export function gidOf(name: {
  readonly service: string;
  readonly transactionId: string;
  readonly branchId: string;
}): string {
  return checked(`${name.service}:${name.transactionId}:${name.branchId}`);
}

function checked(gid: string): string {
  assert(/^[\w.-]+:[\w-]+:[\w.-]+$/.test(gid) && gid.length < 200, `a gid was wanted, found ${gid}`);
  return gid;
}

/** The `Prepared` port on Postgres. */
export class PreparedTransactions extends Prepared {
  readonly #database: PostgresDatabase;
  readonly #prepares: pg.Pool;
  readonly #decisions: pg.Pool;
  readonly #places: Bulkhead;
  readonly #lockTimeoutMs: number;

  private constructor(database: PostgresDatabase, options: PreparedTransactionsOptions) {
    super();
    const {
      preparesMax = defaultPreparesMax,
      queueMax = 200,
      decisionsMax = 2,
      lockTimeoutMs = 2_000,
    } = options;
    assert(lockTimeoutMs > 0, `a lock time-out above 0 was wanted, found ${lockTimeoutMs}`);
    this.#database = database;
    this.#prepares = database.poolBeside(preparesMax);
    this.#decisions = database.poolBeside(decisionsMax);
    this.#places = new Bulkhead('prepares', { callsMax: preparesMax, queueMax });
    this.#lockTimeoutMs = lockTimeoutMs;
  }

  /** Refuses a server that could not keep what will be prepared: throws `CONFIGURATION_INVALID`, which names the setting
   *  to change (I45), or `DATABASE_UNAVAILABLE`. The database closes the connections. */
  static async open(
    database: PostgresDatabase,
    options: PreparedTransactionsOptions = {},
  ): Promise<PreparedTransactions> {
    const slotsMin = options.slotsMin ?? 2 * (options.preparesMax ?? defaultPreparesMax);
    const [found] = await database.read<{ slots: number }>(readSlots);
    const slots = found?.slots ?? 0;
    if (slots < slotsMin) {
      const wanted = `max_prepared_transactions of at least ${slotsMin} was wanted, found ${slots}`;
      const remedy = 'it is a setting of the Postgres server and takes effect when that is restarted';
      throw new Fault('CONFIGURATION_INVALID', `${wanted}; ${remedy}`, { retryable: false });
    }
    return new PreparedTransactions(database, options);
  }

  /** As the port says; a gid is `service:transaction:branch`. */
  override async prepare(gid: string, work: (tx: PostgresTx) => Promise<Reply>): Promise<Reply> {
    const name = checked(gid);
    try {
      return await this.#places.run(() => this.#prepare(name, work));
    } catch (error) {
      return voteOn(error);
    }
  }

  async #prepare(gid: string, work: (tx: PostgresTx) => Promise<Reply>): Promise<Reply> {
    const tx = await this.#database.beginOn(this.#prepares);
    try {
      return await this.#workIn(tx, gid, work);
    } catch (error) {
      await tx.rollback();
      throw error;
    } finally {
      tx.release();
    }
  }

  async #workIn(tx: PostgresTx, gid: string, work: (tx: PostgresTx) => Promise<Reply>): Promise<Reply> {
    // BEFORE any work, which would wait for the locks of its own earlier self.
    const [found] = await Promise.all([
      tx.query(lookUp, [gid]),
      tx.query(setLockTimeout, [`${this.#lockTimeoutMs}`]),
    ]);
    if (found.length > 0) {
      await tx.rollback();
      return yesAgain;
    }
    const reply = await work(tx);
    if (reply.outcome !== 'succeeded') {
      await tx.rollback();
      return reply;
    }
    if (await hasWork(tx)) {
      await tx.prepare(gid);
      return reply;
    }
    await tx.rollback();
    return { ...reply, readOnly: true };
  }

  protected override async settle(operation: 'commit' | 'rollback', gid: string): Promise<boolean> {
    const command = { text: `${operation} prepared '${checked(gid)}'`, query_timeout: silenceMs };
    try {
      await queryOn(this.#decisions, command);
      return true;
    } catch (error) {
      if (sqlStateOf(error) === noSuchPrepared) return false;
      throw isSessionLost(error) ? commitUnknown(error, `${operation} prepared`) : toFault(error, operation);
    }
  }

  /** As the port says: those of this database. */
  override async inDoubt(prefix: string): Promise<readonly InDoubt[]> {
    try {
      return (await queryOn<InDoubt>(this.#decisions, bound(listInDoubt, [prefix]))).rows;
    } catch (error) {
      throw toFault(error, listInDoubt.name);
    }
  }
}

/** The barrier's own row, which waits for the end, is no work: who leaves needs no seat. Whatever else waits there is. */
async function hasWork(tx: PostgresTx): Promise<boolean> {
  if (tx.keepsBeside(insertRows)) return true;
  const [row] = await tx.query<{ hasWritten: boolean }>(hasWritten);
  return row?.hasWritten === true;
}

const yesAgain: Reply = { outcome: 'succeeded', output: null };

/** What a prepare that went wrong answers. A lock that was not had in time is no word about the business: others were
 *  quicker, and another attempt finds them gone. */
function voteOn(error: unknown): Reply {
  if (!(error instanceof Fault)) {
    if (sqlStateOf(error) === undefined) throw error;
    return voteOn(toFault(error, 'prepare'));
  }
  const { code, message, retryable } = error;
  const state = stateOf(error);
  if (state === alreadyPrepared) return yesAgain;
  if (state === slotsExhausted) return refused('prepared-transactions-exhausted');
  if (state === notPreparable) return failed({ code: 'CANNOT_BE_PREPARED', message, retryable: false });
  return failed({ code, message, retryable });
}

function stateOf({ cause }: Fault): string | undefined {
  const state =
    typeof cause === 'object' && cause !== null && 'sqlState' in cause ? cause.sqlState : undefined;
  return typeof state === 'string' ? state : undefined;
}
