/**
 * Goal: pictures show figures where they belong. Method: figures that are known, looked for in the text of the picture.
 */
import { expect, test } from '@jest/globals';
import { bars, niceCeiling, short, smallMultiples } from './pictures.js';

const picture = smallMultiples('Growth & <clients>', 'clients', [
  {
    title: 'CPU-ms',
    curves: [
      {
        name: 'CPU-ms',
        points: [
          [1, 8],
          [10, 4],
          [100, 2],
        ],
      },
    ],
  },
  {
    title: 'latency, ms',
    curves: [
      { name: 'p50', points: [[1, 5]] },
      { name: 'p99', points: [[1, 9]] },
    ],
  },
]);
const dots = [...picture.matchAll(/<circle class="f(\d)" cx="([\d.]+)" cy="([\d.]+)"/g)].map(
  ([, colour, x, y]) => ({
    colour,
    x: Number(x),
    y: Number(y),
  }),
);

test('each decade is as wide as the last, and more stands higher', () => {
  const [one, ten, hundred] = dots;
  expect((ten?.x ?? 0) - (one?.x ?? 0)).toBeCloseTo((hundred?.x ?? 0) - (ten?.x ?? 0), 0);
  expect(dots.slice(0, 3).map(({ y }) => y)).toEqual(
    dots
      .slice(0, 3)
      .map(({ y }) => y)
      .toSorted((a, b) => a - b),
  );
});

test('curves of one panel differ, and a single point needs no line', () => {
  expect(dots.slice(3).map(({ colour }) => colour)).toEqual(['0', '1']);
  expect(picture.match(/<path class="curve/g)).toHaveLength(1);
  expect(picture).toContain('>p99</text>');
});

test('a title cannot become markup, and a dot tells its figures', () => {
  expect(picture).toContain('Growth &amp; &lt;clients&gt;');
  expect(picture).toContain('<title>CPU-ms at 100: 2</title>');
  expect(picture).toContain('prefers-color-scheme: dark');
});

test('bars are as long as they cost, their parts beside each other', () => {
  const drawn = bars('Rows', 'CPU-ms', [
    {
      name: 'floor',
      parts: [
        ['node', 0.1],
        ['postgres', 0.3],
      ],
      note: '1 floor',
    },
    { name: 'local', parts: [['node', 0.8]], note: '2 floors' },
  ]);
  const rects = [...drawn.matchAll(/<rect class="f(\d)" x="([\d.]+)" y="\d+" width="([\d.]+)" height="16"/g)];
  const [node, postgres, local] = rects.map(([, colour, x, width]) => ({
    colour,
    x: Number(x),
    width: Number(width),
  }));
  expect(postgres?.x).toBeCloseTo((node?.x ?? 0) + (node?.width ?? 0), 0);
  expect((local?.width ?? 0) / (node?.width ?? 1)).toBeCloseTo(8, 0);
  expect([node?.colour, postgres?.colour, local?.colour]).toEqual(['0', '1', '0']);
  expect(drawn).toContain('2 floors');
});

test('scales end at round numbers, and labels are short', () => {
  expect([0, 0.7, 1, 1.2, 23, 310, 6_000].map(niceCeiling)).toEqual([1, 1, 1, 2, 25, 500, 10_000]);
  expect([0, 0.5, 16, 2_000, 10_000_000].map(short)).toEqual(['0', '0.5', '16', '2k', '10M']);
});
