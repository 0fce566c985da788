/**
 * The barrier's rows in one process. An intent has its seat here too, as a row that reads `claimed` (R7).
 * What rows mean is `judge`'s affair; nothing here may decide it.
 */
import { Barrier, type BranchKey, type Intent, type StoredBarrierRow, type Tx } from '@sagamore/runtime';
import { barrierTable, branchOf, heldTable, intentTable, rowKeyOf } from './keys.js';
import { memoryTx, type MemoryTx } from './memory-tx.js';

/** `Barrier` over a `MemoryDatabase`; holds nothing of its own. */
export class MemoryBarrier extends Barrier {
  override find(tx: Tx, branches: readonly BranchKey[]): Promise<readonly StoredBarrierRow[]> {
    const own = memoryTx(tx);
    const table = own.table<StoredBarrierRow>(barrierTable);
    const groups = [...new Set(branches.map(branchOf))];
    return own.inTurn(async () =>
      groups.flatMap((group) => table.group(group).map(([, row]) => asRead(own, row))),
    );
  }

  override hold(tx: Tx, branch: BranchKey): Promise<boolean> {
    const own = memoryTx(tx);
    return own.inTurn(async () => own.table(heldTable).tryLock(branchOf(branch)));
  }

  override insert(tx: Tx, rows: readonly StoredBarrierRow[]): Promise<void> {
    const own = memoryTx(tx);
    const table = own.table<StoredBarrierRow>(barrierTable);
    const keyed = rows.map((row) => [rowKeyOf(row), row] as const);
    return own.inTurn(async () => {
      // Sorted, so that two batches that share rows meet at the first of them and cannot wait in a circle (R1).
      for (const [key, row] of keyed.toSorted(byKey)) await table.insert(key, row, 'BARRIER_CONFLICT');
    });
  }
}

/** Whether a claim still runs is for its intent to say, at the moment of reading. */
function asRead(tx: MemoryTx, row: StoredBarrierRow): StoredBarrierRow {
  if (row.outcome !== 'claimed') return row;
  const intent = tx.table<Intent>(intentTable).get(rowKeyOf(row));
  return { ...row, claimIsLive: intent !== undefined && intent.claimedUntil > tx.now() };
}

function byKey([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
