/**
 * Promised calls to the outside, in one process. An undo locks them here BEFORE it judges its action (R8).
 * It never makes a call; the executor in `runtime` does.
 */
import { Intents, type BranchKey, type Intent, type Tx } from '@sagamore/runtime';
import { branchOf, intentTable, rowKeyOf } from './keys.js';
import type { MemoryDatabase } from './memory-database.js';
import { memoryTx, type TableView } from './memory-tx.js';

/** `Intents` over a `MemoryDatabase`. */
export class MemoryIntents extends Intents {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override async insert(tx: Tx, intents: readonly Intent[]): Promise<void> {
    const table = tableOf(tx);
    const keyed = new Map(intents.map((intent) => [rowKeyOf(intent), intent]));
    for (const key of [...keyed.keys()].toSorted())
      await table.insert(key, keyed.get(key)!, 'BARRIER_CONFLICT');
  }

  override async lock(tx: Tx, branches: readonly BranchKey[]): Promise<readonly Intent[]> {
    const table = tableOf(tx);
    const keys = [...new Set(branches.map(branchOf))].flatMap((group) =>
      table.group(group).map(([key]) => key),
    );
    const found: Intent[] = [];
    for (const key of keys.toSorted()) {
      // AFTER the wait the row may be gone: whoever held it has settled the call.
      const intent = await table.lock(key);
      if (intent !== undefined) found.push(intent);
    }
    return found;
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

  override async remove(tx: Tx, intents: readonly Intent[]): Promise<void> {
    const table = tableOf(tx);
    for (const key of intents.map(rowKeyOf).toSorted()) await table.delete(key);
  }
}

function tableOf(tx: Tx): TableView<Intent> {
  return memoryTx(tx).table<Intent>(intentTable);
}

function byExpiry([, left]: readonly [string, Intent], [, right]: readonly [string, Intent]): number {
  return left.claimedUntil - right.claimedUntil;
}
