/**
 * Promised calls to the outside, in one process. An undo locks them here BEFORE it judges its action (R8).
 * It never makes a call; the executor in `runtime` does.
 */
import { Intents, type BranchKey, type Intent, type StoredBarrierRow, type Tx } from '@sagamore/runtime';
import { barrierTable, branchOf, intentTable, rowKeyOf } from './keys.js';
import type { MemoryDatabase } from './memory-database.js';
import { memoryTx, type TableView } from './memory-tx.js';

/** `Intents` over a `MemoryDatabase`. */
export class MemoryIntents extends Intents {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override insert(tx: Tx, intents: readonly Intent[]): Promise<void> {
    const keyed = new Map(intents.map((intent) => [rowKeyOf(intent), intent]));
    return memoryTx(tx).inTurn(async () => {
      for (const key of [...keyed.keys()].toSorted()) {
        const intent = keyed.get(key)!;
        // The seat in the barrier: without it a call that begins and an undo that finds nothing could both commit.
        await barrierOf(tx).insert(key, seatOf(intent), 'BARRIER_CONFLICT');
        await tableOf(tx).insert(key, intent, 'BARRIER_CONFLICT');
      }
    });
  }

  override lock(tx: Tx, branches: readonly BranchKey[]): Promise<readonly Intent[]> {
    const groups = [...new Set(branches.map(branchOf))];
    return memoryTx(tx).inTurn(async () => {
      const table = tableOf(tx);
      const keys = groups.flatMap((group) => table.group(group).map(([key]) => key));
      const found: Intent[] = [];
      for (const key of keys.toSorted()) {
        // AFTER the wait the row may be gone: whoever held it has settled the call.
        const intent = await table.lock(key);
        if (intent !== undefined) found.push(intent);
      }
      return found;
    });
  }

  override claimExpired(claim: {
    owner: string;
    claimedUntil: number;
    limit: number;
  }): Promise<readonly Intent[]> {
    return this.database.transaction(async (tx) => {
      const table = tableOf(tx);
      const now = memoryTx(tx).now();
      const claimed: Intent[] = [];
      for (const [key, intent] of table.scan().toSorted(byExpiry)) {
        if (claimed.length === claim.limit || intent.claimedUntil > now) break;
        // One that is locked is being settled or undone at this moment; a sweep must not wait for it.
        if (!table.tryLock(key)) continue;
        claimed.push({ ...intent, owner: claim.owner, claimedUntil: claim.claimedUntil });
        await table.put(key, claimed.at(-1)!);
      }
      return claimed;
    });
  }

  /** Also takes the seats out of the barrier, so that the outcomes may take them in the same transaction. */
  override remove(tx: Tx, intents: readonly Intent[]): Promise<void> {
    return memoryTx(tx).inTurn(async () => {
      for (const key of intents.map(rowKeyOf).toSorted()) {
        await tableOf(tx).delete(key);
        const seat = await barrierOf(tx).lock(key);
        if (seat?.outcome === 'claimed') await barrierOf(tx).delete(key);
      }
    });
  }
}

function seatOf({ transactionId, branchId, operation, generation }: Intent): StoredBarrierRow {
  return { transactionId, branchId, operation, generation, outcome: 'claimed' };
}

function barrierOf(tx: Tx): TableView<StoredBarrierRow> {
  return memoryTx(tx).table<StoredBarrierRow>(barrierTable);
}

function tableOf(tx: Tx): TableView<Intent> {
  return memoryTx(tx).table<Intent>(intentTable);
}

function byExpiry([, left]: readonly [string, Intent], [, right]: readonly [string, Intent]): number {
  return left.claimedUntil - right.claimedUntil;
}
