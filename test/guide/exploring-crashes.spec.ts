/**
 * Goal: whoever follows the page on exploring crashes finds the mistake that it shows, and then none. Method: its blocks, behind
 * those of the first saga, written out as files; the compiler, Node and the command line are the judges.
 */
import { afterAll, expect, jest, test } from '@jest/globals';
import { openGuide } from './guide.js';

jest.setTimeout(180_000);
const guide = openGuide('docs/guide/first-saga.md', 'docs/guide/exploring-crashes.md');
afterAll(() => guide.remove());

test('every block of code compiles behind those of the first saga', async () => {
  expect(guide.files.slice(-2)).toEqual(['lend-book.exploration.ts', 'lend-book.exploration.test.ts']);
  expect(await guide.compile()).toEqual({ code: 0, text: '' });
});

test('the mistake is found, told as the page says, and ends the command with 1', async () => {
  const { code, text } = await guide.explore('lend-book.exploration.ts#answered', { timeoutMs: 90_000 });
  expect(guide.promised).not.toBe('');
  expect(text.slice(0, guide.promised.length)).toBe(guide.promised);
  expect(text.slice(guide.promised.length)).toMatch(/^\nWhat happened\n/);
  expect(code).toBe(1);
});

test('without it the test of the page passes, without jest', async () => {
  const { code, text } = await guide.run('lend-book.exploration.test.ts', { timeoutMs: 120_000 });
  expect(text).toMatch(/pass 1$/m);
  expect(code).toBe(0);
});
