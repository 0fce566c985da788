/**
 * Transactions kept in doubt in one process: their writes and their locks stay in the store, which outlives every client,
 * until somebody settles them (R19). It never decides, and nothing of it is lost with the process that prepared.
 */
import { failed, refused, type Reply } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import { Prepared, type InDoubt, type Tx } from '@sagamore/runtime';
import { barrierTable } from './keys.js';
import type { MemoryDatabase } from './memory-database.js';
import { LockTimeout } from './memory-tx.js';

export interface MemoryPreparedOptions {
  /** How long a prepare waits for a lock before it gives up, to be asked again; ms. Default 2 000. */
  readonly lockTimeoutMs?: number;
  /** How many the store can keep in doubt, whoever prepares. Default 64. */
  readonly slots?: number;
}

/** `Prepared` over a `MemoryDatabase`. */
export class MemoryPrepared extends Prepared {
  private readonly lockTimeoutMs: number;
  private readonly slots: number;

  constructor(
    private readonly database: MemoryDatabase,
    { lockTimeoutMs = 2_000, slots = 64 }: MemoryPreparedOptions = {},
  ) {
    super();
    this.lockTimeoutMs = lockTimeoutMs;
    this.slots = slots;
  }

  override async prepare(gid: string, work: (tx: Tx) => Promise<Reply>): Promise<Reply> {
    const { store } = this.database;
    if (store.inDoubt.has(gid)) return yesAgain;
    try {
      return await this.database.apart({ lockTimeoutMs: this.lockTimeoutMs }, async (tx) => {
        const reply = await work(tx);
        tx.throwIfFailed();
        if (reply.outcome !== 'succeeded') return { result: reply };
        // Who leaves needs no seat, so the barrier's own row is no reason to stay.
        if (!tx.hasTouchedBeside(barrierTable)) return { result: { ...reply, readOnly: true } };
        if (store.inDoubt.has(gid)) return { result: yesAgain };
        if (store.inDoubt.size >= this.slots) return { result: refused('prepared-transactions-exhausted') };
        return { result: reply, keepAs: gid };
      });
    } catch (error) {
      return voteOn(error);
    }
  }

  protected override settle(operation: 'commit' | 'rollback', gid: string): Promise<boolean> {
    return this.database.settle(operation, gid);
  }

  override async inDoubt(prefix: string): Promise<readonly InDoubt[]> {
    const now = this.database.now();
    return [...this.database.store.inDoubt]
      .filter(([gid]) => gid.startsWith(prefix))
      .map(([gid, { since }]) => ({ gid, ageMs: Math.max(0, now - since) }))
      .toSorted((left, right) => right.ageMs - left.ageMs);
  }
}

const yesAgain: Reply = { outcome: 'succeeded', output: null };

function voteOn(error: unknown): Reply {
  if (error instanceof LockTimeout)
    return failed({ code: 'SERIALIZATION_CONFLICT', message: error.message, retryable: true });
  if (!(error instanceof Fault)) throw error;
  const { code, message, retryable } = error;
  return failed({ code, message, retryable });
}
