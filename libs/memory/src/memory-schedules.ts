/** Where schedules stand, in one process; every change is made under the lock of its row. */
import { Schedules, type ScheduleMove, type ScheduleRow, type Tx } from '@sagamore/runtime';
import type { MemoryDatabase } from './memory-database.js';
import { memoryTx, type TableView } from './memory-tx.js';

export class MemorySchedules extends Schedules {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override keep(rows: Parameters<Schedules['keep']>[0]): Promise<void> {
    return this.database.transaction(async (tx) => {
      for (const row of rows) {
        const known = await tableOf(tx).lock(row.name);
        if (known?.timetableName !== row.timetableName) await tableOf(tx).put(row.name, { ...known, ...row });
      }
    });
  }

  override read(names: readonly string[]): Promise<readonly ScheduleRow[]> {
    return this.database.transaction(async (tx) =>
      names
        .toSorted()
        .map((name) => tableOf(tx).get(name))
        .filter((row) => row !== undefined),
    );
  }

  override move({ name, from, to, last }: ScheduleMove): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const row = await tableOf(tx).lock(name);
      if (row?.nextAt !== from) return false;
      const told = last && { lastTickAt: last.tickAt, lastTransactionId: last.transactionId };
      await tableOf(tx).put(name, { ...row, nextAt: to, ...told });
      return true;
    });
  }
}

function tableOf(tx: Tx): TableView<ScheduleRow> {
  return memoryTx(tx).table('schedule');
}
