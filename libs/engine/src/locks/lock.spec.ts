/**
 * Goal: of all who claim one key, those hold it together whom their policies allow, and what is held stays held.
 * Method: queues as data; fast-check draws claims, and in any order in which they come and leave looks at all of them.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { blockersOf, judgeClaim, type LockPolicy, type LockRow } from './lock.js';

const row = (transactionId: string, place: number, policy: LockPolicy = 'wait', key = 'order/7'): LockRow => {
  return { transactionId, place, policy, key, branchId: `lock-${place}`, canYield: true, startedAt: place };
};
const granted = (version: number) => ({ outcome: 'granted', version });

describe('a claim', () => {
  test('S101: of a key that nobody holds is held at once, and its version is its place', () => {
    expect(judgeClaim(row('b', 5), [row('b', 5), row('a', 1, 'wait', 'order/8')])).toEqual(granted(5));
  });

  test('S101: of a key that is held waits, fails or goes on, as declared', () => {
    const judge = (policy: LockPolicy) => judgeClaim(row('b', 2, policy), [row('a', 1), row('b', 2, policy)]);
    expect(judge('wait')).toBeUndefined();
    expect(judge('commutative')).toBeUndefined();
    expect(judge('fail')).toEqual({ outcome: 'held', by: ['a'] });
    expect(judge('reread')).toEqual(granted(2));
  });

  test('commutative claims share a key; whoever does not share waits for all of them, and they for whoever came before', () => {
    const queue = [
      row('a', 1, 'commutative'),
      row('b', 2, 'commutative'),
      row('c', 3),
      row('d', 4, 'commutative'),
    ];
    const judged = queue.map((each) => judgeClaim(each, queue));
    expect(judged).toEqual([granted(1), granted(2), undefined, undefined]);
    expect(blockersOf(queue[2]!, queue).map(({ transactionId }) => transactionId)).toEqual(['a', 'b']);
    expect(blockersOf(queue[3]!, queue).map(({ transactionId }) => transactionId)).toEqual(['c']);
  });

  test('S30: who rereads keeps nobody waiting, and has the newer version of the two', () => {
    const queue = [row('a', 1), row('b', 2, 'reread'), row('c', 3)];
    expect(judgeClaim(queue[1]!, queue)).toEqual(granted(2));
    expect(blockersOf(queue[2]!, queue).map(({ transactionId }) => transactionId)).toEqual(['a']);
  });

  test('nobody waits for themselves, nor behind those who wait for them', () => {
    const queue = [row('a', 1), row('b', 2), row('a', 3)];
    expect(judgeClaim(queue[2]!, queue)).toEqual(granted(3));
  });

  test('who only shares a key waits for the others who do, before having it alone', () => {
    const queue = [row('a', 1, 'commutative'), row('b', 2, 'commutative'), row('a', 3)];
    expect(blockersOf(queue[2]!, queue)).toEqual([queue[1]]);
  });
});

/** Comings and goings at one key. Whoever goes gives up all they hold, for a transaction ends as a whole. */
const steps = fc.array(
  fc.oneof(
    fc.record({
      who: fc.nat({ max: 5 }),
      policy: fc.constantFrom<LockPolicy[]>('wait', 'fail', 'commutative', 'reread'),
    }),
    fc.record({ leaves: fc.nat({ max: 5 }) }),
  ),
  { maxLength: 30 },
);

describe('whoever comes and goes', () => {
  const forEveryQueue = (check: (queue: readonly LockRow[], before: readonly LockRow[]) => void) =>
    fc.assert(
      fc.property(steps, (drawn) => {
        let queue: readonly LockRow[] = [];
        drawn.forEach((step, index) => {
          const before = queue;
          queue =
            'who' in step
              ? [...queue, row(`t-${step.who}`, index + 1, step.policy)]
              : queue.filter(({ transactionId }) => transactionId !== `t-${step.leaves}`);
          check(queue, before);
        });
      }),
      { numRuns: 1_000 },
    );
  const held = (queue: readonly LockRow[]) => queue.filter((each) => blockersOf(each, queue).length === 0);

  test('S101: two hold one key together only if both say that they commute, or one of them rereads', () => {
    forEveryQueue((queue) => {
      const holders = held(queue).filter(({ policy }) => policy !== 'reread');
      for (const a of holders)
        for (const b of holders) {
          if (a.transactionId === b.transactionId) continue;
          expect([a.policy, b.policy]).toEqual(['commutative', 'commutative']);
        }
    });
  });

  test('S101: what is held stays held until it is given up, whoever else comes or goes', () => {
    forEveryQueue((queue, before) => {
      for (const each of held(before)) if (queue.includes(each)) expect(held(queue)).toContain(each);
    });
  });

  test('the first in the queue always holds, so a key is never waited for in vain', () => {
    forEveryQueue((queue) => {
      if (queue.length > 0) expect(held(queue)).toContain(queue[0]);
    });
  });
});
