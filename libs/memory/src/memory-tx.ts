/**
 * One open transaction of the in-process store: its writes wait here until the commit makes them visible.
 * Stores of the runtime and of services read and write through `table`; none may keep a transaction after its end.
 */
import assert from 'node:assert/strict';
import { Fault, type FaultCode } from '@sagamore/resilience';
import { Tx } from '@sagamore/runtime';
import { groupOf, KeyLock, type MemoryTable } from './memory-table.js';

/** Where a transaction gets its tables and numbers from. */
export interface TxHost {
  table(name: string): MemoryTable;
  /** The next number of a sequence, from 1. Not taken back by a rollback, as in a database. */
  next(sequence: string): number;
  now(): number;
  /** Calls back when a lock has been waited for too long, unless it is cancelled; absent, a wait has no end. */
  afterLockTimeout?(giveUp: () => void): () => void;
}

/** A lock was not had in time. */
export class LockTimeout extends Error {
  override readonly name = 'LockTimeout';
}

/** A table as one transaction sees it: what is committed now, overlaid by its own writes. Rows are never copied. */
export interface TableView<Row> {
  get(key: string): Row | undefined;
  /** Waits for the key's holder to end, holds it until this transaction ends, and answers the row as it then is. */
  lock(key: string): Promise<Row | undefined>;
  /** As `lock`, but answers false at once where `lock` would wait. */
  tryLock(key: string): boolean;
  /** Writes the row whether it exists or not; waits for the key's holder. */
  put(key: string, row: Row): Promise<void>;
  /** Writes a row that must not exist; waits for the key's holder, then fails the whole transaction with `conflict`
   *  (`DATA_REJECTED` unless told) when somebody else was first. */
  insert(key: string, row: Row, conflict?: FaultCode): Promise<void>;
  /** Removes the row if there is one; waits for the key's holder. */
  delete(key: string): Promise<void>;
  /** All rows, those committed first in the order they were first written. */
  scan(): (readonly [key: string, row: Row])[];
  /** The rows whose keys share what stands before the first `#`. */
  group(group: string): (readonly [key: string, row: Row])[];
}

/** A transaction of `MemoryDatabase`. Made and ended by it alone. */
export class MemoryTx extends Tx {
  readonly holds = new Set<KeyLock>();
  readonly waitsFor = new Set<KeyLock>();
  private readonly writes = new Map<MemoryTable, Map<string, unknown>>();
  private state: 'open' | 'in-doubt' | 'ended' | 'crashed' = 'open';
  private fault: unknown;
  private lastStatement: Promise<unknown> = Promise.resolve();

  constructor(
    readonly number: number,
    private readonly host: TxHost,
  ) {
    super();
  }

  /** A view of the table of that name, which is made when first named. */
  table<Row>(name: string): TableView<Row> {
    const table = this.host.table(name);
    const read = (key: string) => this.read(table, key) as Row | undefined;
    return {
      get: read,
      lock: async (key) => {
        await this.acquire(table, key);
        return read(key);
      },
      tryLock: (key) => this.tryAcquire(table, key),
      put: (key, row) => this.write(table, key, row),
      insert: (key, row, conflict = 'DATA_REJECTED') => this.insert(table, key, { row, conflict }),
      delete: (key) => this.write(table, key, undefined),
      scan: () => this.overlay(table, table.rows.keys(), () => true) as (readonly [string, Row])[],
      group: (group) =>
        this.overlay(table, table.groups.get(group) ?? [], (key) => groupOf(key) === group) as (readonly [
          string,
          Row,
        ])[],
    };
  }

  /** Runs one statement of a store AFTER all that were asked for before it, as the one connection of a database does:
   *  a look that is asked for together with a lock sees what the lock waited for. */
  inTurn<T>(statement: () => Promise<T>): Promise<T> {
    const answer = this.lastStatement.then(() => {
      this.throwIfFailed();
      return statement();
    });
    this.lastStatement = answer.catch(() => undefined);
    return answer;
  }

  /** The next number of a sequence, from 1. */
  next(sequence: string): number {
    return this.host.next(sequence);
  }

  /** The store's clock in ms. */
  now(): number {
    return this.host.now();
  }

  /** Whether a commit would change anything. */
  get hasWritten(): boolean {
    return this.writes.size > 0;
  }

  /** Whether it has changed or locked anything but rows of the table of that name. */
  hasTouchedBeside(name: string): boolean {
    return [...this.holds].some(({ table }) => table.name !== name);
  }

  /** Closes it for further work; its writes and locks stay until `end`. */
  keep(): void {
    this.state = 'in-doubt';
  }

  /** Throws what failed a statement of this transaction, even when its work has swallowed it. */
  throwIfFailed(): void {
    if (this.fault !== undefined) throw this.fault;
  }

  /** Makes the writes visible, all at once. */
  apply(): void {
    for (const [table, rows] of this.writes) for (const [key, row] of rows) table.apply(key, row);
  }

  /** Gives back all locks. After `crashed` whatever still waits on this transaction's behalf waits for ever. */
  end(state: 'ended' | 'crashed'): void {
    if (this.state === 'ended' || this.state === 'crashed') return;
    this.state = state;
    for (const lock of this.waitsFor) lock.leave(this);
    for (const lock of this.holds) lock.release();
    this.holds.clear();
  }

  private read(table: MemoryTable, key: string): unknown {
    const own = this.writes.get(table);
    return own?.has(key) === true ? own.get(key) : table.rows.get(key);
  }

  private overlay(
    table: MemoryTable,
    keys: Iterable<string>,
    belongs: (key: string) => boolean,
  ): [string, unknown][] {
    const own = this.writes.get(table);
    const all = new Set(keys);
    for (const key of own?.keys() ?? []) if (belongs(key)) all.add(key);
    const rows: [string, unknown][] = [];
    for (const key of all) {
      const row = this.read(table, key);
      if (row !== undefined) rows.push([key, row]);
    }
    return rows;
  }

  private async write(table: MemoryTable, key: string, row: unknown): Promise<void> {
    await this.acquire(table, key);
    const own = this.writes.get(table);
    if (own === undefined) this.writes.set(table, new Map([[key, row]]));
    else own.set(key, row);
  }

  private async insert(
    table: MemoryTable,
    key: string,
    { row, conflict }: { readonly row: unknown; readonly conflict: FaultCode },
  ): Promise<void> {
    await this.acquire(table, key);
    // AFTER the wait: the former holder may have committed the row, or taken it back.
    if (this.read(table, key) !== undefined) {
      const retryable = conflict !== 'DATA_REJECTED';
      this.fault = new Fault(conflict, `wanted to insert ${key} into ${table.name}, found it there`, {
        retryable,
      });
      throw this.fault;
    }
    await this.write(table, key, row);
  }

  private tryAcquire(table: MemoryTable, key: string): boolean {
    assert(this.state === 'open', `transaction ${this.number} was used after its end`);
    const lock = table.locks.get(key);
    if (lock !== undefined) return lock.heldBy === this;
    const own = new KeyLock(table, key, this);
    table.locks.set(key, own);
    this.holds.add(own);
    return true;
  }

  private async acquire(table: MemoryTable, key: string): Promise<void> {
    if (this.state === 'crashed') return new Promise(() => undefined);
    this.throwIfFailed();
    if (this.tryAcquire(table, key)) return undefined;
    const lock = table.locks.get(key)!;
    const cancel = this.host.afterLockTimeout?.(() =>
      lock.leave(this, new LockTimeout(`${key} of ${table.name} was held too long`)),
    );
    try {
      return await lock.wait(this);
    } catch (error) {
      this.fault = error;
      throw error;
    } finally {
      cancel?.();
    }
  }
}

/** The transaction as the in-process stores know it; one of another technology is a bug. */
export function memoryTx(tx: Tx): MemoryTx {
  assert(tx instanceof MemoryTx, 'a store in memory was given the transaction of another technology');
  return tx;
}
