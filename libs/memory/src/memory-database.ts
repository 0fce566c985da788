/**
 * The database in one process: a `MemoryStore` is the server, a `MemoryDatabase` one process's client of it.
 * It gives the simulator its crash points around every commit; it must never read the host's time.
 */
import { Fault } from '@sagamore/resilience';
import { Database, type Clock, type Tx } from '@sagamore/runtime';
import { MemoryTable } from './memory-table.js';
import { LockTimeout, MemoryTx } from './memory-tx.js';

/** What outlives a process: committed rows, sequences, what is in doubt, and the locks of open transactions. */
export class MemoryStore {
  private readonly tables = new Map<string, MemoryTable>();
  private readonly sequences = new Map<string, number>();
  /** Transactions that wait for a decision, with their writes and their locks, by gid (R19). `since`: store's ms. */
  readonly inDoubt = new Map<string, { readonly tx: MemoryTx; readonly since: number }>();

  /** The table of that name, made when first named. */
  table(name: string): MemoryTable {
    const found = this.tables.get(name);
    if (found !== undefined) return found;
    const table = new MemoryTable(name);
    this.tables.set(name, table);
    return table;
  }

  /** The tables that hold a row, in the order in which they were first named. */
  get filled(): readonly string[] {
    return [...this.tables.values()].filter(({ rows }) => rows.size > 0).map(({ name }) => name);
  }

  /** The next number of a sequence, from 1. */
  next(sequence: string): number {
    const number = (this.sequences.get(sequence) ?? 0) + 1;
    this.sequences.set(sequence, number);
    return number;
  }

  /** Every committed row of a table, for audits: nobody's open transaction is seen, nothing is locked. */
  committed<Row>(name: string): readonly (readonly [key: string, row: Row])[] {
    return [...this.table(name).rows.entries()] as (readonly [string, Row])[];
  }
}

/** Called around each commit that writes. Either may throw, which the caller of `transaction` then sees, or never
 *  resolve, which is what a crash looks like from inside. */
export interface CommitHooks {
  /** When it does not resolve, nothing is written. */
  before?(): void | Promise<void>;
  /** All is written and no lock is held any more. When it does not resolve, the caller never learns. */
  after?(): void | Promise<void>;
}

export interface MemoryDatabaseOptions {
  readonly clock: Clock;
  /** Shared by the clients of one database; a new one unless given. */
  readonly store?: MemoryStore;
  /** What the store's clock showed when `clock` showed 0. Default 0. */
  readonly epochMs?: number;
  readonly onCommit?: CommitHooks;
  /** How long a transaction waits for a lock before it fails with `SERIALIZATION_CONFLICT`, as a server's `lock_timeout` has it.
   *  Default: without end. */
  readonly lockTimeoutMs?: number;
}

/** One process's connection to a `MemoryStore`. Transactions run at READ COMMITTED with row locks that wait. */
export class MemoryDatabase extends Database {
  readonly store: MemoryStore;
  private readonly open = new Set<MemoryTx>();
  private crashed = false;

  constructor(private readonly options: MemoryDatabaseOptions) {
    super();
    this.store = options.store ?? new MemoryStore();
  }

  override async transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    if (this.crashed) return never();
    const tx = this.begin(this.options.lockTimeoutMs);
    let result: T;
    try {
      result = await work(tx);
      tx.throwIfFailed();
      if (tx.hasWritten) await this.options.onCommit?.before?.();
    } catch (error) {
      return this.crashed ? never() : this.rollback(tx, conflictOf(error));
    }
    // A crash while the hook waited has already taken everything back.
    if (this.crashed) return never();
    tx.apply();
    this.close(tx);
    await this.written(tx.hasWritten);
    tx.committed();
    return result;
  }

  /** For `MemoryPrepared`: `work` in a transaction that waits for a lock no longer than told, and is then either taken
   *  back or kept in doubt. A lock that is not had in time fails it with `LockTimeout`. */
  async apart<T>(
    { lockTimeoutMs }: { readonly lockTimeoutMs: number },
    work: (tx: MemoryTx) => Promise<{ readonly result: T; readonly keepAs?: string }>,
  ): Promise<T> {
    if (this.crashed) return never();
    const tx = this.begin(lockTimeoutMs);
    let done: Awaited<ReturnType<typeof work>>;
    try {
      done = await work(tx);
      if (done.keepAs !== undefined) await this.options.onCommit?.before?.();
    } catch (error) {
      return this.crashed ? never() : this.rollback(tx, error);
    }
    if (this.crashed) return never();
    const { result, keepAs } = done;
    if (keepAs === undefined) {
      this.close(tx);
      return result;
    }
    this.open.delete(tx);
    tx.keep();
    this.store.inDoubt.set(keepAs, { tx, since: this.now() });
    await this.written(true);
    return result;
  }

  /** For `MemoryPrepared`: ends what is in doubt under `gid`; false where nothing is. */
  async settle(operation: 'commit' | 'rollback', gid: string): Promise<boolean> {
    if (this.crashed) return never();
    if (!this.store.inDoubt.has(gid)) return false;
    await this.options.onCommit?.before?.();
    if (this.crashed) return never();
    // AFTER the hook: somebody else may have settled it meanwhile.
    const found = this.store.inDoubt.get(gid);
    if (found === undefined) return false;
    this.store.inDoubt.delete(gid);
    if (operation === 'commit') found.tx.apply();
    found.tx.end('ended');
    await this.written(true);
    return true;
  }

  override now(): number {
    return (this.options.epochMs ?? 0) + this.options.clock.now();
  }

  /** The process dies: its open transactions are taken back, their locks freed, and no call of this client ever
   *  settles again. The store and its other clients live on. */
  crash(): void {
    this.crashed = true;
    for (const tx of this.open) tx.end('crashed');
    this.open.clear();
  }

  /** Something is durable; whoever dies now does not learn of it. */
  private async written(hasWritten: boolean): Promise<void> {
    if (hasWritten) await this.options.onCommit?.after?.();
    if (this.crashed) await never();
  }

  private begin(lockTimeoutMs?: number): MemoryTx {
    const { clock } = this.options;
    const host = {
      table: (name: string) => this.store.table(name),
      next: (sequence: string) => this.store.next(sequence),
      now: () => this.now(),
      ...(lockTimeoutMs !== undefined && {
        afterLockTimeout: (giveUp: () => void) => clock.after(lockTimeoutMs, giveUp),
      }),
    };
    const tx = new MemoryTx(this.store.next('transaction'), host);
    this.open.add(tx);
    return tx;
  }

  private rollback(tx: MemoryTx, error: unknown): never {
    this.close(tx);
    throw error;
  }

  private close(tx: MemoryTx): void {
    this.open.delete(tx);
    tx.end('ended');
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

/** Whoever holds the lock will let it go: that is worth another try. */
function conflictOf(error: unknown): unknown {
  if (!(error instanceof LockTimeout)) return error;
  return new Fault('SERIALIZATION_CONFLICT', error.message, { retryable: true, cause: error });
}

/** The fault a client sees when a connection breaks at COMMIT; for `CommitHooks.after` and `before`. */
export function commitUnknown(): Fault {
  return new Fault('COMMIT_UNKNOWN', 'the connection broke at COMMIT', { retryable: true });
}
