/**
 * Goal: every process derives the same ids and the same choice from a transaction's id, and believes no traceparent that is
 * none. Method: examples and properties.
 */
import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isSampled, readTraceparent, rootSpanIdOf, spanIdFrom, traceIdOf } from './span.js';

const id = '0199a1b2-c3d4-7e5f-8a6b-0c1d2e3f4a5b';

test('I29: the trace and its root follow from the transaction', () => {
  expect(traceIdOf(id)).toBe('0199a1b2c3d47e5f8a6b0c1d2e3f4a5b');
  expect(rootSpanIdOf(id)).toBe('8a6b0c1d2e3f4a5b');
});

test('a span id is the same for the same name, and another for another', () => {
  expect(spanIdFrom('a/action/1/1')).toMatch(/^[0-9a-f]{16}$/);
  expect(spanIdFrom('a/action/1/1')).toBe(spanIdFrom('a/action/1/1'));
  expect(spanIdFrom('a/action/1/1')).not.toBe(spanIdFrom('a/action/1/2'));
});

test('head sampling keeps all, none, or about its share', () => {
  fc.assert(fc.property(fc.uuid({ version: 7 }), (uuid) => isSampled(uuid, 1) && !isSampled(uuid, 0)));
  const kept = Array.from({ length: 20_000 }, () => randomUUID()).filter((uuid) => isSampled(uuid, 0.1));
  expect(kept.length).toBeGreaterThan(1_600);
  expect(kept.length).toBeLessThan(2_400);
});

test('a trace that is kept under a ratio is kept under every higher one', () => {
  const ratio = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.uuid({ version: 7 }), ratio, ratio, (uuid, one, other) => {
      const [low, high] = [Math.min(one, other), Math.max(one, other)];
      return !isSampled(uuid, low) || isSampled(uuid, high);
    }),
  );
});

test.each([
  undefined,
  '',
  '00-xyz',
  '00-00000000000000000000000000000000-8a6b0c1d2e3f4a5b-01',
  '00-0199a1b2c3d47e5f8a6b0c1d2e3f4a5b-0000000000000000-01',
  `00-${'0'.repeat(31)}1-8a6b0c1d2e3f4a5b-01-more`,
])('%s is no traceparent', (text) => {
  expect(readTraceparent(text)).toBeUndefined();
});

test('a traceparent says whose child, and whether it is kept', () => {
  const reference = { traceId: traceIdOf(id), spanId: rootSpanIdOf(id) };
  expect(readTraceparent(`00-${reference.traceId}-${reference.spanId}-01`)).toEqual({
    ...reference,
    isSampled: true,
  });
  expect(readTraceparent(`00-${reference.traceId}-${reference.spanId}-00`)).toMatchObject({
    isSampled: false,
  });
});
