/** Dead letters that were kept, in one process; a replay is made under the lock of its letter's row. */
import {
  KeptLetters,
  lettersMax,
  unplayable,
  type ArrivedLetter,
  type KeptLetter,
  type Outbox,
  type ReplayReceipt,
  type ReplayWish,
  type Tx,
} from '@sagamore/runtime';
import type { MemoryDatabase } from './memory-database.js';
import { memoryTx, type TableView } from './memory-tx.js';

export class MemoryKeptLetters extends KeptLetters {
  constructor(
    private readonly database: MemoryDatabase,
    private readonly outbox: Outbox,
  ) {
    super();
  }

  override keep(letters: readonly ArrivedLetter[]): Promise<void> {
    return this.database.transaction(async (tx) => {
      const table = tableOf(tx);
      for (const letter of letters) {
        const known = table.scan().find(([, { topic, letterId }]) => isSame(letter, { topic, letterId }));
        const id = known?.[0] ?? String(memoryTx(tx).next('dead_letter'));
        await table.put(id, { ...letter, id, at: this.database.now(), replays: known?.[1].replays ?? [] });
      }
      for (const [id] of newestFirst(table).slice(lettersMax)) await table.delete(id);
    });
  }

  override list({
    limit,
    before = Infinity,
  }: {
    limit: number;
    before?: string | number;
  }): Promise<readonly KeptLetter[]> {
    return this.database.transaction(async (tx) =>
      newestFirst(tableOf(tx))
        .filter(([id]) => Number(id) < Number(before))
        .slice(0, limit)
        .map(([, letter]) => letter),
    );
  }

  override replay({ id, actor, reason, owner }: ReplayWish): Promise<ReplayReceipt> {
    return this.database.transaction(async (tx) => {
      const letter = await tableOf(tx).lock(id);
      if (letter === undefined) return { outcome: 'unknown' };
      if (letter.message === undefined) return unplayable(letter);
      const before = letter.replays.length;
      const replay = { actor, reason, at: this.database.now(), before };
      await tableOf(tx).put(id, { ...letter, replays: [...letter.replays, replay] });
      return { outcome: 'replayed', before, rows: await this.outbox.append(tx, [letter.message], owner) };
    });
  }
}

function isSame(letter: ArrivedLetter, other: Pick<ArrivedLetter, 'topic' | 'letterId'>): boolean {
  return letter.topic === other.topic && letter.letterId === other.letterId;
}

function newestFirst(table: TableView<KeptLetter>): (readonly [string, KeptLetter])[] {
  return table.scan().toSorted(([one], [other]) => Number(other) - Number(one));
}

function tableOf(tx: Tx): TableView<KeptLetter> {
  return memoryTx(tx).table('dead_letter');
}
