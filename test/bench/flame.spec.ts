/**
 * Goal: a flame graph shows who called whom, as wide as it took. Method: a profile of a few samples.
 */
import { expect, test } from '@jest/globals';
import type { Profiler } from 'node:inspector';
import { flame, framesOf } from './flame.js';

const node = (
  id: number,
  functionName: string,
  url: string,
  children: number[] = [],
): Profiler.ProfileNode => ({
  id,
  callFrame: { functionName, url, scriptId: '0', lineNumber: 4, columnNumber: 0 },
  children,
});

const profile: Profiler.Profile = {
  nodes: [
    node(1, '(root)', '', [2, 5]),
    node(2, 'decide', 'file:///house/libs/engine/src/machine.ts', [3, 4]),
    node(3, 'parse<T>', 'file:///house/node_modules/zod/index.js'),
    node(4, '', 'node:internal/timers'),
    node(5, '(idle)', ''),
  ],
  startTime: 0,
  endTime: 10_000,
  samples: [2, 3, 3, 4, 5, 5],
  timeDeltas: [1_000, 2_000, 4_000, 1_000, 50_000, -7],
};

test('time is summed from below, and idling is nobody’s', () => {
  const root = framesOf(profile);
  expect(root.totalUs).toBe(8_000);
  const [decide] = root.callees;
  expect(decide).toMatchObject({ name: 'decide', place: 'machine.ts:5', totalUs: 8_000, selfUs: 1_000 });
  expect(decide?.callees.map(({ name, totalUs }) => [name, totalUs])).toEqual([
    ['parse<T>', 6_000],
    ['(anonymous)', 1_000],
  ]);
});

test('a box is as wide as its time, below its caller, of the colour of who wrote it', () => {
  const boxes = [
    ...flame('local', profile).matchAll(/<g class="frame (\w+)">.*?x="([\d.]+)" y="(\d+)" width="([\d.]+)"/g),
  ].map(([, kind, x, y, width]) => ({ kind, x: Number(x), y: Number(y), width: Number(width) }));
  expect(boxes.map(({ kind }) => kind)).toEqual(['native', 'own', 'package', 'node']);
  const [root, own, library, last] = boxes;
  expect(own?.width).toBe(root?.width);
  expect((library?.width ?? 0) / (own?.width ?? 1)).toBeCloseTo(0.75, 2);
  expect(library?.y).toBeGreaterThan(own?.y ?? 0);
  expect(last?.x).toBeCloseTo((library?.x ?? 0) + (library?.width ?? 0), 0);
});

test('a name cannot become markup, and is told with its time', () => {
  const picture = flame('local', profile);
  expect(picture).toContain('<title>parse&lt;T&gt; index.js:5: 6.0 ms, 75.0 %, itself 6.0 ms</title>');
});

test('a profile of nothing is an empty picture', () => {
  expect(flame('x', { nodes: [], startTime: 0, endTime: 0 })).toContain('</svg>');
});
