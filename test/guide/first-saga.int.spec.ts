/**
 * Goal: what the guide says is printed is printed. Method: its program, as it stands on the page, on an embedded Postgres.
 */
import { afterAll, expect, jest, test } from '@jest/globals';
import { openGuide } from './guide.js';

jest.setTimeout(120_000);
const guide = openGuide('docs/guide/first-saga.md');
afterAll(() => guide.remove());

test('the library lends, puts back and refuses as the guide says', async () => {
  expect(guide.promised).not.toBe('');
  const { code, text } = await guide.run('main.ts', { timeoutMs: 90_000 });
  expect(text).toBe(guide.promised);
  expect(code).toBe(0);
});
