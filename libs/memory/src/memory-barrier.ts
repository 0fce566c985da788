/**
 * The barrier's rows in one process. It reads the intents' table too, because a branch is judged as a whole (R3).
 * What rows mean is `judge`'s affair; nothing here may decide it.
 */
import { Barrier, type BranchKey, type Intent, type StoredBarrierRow, type Tx } from '@sagamore/runtime';
import { branchOf, intentTable, rowKeyOf } from './keys.js';
import { memoryTx } from './memory-tx.js';

const barrierTable = 'barrier';

/** `Barrier` over a `MemoryDatabase`; holds nothing of its own. */
export class MemoryBarrier extends Barrier {
  override async find(tx: Tx, branches: readonly BranchKey[]): Promise<readonly StoredBarrierRow[]> {
    const own = memoryTx(tx);
    const rows = own.table<StoredBarrierRow>(barrierTable);
    const intents = own.table<Intent>(intentTable);
    const groups = [...new Set(branches.map(branchOf))];
    return groups.flatMap((group) => [
      ...rows.group(group).map(([, row]) => row),
      ...intents.group(group).map(([, intent]) => claimed(intent, own.now())),
    ]);
  }

  override async insert(tx: Tx, rows: readonly StoredBarrierRow[]): Promise<void> {
    const table = memoryTx(tx).table<StoredBarrierRow>(barrierTable);
    const keyed = rows.map((row) => [rowKeyOf(row), row] as const);
    // Sorted, so that two batches that share rows meet at the first of them and cannot wait in a circle (R1).
    for (const [key, row] of keyed.toSorted(byKey)) await table.insert(key, row, 'BARRIER_CONFLICT');
  }
}

function claimed(intent: Intent, now: number): StoredBarrierRow {
  const { transactionId, branchId, operation, generation, claimedUntil } = intent;
  return {
    transactionId,
    branchId,
    operation,
    generation,
    outcome: 'claimed',
    claimIsLive: claimedUntil > now,
  };
}

function byKey([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
