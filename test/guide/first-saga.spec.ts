/**
 * Goal: whoever follows the guide word for word has a saga that compiles and whose tests pass.
 * Method: its blocks are written out as files; the compiler and Node are the judges.
 */
import { afterAll, expect, jest, test } from '@jest/globals';
import { openGuide } from './guide.js';

jest.setTimeout(120_000);
const guide = openGuide('docs/guide/first-saga.md');
afterAll(() => guide.remove());

test('the guide names every file that it needs', () => {
  expect(guide.files).toEqual([
    'operations.ts',
    'lend-book.saga.ts',
    'lend-book.test.ts',
    'shelf.ts',
    'till.ts',
    'main.ts',
  ]);
});

test('every block of code compiles', async () => {
  expect(await guide.compile()).toEqual({ code: 0, text: '' });
});

test('the tests of the guide pass, without jest', async () => {
  const { code, text } = await guide.run('lend-book.test.ts', { timeoutMs: 60_000 });
  expect(text).toMatch(/pass 5$/m);
  expect(text).toMatch(/fail 0$/m);
  expect(code).toBe(0);
});
