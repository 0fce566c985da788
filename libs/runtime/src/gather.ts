/**
 * Batches that form by themselves: while one batch is under way the next gathers; idle, nobody waits.
 * This is how one commit comes to serve many transactions (architecture §6). It knows nothing of what it batches.
 */
import assert from 'node:assert/strict';

export interface GatherOptions {
  /** Items in one batch at most. Default 500: beyond it a batch costs latency and saves nothing. */
  readonly max?: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Turns `work` on batches into a function on single items. Calls made while one batch runs share the next one, in the
 *  order of the calls. Each caller gets its own result; a batch that rejects rejects all of its callers. */
export function gather<Item, Result>(
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
  { max = 500 }: GatherOptions = {},
): (item: Item) => Promise<Result> {
  const waiting: Waiting<Item, Result>[] = [];
  let running = false;

  async function runBatch(): Promise<void> {
    const batch = waiting.splice(0, max);
    try {
      const results = await work(batch.map(({ item }) => item));
      assert(results.length === batch.length, 'a batch answers each of its items');
      batch.forEach(({ resolve }, index) => resolve(results[index]!));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  async function runAll(): Promise<void> {
    while (waiting.length > 0) await runBatch();
    running = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (running) return;
      running = true;
      // Not at once: whatever else this turn of the event loop brings shares the first batch too.
      queueMicrotask(() => void runAll());
    });
}
