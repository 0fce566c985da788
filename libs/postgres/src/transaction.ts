/**
 * One open transaction on one connection, pipelined: BEGIN travels with the first statement and COMMIT with the
 * last ones, so that a participant's batch costs three round trips. It must never report a commit that was none.
 */
import assert from 'node:assert/strict';
import { Fault } from '@sagamore/resilience';
import { Tx } from '@sagamore/runtime';
import type pg from 'pg';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { commitUnknown, isSessionLost, sqlStateOf, toFault } from './faults.js';
import { bound, type Statement } from './statement.js';
import { readClock, type StoreClock } from './store-clock.js';

export type Isolation = 'read committed' | 'repeatable read' | 'serializable';

export interface PostgresTxContext {
  readonly client: pg.PoolClient;
  readonly dataSource: DataSource;
  readonly clock: StoreClock;
  readonly isolation: Isolation;
  /** How long BEGIN, COMMIT and ROLLBACK may stay unanswered, ms. */
  readonly silenceMs: number;
}

interface Queued {
  readonly statement: Statement;
  readonly values: readonly unknown[];
}

/** After an error Postgres answers this to whatever follows in the transaction. */
const aborted = '25P02';

export class PostgresTx extends Tx {
  readonly #context: PostgresTxContext;
  #begun = false;
  #over = false;
  #broken = false;
  #fault: Fault | undefined;
  #runner: QueryRunner | undefined;
  readonly #last: Queued[] = [];
  readonly #onLoss = () => void (this.#broken = true);

  constructor(context: PostgresTxContext) {
    super();
    this.#context = context;
    context.client.on('error', this.#onLoss).on('end', this.#onLoss);
  }

  /** Runs a statement now and answers its rows. Statements sent in one tick travel together, in order.
   *  Throws a `Fault`; the transaction can then only roll back, even where the error is swallowed. */
  query<Row extends object>(statement: Statement, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return this.#together(() => this.#send<Row>({ statement, values }));
  }

  /** Keeps a statement for the end: all of these travel with COMMIT in one flush, in the order given, AFTER every
   *  other statement of the transaction. What goes wrong with one makes the transaction fail. */
  last(statement: Statement, values: readonly unknown[] = []): void {
    assert(!this.#over, 'the transaction is over');
    this.#last.push({ statement, values });
  }

  /** Whether anything but `statement` is kept for the end. */
  keepsBeside({ name }: Statement): boolean {
    return this.#last.some((queued) => queued.statement.name !== name);
  }

  /** TypeORM on the same connection and in the same transaction; a nested TypeORM transaction is a savepoint. */
  get manager(): EntityManager {
    this.#runner ??= this.#together(() => this.#makeRunner());
    return this.#runner.manager;
  }

  /** Sends what waits and COMMIT. Resolves only when COMMIT was answered with COMMIT (R12).
   *  For `PostgresDatabase` alone. */
  async commit(): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault;
    if (!this.#begun && this.#last.length === 0) return this.#end();
    await this.#finish('commit', 'COMMIT');
  }

  /** As `commit`, but leaves the transaction prepared under `gid`, which was checked to hold no quote: it is in doubt
   *  until somebody settles it, and the connection is free again (R19). For `PreparedTransactions` alone. */
  async prepare(gid: string): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault;
    await this.#finish(`prepare transaction '${gid}'`, 'PREPARE');
  }

  async #finish(closing: string, answered: string): Promise<void> {
    if (this.#broken) throw toFault(undefined, 'commit');
    const { writes, commit } = this.#together(() => ({
      writes: this.#last.map((queued) => this.#send(queued)),
      commit: this.#control(closing),
    }));
    this.#end();
    const [answer] = await Promise.allSettled([commit, ...writes]);
    if (answer.status === 'fulfilled' && answer.value.command === answered) return;
    throw this.#whyNot(answer.status === 'rejected' ? answer.reason : undefined);
  }

  /** Takes everything back, as far as the connection still allows; a broken one did so already.
   *  For `PostgresDatabase` alone. */
  async rollback(): Promise<void> {
    this.#end();
    if (this.#begun && !this.#broken) await this.#control('rollback').catch(this.#onLoss);
  }

  /** Gives the connection back, or destroys it unless it is known to be idle and whole. */
  release(): void {
    const { client } = this.#context;
    client.off('error', this.#onLoss).off('end', this.#onLoss);
    client.release(this.#broken || client.getTransactionStatus() !== 'I');
  }

  /** Collects what `send` writes and hands it to the network as one. */
  #together<T>(send: () => T): T {
    assert(!this.#over, 'the transaction is over');
    const { stream } = this.#context.client.connection;
    stream.cork();
    try {
      this.#begin();
      return send();
    } finally {
      stream.uncork();
    }
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const { clock, isolation } = this.#context;
    this.#control(`begin isolation level ${isolation}`).catch((error: unknown) => this.#fail(error, 'begin'));
    if (clock.wantsReading()) void this.#readClock();
  }

  /** Bounded like every statement: behind a connection that is half open COMMIT would be waited for without end, by a
   *  handler whose group goes on believing that it works. */
  #control(text: string): Promise<pg.QueryResult> {
    const { client, silenceMs } = this.#context;
    const command = { text, query_timeout: silenceMs };
    return client.query(command);
  }

  async #readClock(): Promise<void> {
    const [row] = await this.#send<{ ms: number }>({ statement: readClock, values: [] }).catch(() => []);
    if (row !== undefined) this.#context.clock.observe(row.ms);
  }

  async #send<Row extends object>({ statement, values }: Queued): Promise<readonly Row[]> {
    try {
      const result = await this.#context.client.query<Row>(bound(statement, values));
      return result.rows;
    } catch (error) {
      throw this.#fail(error, statement.name);
    }
  }

  /** Remembers the first error: those that follow it only say that there was one. */
  #fail(error: unknown, wanted: string): Fault {
    const fault = toFault(error, wanted);
    if (isSessionLost(error)) this.#broken = true;
    this.#fault ??= fault;
    return sqlStateOf(error) === aborted ? this.#fault : fault;
  }

  /** An error that the server answered BEFORE the COMMIT proves that nothing was committed; a connection that broke
   *  without such an answer proves nothing. */
  #whyNot(error: unknown): Fault {
    if (this.#fault !== undefined && hasAnswer(this.#fault)) return this.#fault;
    if (error === undefined) return this.#fault ?? toFault(undefined, 'commit');
    if (!isSessionLost(error)) return toFault(error, 'commit');
    this.#broken = true;
    return commitUnknown(error, 'commit');
  }

  /** TypeORM offers no way to lend a connection; these are the fields that its own `startTransaction` leaves. */
  #makeRunner(): QueryRunner {
    const runner = this.#context.dataSource.createQueryRunner();
    const lent = { databaseConnection: this.#context.client, isTransactionActive: true, transactionDepth: 1 };
    return Object.assign(runner, lent);
  }

  #end(): void {
    this.#over = true;
    void this.#runner?.release();
  }
}

function hasAnswer({ cause }: Fault): boolean {
  return typeof cause === 'object' && cause !== null && 'sqlState' in cause && cause.sqlState !== undefined;
}
