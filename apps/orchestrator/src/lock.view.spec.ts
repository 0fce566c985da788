/**
 * Goal: an operator sees of each key who holds it, who waits and for whom.
 * Method: rows as data in, what is shown as data out.
 */
import { expect, test } from '@jest/globals';
import type { LockPolicy } from '@sagamore/engine';
import type { StoredLock } from '@sagamore/runtime';
import { lockList, locksView } from './lock.view.js';

const row = (transactionId: string, place: number, key: string, policy: LockPolicy = 'wait'): StoredLock => {
  const bare = { branchId: 'order-lock', canYield: true, startedAt: 1_000, claimedAt: 2_000, shard: 0 };
  return { ...bare, transactionId, place, key, policy };
};
const since = '1970-01-01T00:00:02.000Z';
const shown = { step: 'order-lock', policy: 'wait', since };

test('S101: of each key, who holds it, since when, and who waits for whom', () => {
  const rows = [
    row('a', 1, 'order/7'),
    row('b', 3, 'order/7'),
    row('c', 4, 'order/7'),
    row('b', 2, 'order/8'),
  ];
  const items = locksView(rows);
  expect(items).toEqual([
    {
      key: 'order/7',
      holders: [{ ...shown, transactionId: 'a' }],
      waiters: [
        { ...shown, transactionId: 'b', waitsFor: ['a'] },
        { ...shown, transactionId: 'c', waitsFor: ['a', 'b'] },
      ],
    },
    { key: 'order/8', holders: [{ ...shown, transactionId: 'b' }], waiters: [] },
  ]);
  expect(() => lockList.parse({ items, nextCursor: null })).not.toThrow();
});

test('who shares a key, or rereads, waits for nobody who shares', () => {
  const rows = [row('a', 1, 'k', 'commutative'), row('b', 2, 'k', 'commutative'), row('c', 3, 'k', 'reread')];
  const [item] = locksView(rows);
  expect(item?.holders.map(({ transactionId }) => transactionId)).toEqual(['a', 'b', 'c']);
  expect(item?.waiters).toEqual([]);
});
