/**
 * The registry of semantic locks in one process: the rows that a journal batch adds and removes, and the queues as read.
 * The caller holds the locks of the shards involved; places of one key are drawn under the key's own, until the commit.
 */
import type { LockChanges, StoredLock, Tx } from '@sagamore/runtime';
import { memoryTx } from './memory-tx.js';

const table = 'semantic_lock';

interface Tables {
  readonly claims: ReturnType<typeof claimsOf>;
  readonly phaseOf: (transactionId: string) => string | undefined;
}

function claimsOf(tx: Tx) {
  return memoryTx(tx).table<StoredLock>(table);
}

function tablesOf(tx: Tx): Tables {
  const transactions = memoryTx(tx).table<{ readonly phase: string }>('transaction');
  return { claims: claimsOf(tx), phaseOf: (id) => transactions.get(id)?.phase };
}

/** Writes what fencing has left of a batch's claims. */
export async function writeLocks(tx: Tx, { taken, released }: LockChanges): Promise<void> {
  const own = memoryTx(tx);
  const claims = claimsOf(tx);
  const queues = own.table('semantic_lock_queue');
  // Sorted, so that two batches cannot wait in a circle.
  for (const key of [...new Set(taken.map((each) => each.key))].toSorted()) await queues.lock(key);
  for (const claim of taken) {
    const row = { ...claim, place: own.next(table), claimedAt: own.now() };
    await claims.insert(`${claim.transactionId}#${claim.branchId}`, row);
  }
  for (const { transactionId, branchId } of released) await claims.delete(`${transactionId}#${branchId}`);
}

/** As `Journal.locksAround`. */
export function locksAround(tx: Tx, keys: readonly string[]): readonly StoredLock[] {
  const all = rowsOf(tx);
  const near = new Set(keys);
  for (let size = -1; size !== near.size;) {
    size = near.size;
    const concerned = new Set(all.filter(({ key }) => near.has(key)).map((row) => row.transactionId));
    for (const { key, transactionId } of all) if (concerned.has(transactionId)) near.add(key);
  }
  return all.filter(({ key }) => near.has(key));
}

/** As `Journal.listLocks`. */
export function listLocks(
  tx: Tx,
  { keysMax, after = '' }: { keysMax: number; after?: string },
): readonly StoredLock[] {
  const all = rowsOf(tx).filter(({ key }) => key > after);
  const page = new Set([...new Set(all.map(({ key }) => key))].slice(0, keysMax));
  return all.filter(({ key }) => page.has(key));
}

/** By key and place. */
function rowsOf(tx: Tx): readonly StoredLock[] {
  const { claims, phaseOf } = tablesOf(tx);
  const rows = claims.scan().map(([, row]) => {
    return { ...row, canYield: row.canYield && phaseOf(row.transactionId) === 'moving' };
  });
  return rows.toSorted((a, b) => (a.key === b.key ? a.place - b.place : a.key < b.key ? -1 : 1));
}
