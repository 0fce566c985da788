/**
 * Goal: vectors tell causality exactly. Method: algebra on random vectors, and random exchanges compared with the
 * true causal past of every event, kept as plain sets.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  compareVectors,
  mergeVectors,
  VectorClock,
  type Causality,
  type VectorTime,
} from './vector-clock.js';

const vector = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), fc.nat(3))
  .map((counts): VectorTime => new Map(Object.entries(counts)));

const mirrored: Record<Causality, Causality> = {
  before: 'after',
  after: 'before',
  concurrent: 'concurrent',
  equal: 'equal',
};

test('comparing the other way round mirrors the answer, and a vector equals itself', () => {
  fc.assert(
    fc.property(vector, vector, (left, right) => {
      expect(compareVectors(right, left)).toBe(mirrored[compareVectors(left, right)]);
      expect(compareVectors(left, new Map(left))).toBe('equal');
    }),
  );
});

test('merging is commutative, associative and idempotent, and is before neither', () => {
  fc.assert(
    fc.property(vector, vector, vector, (left, middle, right) => {
      const same = (one: VectorTime, other: VectorTime) => expect(compareVectors(one, other)).toBe('equal');
      same(mergeVectors(left, right), mergeVectors(right, left));
      same(mergeVectors(mergeVectors(left, middle), right), mergeVectors(left, mergeVectors(middle, right)));
      same(mergeVectors(left, left), left);
      expect(['after', 'equal']).toContain(compareVectors(mergeVectors(left, right), left));
    }),
  );
});

test('an absent node counts as zero', () => {
  expect(compareVectors(new Map([['a', 0]]), new Map())).toBe('equal');
});

test('before, after and concurrent are exactly what the causal past says', () => {
  const step = fc.record({ node: fc.nat(2), from: fc.option(fc.nat(30)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const clocks = ['x', 'y', 'z'].map((node) => new VectorClock(node));
      const pasts = clocks.map(() => new Set<number>());
      const events: { time: VectorTime; past: ReadonlySet<number> }[] = [];
      for (const { node, from } of steps) {
        const message = from === null ? undefined : events[from];
        const time = message === undefined ? clocks[node]!.tick() : clocks[node]!.observe(message.time);
        const past = new Set([...pasts[node]!, ...(message?.past ?? []), events.length]);
        pasts[node] = past;
        events.push({ time, past });
      }
      events.forEach((left, leftIndex) =>
        events.forEach((right, rightIndex) => {
          const led = right.past.has(leftIndex);
          const followed = left.past.has(rightIndex);
          const truth = led && followed ? 'equal' : led ? 'before' : followed ? 'after' : 'concurrent';
          expect(compareVectors(left.time, right.time)).toBe(truth);
        }),
      );
    }),
    { numRuns: 40 },
  );
});

test('a time handed out is not changed by what follows', () => {
  const clock = new VectorClock('a');
  const first = clock.tick();
  clock.tick();
  expect([...first]).toEqual([['a', 1]]);
});
