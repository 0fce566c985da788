/**
 * Goal: what is made of `Prefer: wait=N` (RFC 7240). Method: header in, milliseconds out.
 */
import { expect, test } from '@jest/globals';
import { preferredWaitMs } from './prefer.js';

test.each([
  ['wait=5', 5_000],
  ['wait = 5', 5_000],
  ['Wait="7"', 7_000],
  ['respond-async, wait=10', 10_000],
  ['wait=10; foo=bar', 10_000],
  ['wait=0', 0],
  ['wait=60', 60_000],
  ['wait=61', 60_000],
  ['wait=999999999', 60_000],
  ['wait=3, wait=9', 3_000],
])('%s asks for %i ms', (header, ms) => {
  expect(preferredWaitMs(header)).toBe(ms);
});

test.each([
  '',
  'wait',
  'wait=',
  'wait=-1',
  'wait=1.5',
  'wait=1e3',
  'wait=x',
  'awaited=5',
  'return=minimal',
  'wait=1 2',
])('%j asks for nothing', (header) => {
  expect(preferredWaitMs(header)).toBe(0);
});

test('no header asks for nothing, and of several the first wait counts', () => {
  expect(preferredWaitMs(undefined)).toBe(0);
  expect(preferredWaitMs(['respond-async', 'wait=4'])).toBe(4_000);
});

test('B66: 50 000 characters are judged within 50 ms', () => {
  const begun = performance.now();
  expect(preferredWaitMs(`wait${' '.repeat(50_000)}=x`)).toBe(0);
  expect(performance.now() - begun).toBeLessThan(50);
});
