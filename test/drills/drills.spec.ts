/** The drills and their page say the same, and one that cannot be held says so instead of doing half. */
import { expect, jest, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { drills } from './drills.js';
import { Lull } from './lull.js';
import { requestsOf } from './repeat.js';

test('the page of drills names each of them, and no other', () => {
  const page = readFileSync('docs/operating/drills.md', 'utf8');
  const named = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(named.toSorted()).toEqual(Object.keys(drills).toSorted());
});

test('what cuts connections is refused where there are none to cut', async () => {
  const links: string[] = [];
  const scene = {
    pids: () => ({}),
    links: undefined,
    disk: undefined,
    brokers: '',
    say: (text: string) => void links.push(text),
  };
  await expect(drills['partition-payment']!.act(scene)).rejects.toThrow('no links');
  expect(
    Object.values(drills)
      .filter((drill) => drill.needsLinks === true)
      .map(({ title }) => title),
  ).toHaveLength(2);
});

test('the longest time without an end counts from the break on', () => {
  const lull = new Lull();
  lull.sawEnd();
  expect(lull.longestMs).toBe(0);
  const now = jest.spyOn(performance, 'now');
  now.mockReturnValueOnce(1_000);
  lull.begin();
  for (const at of [1_200, 5_200, 5_300]) {
    now.mockReturnValueOnce(at);
    lull.sawEnd();
  }
  now.mockRestore();
  expect(lull.longestMs).toBe(4_000);
});

test('what is said again goes in requests that the broker takes, in its order, and a large record alone', () => {
  const record = (key: string, bytes: number) => ({ key, value: 'x'.repeat(bytes) });
  const records = [record('a', 40), record('b', 40), record('c', 40), record('d', 400), record('e', 1)];
  const parts = requestsOf(records, 100).map((part) => part.map(({ key }) => key));
  expect(parts).toEqual([['a', 'b'], ['c'], ['d'], ['e']]);
  expect(requestsOf([], 100)).toEqual([]);
});
