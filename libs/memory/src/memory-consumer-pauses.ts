/** The pauses of consumers in one process, each made and ended under the lock of its row. What ended is not kept. */
import {
  ConsumerPauses,
  type ConsumerName,
  type ConsumerPause,
  type ConsumerWish,
  type Tx,
} from '@sagamore/runtime';
import type { MemoryDatabase } from './memory-database.js';
import { memoryTx, type TableView } from './memory-tx.js';

export class MemoryConsumerPauses extends ConsumerPauses {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override standing(): Promise<readonly ConsumerPause[]> {
    return this.database.transaction(async (tx) =>
      tableOf(tx)
        .scan()
        .map(([, pause]) => pause),
    );
  }

  override pause({ topic, group, actor, reason }: ConsumerWish): Promise<ConsumerPause> {
    return this.database.transaction(async (tx) => {
      const standing = await tableOf(tx).lock(keyOf({ topic, group }));
      if (standing !== undefined) return standing;
      const pause = { topic, group, actor, reason, since: this.database.now() };
      await tableOf(tx).put(keyOf(pause), pause);
      return pause;
    });
  }

  override resume(name: ConsumerWish): Promise<ConsumerPause | undefined> {
    return this.database.transaction(async (tx) => {
      const standing = await tableOf(tx).lock(keyOf(name));
      if (standing !== undefined) await tableOf(tx).delete(keyOf(name));
      return standing;
    });
  }
}

function keyOf({ topic, group }: ConsumerName): string {
  return `${topic} ${group}`;
}

function tableOf(tx: Tx): TableView<ConsumerPause> {
  return memoryTx(tx).table('consumer_pause');
}
