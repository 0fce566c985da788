/**
 * Goal: ids are well-formed, carry their instant and do not meet. Method: any instant, and many ids at once.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { derivedUuid, isUuid, uuidv7 } from './identifiers.js';

const instant = fc.integer({ min: 0, max: 2 ** 48 - 1 });

test('every id is a canonical UUID of version 7 that carries its instant', () => {
  fc.assert(
    fc.property(instant, (nowMs) => {
      const id = uuidv7(nowMs);
      expect(isUuid(id)).toBe(true);
      expect(id[14]).toBe('7');
      expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(nowMs);
    }),
  );
});

test('ids of different milliseconds sort by time', () => {
  fc.assert(
    fc.property(instant, instant, (left, right) => {
      fc.pre(left < right);
      expect(uuidv7(left) < uuidv7(right)).toBe(true);
    }),
  );
});

test('ids that are made in a row for one millisecond sort in the order of their making', () => {
  fc.assert(
    fc.property(instant, (nowMs) => {
      const ids = Array.from({ length: 200 }, () => uuidv7(nowMs));
      expect(ids.toSorted()).toEqual(ids);
    }),
  );
});

test('10,000 ids of one millisecond are all different', () => {
  const ids = new Set(Array.from({ length: 10_000 }, () => uuidv7(1_800_000_000_000)));
  expect(ids.size).toBe(10_000);
});

test('a derived id is canonical, the same for the same origin and name, and lies in the millisecond of its origin', () => {
  const name = fc.string({ maxLength: 30 });
  fc.assert(
    fc.property(instant, name, name, (nowMs, one, other) => {
      const origin = uuidv7(nowMs);
      const id = derivedUuid(origin, one);
      expect(isUuid(id)).toBe(true);
      expect(id[14]).toBe('8');
      expect(id.slice(0, 13)).toBe(origin.slice(0, 13));
      expect(derivedUuid(origin, one)).toBe(id);
      expect(derivedUuid(origin, other) === id).toBe(one === other);
      expect(derivedUuid(uuidv7(nowMs), one)).not.toBe(id);
    }),
  );
});

test.each([
  '',
  'x',
  '018FD0A0-0000-7000-8000-000000000000',
  '018fd0a0-0000-7000-8000-000000000000\n',
  '018fd0a000007000800000000000000',
])('%j is no canonical UUID', (text) => expect(isUuid(text)).toBe(false));
