/**
 * Goal: nobody who waits is passed over for ever, neither for want of rank nor for want of numbers.
 * Method: a plain list as the model, and fast-check over comings and goings.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FairQueue } from './fair-queue.js';

const ageingMs = 1_000;

interface Guest {
  readonly tenant: string;
  readonly priority: number;
  readonly at: number;
  readonly name: number;
}

/** Comings in the order of time, and `undefined` where one is served. */
const comingsAndGoings = fc
  .array(
    fc.option(
      fc.record({
        tenant: fc.constantFrom('a', 'b', 'c'),
        priority: fc.integer({ min: 0, max: 9 }),
        afterMs: fc.integer({ min: 0, max: 3_000 }),
      }),
      { nil: undefined },
    ),
    { maxLength: 200 },
  )
  .map((steps) => {
    let at = 0;
    return steps.map((step, name) => {
      if (step === undefined) return undefined;
      at += step.afterMs;
      return { tenant: step.tenant, priority: step.priority, at, name };
    });
  });

function serve(steps: readonly (Guest | undefined)[], onServed: (guest: Guest, waiting: Guest[]) => void) {
  const queue = new FairQueue<Guest>(ageingMs);
  const waiting: Guest[] = [];
  for (const step of steps) {
    if (step !== undefined) {
      queue.put(step, step);
      waiting.push(step);
      continue;
    }
    const guest = queue.take();
    expect(guest === undefined).toBe(waiting.length === 0);
    if (guest === undefined) continue;
    waiting.splice(waiting.indexOf(guest), 1);
    onServed(guest, waiting);
  }
  expect(queue.size).toBe(waiting.length);
}

test('S89: within a tenant a level of priority is worth its time of waiting, and no more', () => {
  fc.assert(
    fc.property(comingsAndGoings, (steps) => {
      serve(steps, (guest, waiting) => {
        for (const other of waiting.filter(({ tenant }) => tenant === guest.tenant))
          expect(guest.at - other.at).toBeLessThanOrEqual((guest.priority - other.priority) * ageingMs);
      });
    }),
  );
});

test('S89: high priority comes without end, and the low one is served within its ageing limit', () => {
  const queue = new FairQueue<string>(ageingMs);
  queue.put('low', { tenant: 'a', priority: 0, at: 0 });
  let servedAt: number | undefined;
  for (let at = 0; servedAt === undefined && at < 60_000; at += 10) {
    queue.put('high', { tenant: 'a', priority: 9, at });
    if (queue.take() === 'low') servedAt = at;
  }
  expect(servedAt).toBeGreaterThan(8 * ageingMs);
  expect(servedAt).toBeLessThanOrEqual(9 * ageingMs + 10);
});

test('S90: between two servings of a tenant that waits, every other is served once at most', () => {
  fc.assert(
    fc.property(comingsAndGoings, (steps) => {
      const servedSince = new Map<string, Map<string, number>>();
      serve(steps, (guest, waiting) => {
        servedSince.set(guest.tenant, new Map());
        for (const tenant of new Set(waiting.map((each) => each.tenant))) {
          if (tenant === guest.tenant) continue;
          const others = servedSince.get(tenant) ?? new Map<string, number>();
          others.set(guest.tenant, (others.get(guest.tenant) ?? 0) + 1);
          servedSince.set(tenant, others);
          expect(others.get(guest.tenant)).toBe(1);
        }
      });
    }),
  );
});

test('S90: one tenant brings 100,000, and the single one of another is served second', () => {
  const queue = new FairQueue<string>(ageingMs);
  for (let index = 0; index < 100_000; index++)
    queue.put('theirs', { tenant: 'crowd', priority: 9, at: index });
  queue.put('ours', { tenant: 'single', priority: 0, at: 100_000 });
  expect([queue.take(), queue.take(), queue.take()]).toEqual(['theirs', 'ours', 'theirs']);
});

describe('in an empty queue', () => {
  test('there is nobody to take', () => {
    expect(new FairQueue(ageingMs).take()).toBeUndefined();
  });

  test('those of one rank are served as they came', () => {
    const queue = new FairQueue<number>(0);
    for (const item of [1, 2, 3, 4, 5]) queue.put(item, { tenant: 'a', priority: item, at: 7 });
    expect([1, 2, 3, 4, 5].map(() => queue.take())).toEqual([1, 2, 3, 4, 5]);
  });
});
