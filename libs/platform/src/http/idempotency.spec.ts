/**
 * Goal: which keys are taken, and when two bodies are the same request. Method: values in, values out.
 */
import { describe, expect, test } from '@jest/globals';
import { fingerprint, idempotencyKey } from './idempotency.js';

describe('a fingerprint', () => {
  test('B29: the order of keys and the spacing do not matter, at any depth', () => {
    const one: unknown = JSON.parse('{"a":1,"b":{"c":[1,2],"d":"x"}}');
    const other: unknown = JSON.parse('{ "b" : { "d":"x", "c":[1,2] }, "a" : 1 }');
    expect(fingerprint(one)).toBe(fingerprint(other));
    expect(fingerprint(one)).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each([
    [{ a: 1 }, { a: '1' }],
    [{ a: [1, 2] }, { a: [2, 1] }],
    [{ a: null }, {}],
    [{ a: { b: 1 } }, { 'a.b': 1 }],
    [['a', 'b'], ['a,b']],
    [{}, []],
    [{ a: 'x","b":"y' }, { a: 'x', b: 'y' }],
  ])('tells %j from %j', (one, other) => {
    expect(fingerprint(one)).not.toBe(fingerprint(other));
  });

  test('a field that is undefined is a field that is absent', () => {
    expect(fingerprint({ a: 1, b: undefined })).toBe(fingerprint({ a: 1 }));
  });
});

describe('an idempotency key', () => {
  test('B66: 50 000 characters are judged within 50 ms', () => {
    const begun = performance.now();
    expect(idempotencyKey.safeParse(`${'a'.repeat(50_000)}!`).success).toBe(false);
    expect(performance.now() - begun).toBeLessThan(50);
  });

  test('B28: case is kept', () => {
    expect(idempotencyKey.parse('aB')).toBe('aB');
  });
});
