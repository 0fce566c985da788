/**
 * Goal: nodes come and go and move only the keys they must. Method: random rings and keys; shares counted over many.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HashRing } from './hash-ring.js';

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 });
const keys = fc.array(fc.string(), { minLength: 1, maxLength: 40 });
const ringOf = (nodes: readonly string[]) =>
  new HashRing(
    nodes.map((name) => ({ name })),
    { pointsPerNode: 20 },
  );

test('a node that joins takes keys and moves no other', () => {
  fc.assert(
    fc.property(names, keys, (nodes, someKeys) => {
      const before = ringOf(nodes);
      const after = before.with({ name: 'a newcomer' });
      for (const key of someKeys) expect([before.ownerOf(key), 'a newcomer']).toContain(after.ownerOf(key));
    }),
  );
});

test('a node that leaves moves its own keys and no other', () => {
  fc.assert(
    fc.property(names, keys, (nodes, someKeys) => {
      const before = ringOf(nodes);
      const after = before.without(nodes[0]!);
      for (const key of someKeys) {
        const owner = before.ownerOf(key);
        if (owner === nodes[0]) expect(after.ownerOf(key)).not.toBe(owner);
        else expect(after.ownerOf(key)).toBe(owner);
      }
    }),
  );
});

test('every host finds the same owners, in whatever order it learnt of the nodes', () => {
  fc.assert(
    fc.property(names, keys, (nodes, someKeys) => {
      const reversed = ringOf(nodes.toReversed());
      for (const key of someKeys) expect(reversed.ownersOf(key, 3)).toEqual(ringOf(nodes).ownersOf(key, 3));
    }),
  );
});

test('copies lie on different nodes, as many as there are', () => {
  const ring = ringOf(['a', 'b', 'c']);
  expect(new Set(ring.ownersOf('key', 2)).size).toBe(2);
  expect([...ring.ownersOf('key', 9)].sort()).toEqual(['a', 'b', 'c']);
  expect(ring.ownersOf('key', 9)[0]).toBe(ring.ownerOf('key'));
});

test('shares follow the weights', () => {
  const ring = new HashRing([{ name: 'a' }, { name: 'b' }, { name: 'c', weight: 2 }]);
  const shares = new Map<string | undefined, number>();
  for (let index = 0; index < 20_000; index++) {
    const owner = ring.ownerOf(`key-${index}`);
    shares.set(owner, (shares.get(owner) ?? 0) + 1 / 20_000);
  }
  expect(Math.abs(shares.get('a')! - 0.25)).toBeLessThan(0.06);
  expect(Math.abs(shares.get('b')! - 0.25)).toBeLessThan(0.06);
  expect(Math.abs(shares.get('c')! - 0.5)).toBeLessThan(0.06);
});

test('an empty ring owns nothing', () => {
  expect(new HashRing([]).ownerOf('key')).toBeUndefined();
});

test('two nodes of one name, or a weight of nothing, are bugs', () => {
  expect(() => ringOf(['a', 'a'])).toThrow('different names');
  expect(() => new HashRing([{ name: 'a', weight: 0 }])).toThrow('a weight above 0');
});
