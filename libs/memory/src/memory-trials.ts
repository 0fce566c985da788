/** Who tries a participant that was left alone, in one process; every change is made under the lock of its row. */
import { Trials, type TrialAnswer, type TrialRequest, type Tx } from '@sagamore/runtime';
import type { MemoryDatabase } from './memory-database.js';
import { memoryTx, type TableView } from './memory-tx.js';

interface TrialRow {
  readonly claimedUntil: number;
  readonly answeredAt: number;
}

export class MemoryTrials extends Trials {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override ask({ participant, openedAt, claimMs }: TrialRequest): Promise<TrialAnswer> {
    return this.database.transaction(async (tx) => {
      const row = (await tableOf(tx).lock(participant)) ?? { claimedUntil: -Infinity, answeredAt: -Infinity };
      const now = this.database.now();
      if (row.answeredAt > openedAt) return { outcome: 'answered' };
      if (row.claimedUntil > now) return { outcome: 'taken', until: row.claimedUntil };
      await tableOf(tx).put(participant, { ...row, claimedUntil: now + claimMs });
      return { outcome: 'granted' };
    });
  }

  override tellAnswered(participant: string): Promise<void> {
    return this.database.transaction(async (tx) => {
      const now = this.database.now();
      await tableOf(tx).put(participant, { claimedUntil: now, answeredAt: now });
    });
  }
}

function tableOf(tx: Tx): TableView<TrialRow> {
  return memoryTx(tx).table('breaker-trial');
}
