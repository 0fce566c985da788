/**
 * Goal: the hash never changes and spreads well. Method: pinned values, and counts over many keys.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { hash32, shardOf } from './hash.js';

test('R14: the hash of a text is the same in every release', () => {
  expect(['', 'a', 'order-1', 'ü'].map(hash32)).toEqual([2872998923, 444641715, 2449496732, 134528209]);
});

test('a shard is within the count, whatever the key', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 10_000 }), (key, count) => {
      const shard = shardOf(key, count);
      expect(Number.isInteger(shard) && shard >= 0 && shard < count).toBe(true);
    }),
  );
});

test('neighbouring keys spread over 16 shards', () => {
  const counts = Array.from({ length: 16 }, () => 0);
  for (let index = 0; index < 16_000; index++) {
    const shard = shardOf(`order-${index}`, 16);
    counts[shard] = (counts[shard] ?? 0) + 1;
  }
  // 1,000 is fair; 6 standard deviations are 184.
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(184);
});

test('one changed character changes about half the bits', () => {
  let changed = 0;
  for (let index = 0; index < 1_000; index++) {
    let bits = (hash32(`key-${index}-a`) ^ hash32(`key-${index}-b`)) >>> 0;
    for (; bits !== 0; bits &= bits - 1) changed += 1;
  }
  expect(changed / 1_000).toBeGreaterThan(14);
  expect(changed / 1_000).toBeLessThan(18);
});
