/**
 * Goal: a picture of a trace shows what hangs under what, how long it took, and what became of it. Method: a few spans, and
 * what is drawn of them is looked for in the text.
 */
import { expect, test } from '@jest/globals';
import { waterfall, type DrawnSpan } from './waterfall.js';

const span = (id: string, startMs: number, durationMs: number, more: Partial<DrawnSpan> = {}): DrawnSpan => ({
  id,
  name: id,
  service: 'orchestrator',
  startMs,
  durationMs,
  isFailed: false,
  isRefused: false,
  isUndo: false,
  isRequest: false,
  ...more,
});

const spans = [
  span('charge again', 1_300, 100, { parentId: 'order', attempt: 2 }),
  span('order', 1_000, 1_000),
  span('handled', 1_310, 50, { parentId: 'charge again', service: 'payment' }),
  span('charge', 1_100, 100, { parentId: 'order', isFailed: true, outcome: 'PROVIDER_UNAVAILABLE' }),
  span('refund', 1_500, 250, { parentId: 'order', isUndo: true, undoes: 'charge again' }),
];
const picture = waterfall('A <charge> & its "refund"', spans);
const names = [...picture.matchAll(/class="name[^"]*" x="(\d+)" y="(\d+)">([^<]+)</g)].map(
  ([, x, y, name]) => [name, Number(x), Number(y)] as const,
);

test('a span stands below its parent, further in, and those of one parent in order of time', () => {
  expect(names.map(([name]) => name)).toEqual(['order', 'charge', 'charge again', 'handled', 'refund']);
  expect(names.map(([, x]) => x)).toEqual([14, 28, 28, 42, 28]);
  const lines = names.map(([, , y]) => y);
  expect(lines).toEqual(lines.toSorted((left, right) => left - right));
});

test('a bar is as long as its span is of the whole', () => {
  const bars = [
    ...picture.matchAll(/<rect class="(\w+)" x="([\d.]+)" y="\d+" width="([\d.]+)" height="12"/g),
  ];
  const [whole, failed] = bars.map(([, kind, , width]) => ({ kind, width: Number(width) }));
  expect(whole?.kind).toBe('whole');
  expect(failed?.kind).toBe('failed');
  expect((failed?.width ?? 0) / (whole?.width ?? 1)).toBeCloseTo(0.1, 2);
  expect(bars.map(([, kind]) => kind)).toEqual(['whole', 'failed', 'asked', 'handled', 'undo']);
});

test('attempts, lengths and outcomes are told, and an undo is joined to what it undoes', () => {
  expect(picture).toContain('(attempt 2)');
  expect(picture).toContain('100 ms PROVIDER_UNAVAILABLE');
  expect(picture).toContain('>1 s<');
  expect(picture.match(/<path class="link"/g)).toHaveLength(1);
});

test('what a span says cannot become markup', () => {
  expect(picture).toContain('A &lt;charge&gt; &amp; its &quot;refund&quot;');
  expect(waterfall('x', [span('</text><script>', 0, 1)])).not.toContain('<script>');
});

test('a span whose parent is not there stands at the top, and one that took no time is still seen', () => {
  const alone = waterfall('x', [span('a', 0, 0, { parentId: 'gone' })]);
  expect(alone).toMatch(/<rect class="whole" x="[\d.]+" y="\d+" width="2"/);
});
