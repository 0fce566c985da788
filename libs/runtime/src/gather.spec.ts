/** Goal: one batch serves many callers, in order, each with its own answer. Method: batches that end when told to. */
import { gather } from './gather.js';
import { describe, expect, test } from '@jest/globals';

describe('gather', () => {
  test('calls of one turn share a batch, and each caller gets its own result', async () => {
    const batches: (readonly number[])[] = [];
    const double = gather(async (items: readonly number[]) => {
      batches.push(items);
      return items.map((item) => item * 2);
    });
    expect(await Promise.all([double(1), double(2), double(3)])).toEqual([2, 4, 6]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  test('calls made while a batch runs share the next one, in the order of the calls', async () => {
    const batches: (readonly string[])[] = [];
    const gates: (() => void)[] = [];
    const save = gather(async (items: readonly string[]) => {
      batches.push(items);
      await new Promise<void>((resolve) => gates.push(resolve));
      return items;
    });
    const first = save('a');
    await Promise.resolve();
    await Promise.resolve();
    const others = [save('b'), save('c')];
    expect(batches).toEqual([['a']]);
    gates[0]!();
    expect(await first).toBe('a');
    await Promise.resolve();
    gates[1]!();
    expect(await Promise.all(others)).toEqual(['b', 'c']);
    expect(batches).toEqual([['a'], ['b', 'c']]);
  });

  test('a batch is never larger than its bound', async () => {
    const sizes: number[] = [];
    const save = gather(
      async (items: readonly number[]) => {
        sizes.push(items.length);
        return items;
      },
      { max: 2 },
    );
    await Promise.all([1, 2, 3, 4, 5].map((item) => save(item)));
    expect(sizes).toEqual([2, 2, 1]);
  });

  test('a batch that rejects rejects all of its callers, and the next batch runs', async () => {
    let runs = 0;
    const save = gather(async (items: readonly number[]) => {
      if (++runs === 1) throw new Error('away');
      return items;
    });
    const outcomes = await Promise.allSettled([save(1), save(2)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await save(3)).toBe(3);
  });

  test('work that answers too few items rejects its callers instead of leaving them waiting', async () => {
    const save = gather(async () => [1]);
    const outcomes = await Promise.allSettled([save('a'), save('b')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
