/**
 * Draws a trace as a waterfall in SVG: a bar a span, nested as they hang together, undos joined to what they undo, attempts
 * and failures to be seen at a glance, readable on light and dark pages. Pure: from spans to text.
 */
import { escaped, page, round } from './svg.js';

/** One span of a trace, in whatever store it was. Instants are ms since the epoch. */
export interface DrawnSpan {
  readonly id: string;
  readonly parentId?: string;
  readonly name: string;
  /** The process that told it. */
  readonly service: string;
  readonly startMs: number;
  readonly durationMs: number;
  /** What became of it; drawn after its length. */
  readonly outcome?: string;
  readonly attempt?: number;
  readonly isFailed: boolean;
  /** The business said no. */
  readonly isRefused: boolean;
  readonly isUndo: boolean;
  /** Somebody outside asked us over HTTP. */
  readonly isRequest: boolean;
  /** Of the span that it undoes. */
  readonly undoes?: string;
}

interface Row {
  readonly span: DrawnSpan;
  readonly depth: number;
}

const width = 1_000;
const labelWidth = 330;
const noteWidth = 150;
const rowHeight = 24;
const top = 58;
const barsFrom = labelWidth + 12;
const barsWidth = width - barsFrom - noteWidth;
const shortestBar = 2;

/** The whole picture. `title` says what it shows. */
export function waterfall(title: string, spans: readonly DrawnSpan[]): string {
  const rows = rowsOf(spans);
  const from = Math.min(...spans.map(({ startMs }) => startMs));
  const until = Math.max(...spans.map(({ startMs, durationMs }) => startMs + durationMs));
  const x = (ms: number): number => barsFrom + ((ms - from) / Math.max(1, until - from)) * barsWidth;
  const height = top + rows.length * rowHeight + 34;
  const body = [
    head,
    ...axis(until - from, height, (ms) => x(from + ms)),
    ...rows.map((row, index) => drawnRow(row, index, x)),
    ...undoLinks(rows, x),
    ...legend(height),
  ];
  return page({ width, height, title, style, dark, body });
}

/** Parents before their children, those in order of time. Spans whose parent is missing stand at the top. */
function rowsOf(spans: readonly DrawnSpan[]): readonly Row[] {
  const ids = new Set(spans.map(({ id }) => id));
  const below = (parentId: string | undefined, depth: number): readonly Row[] =>
    spans
      .filter((span) => (ids.has(span.parentId ?? '') ? span.parentId : undefined) === parentId)
      .toSorted((left, right) => left.startMs - right.startMs || left.id.localeCompare(right.id))
      .flatMap((span) => [{ span, depth }, ...below(span.id, depth + 1)]);
  return below(undefined, 0);
}

function drawnRow({ span, depth }: Row, index: number, x: (ms: number) => number): string {
  const y = top + index * rowHeight;
  const { name, service, startMs, durationMs, isFailed, attempt = 1 } = span;
  const from = x(startMs);
  const length = Math.max(shortestBar, x(startMs + durationMs) - from);
  const again = attempt > 1 ? ` (attempt ${attempt})` : '';
  return [
    index % 2 === 1
      ? `<rect class="stripe" x="8" y="${y}" width="${width - 16}" height="${rowHeight}"/>`
      : '',
    `<text class="${isFailed ? 'name failed-text' : 'name'}" x="${14 + depth * 14}" y="${y + 16}">${escaped(name)}<tspan class="quiet">${escaped(again)} · ${escaped(service)}</tspan></text>`,
    `<rect class="${classOf(span, depth)}" x="${round(from)}" y="${y + 6}" width="${round(length)}" height="12" rx="2"/>`,
    `<text class="note" x="${round(from + length + 6)}" y="${y + 16}">${escaped(noteOf(span))}</text>`,
  ].join('');
}

function classOf({ isFailed, isRefused, isUndo, isRequest, name }: DrawnSpan, depth: number): string {
  if (isFailed) return 'failed';
  if (isRefused) return 'refused';
  if (isUndo) return 'undo';
  if (name === 'wait') return 'wait';
  if (isRequest || depth === 0) return 'whole';
  return depth === 1 ? 'asked' : 'handled';
}

function noteOf({ durationMs, outcome }: DrawnSpan): string {
  return [lengthOf(durationMs), outcome].filter((part) => part !== undefined).join(' ');
}

/** A curve from an undo up to what it undoes, to the left of both bars. */
function undoLinks(rows: readonly Row[], x: (ms: number) => number): readonly string[] {
  const place = (index: number, { startMs }: DrawnSpan) => ({
    left: x(startMs),
    middle: top + index * rowHeight + rowHeight / 2,
  });
  return rows.flatMap(({ span }, index) => {
    const at = rows.findIndex((row) => row.span.id === span.undoes);
    const undone = rows[at];
    if (undone === undefined) return [];
    const [begin, end] = [place(index, span), place(at, undone.span)];
    const bend = Math.min(begin.left, end.left) - 26;
    return [
      `<path class="link" marker-end="url(#head)" d="M${round(begin.left)} ${begin.middle} C${round(bend)} ${begin.middle} ${round(bend)} ${end.middle} ${round(end.left - 3)} ${end.middle}"/>`,
    ];
  });
}

function axis(lengthMs: number, height: number, x: (ms: number) => number): readonly string[] {
  const step = stepFor(lengthMs);
  const ticks = Array.from({ length: Math.floor(lengthMs / step) + 1 }, (_, index) => index * step);
  return ticks.map(
    (ms) =>
      `<line class="tick" x1="${round(x(ms))}" x2="${round(x(ms))}" y1="${top - 6}" y2="${height - 30}"/><text class="quiet" x="${round(x(ms))}" y="${top - 11}" text-anchor="middle">${lengthOf(ms)}</text>`,
  );
}

/** Four to ten ticks, at round numbers. */
function stepFor(lengthMs: number): number {
  const rough = Math.max(1, lengthMs / 8);
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * magnitude).find((step) => step >= rough) ?? rough;
}

function lengthOf(ms: number): string {
  return ms >= 1_000 ? `${Number((ms / 1_000).toFixed(2))} s` : `${Math.round(ms)} ms`;
}

function legend(height: number): readonly string[] {
  const kinds = [
    ['whole', 'transaction, request'],
    ['asked', 'asked by the orchestrator'],
    ['handled', 'handled by a participant'],
    ['undo', 'undo, joined to what it undoes'],
    ['refused', 'refused'],
    ['failed', 'failed'],
  ] as const;
  let x = 14;
  return kinds.map(([kind, meaning]) => {
    const drawn = `<rect class="${kind}" x="${x}" y="${height - 20}" width="14" height="10" rx="2"/><text class="quiet" x="${x + 20}" y="${height - 11}">${meaning}</text>`;
    x += 44 + meaning.length * 6.6;
    return drawn;
  });
}

const style = `  .failed-text { fill: #b3261e; }
  .stripe { fill: #818b98; fill-opacity: 0.08; }
  .whole { fill: #6e7781; } .asked { fill: #0969da; } .handled { fill: #54a3f2; } .wait { fill: #afb8c1; }
  .undo { fill: #8250df; } .refused { fill: #bf8700; } .failed { fill: #d1242f; }
  .link { fill: none; stroke: #8250df; stroke-width: 1.4; stroke-dasharray: 4 3; }
  .head { fill: #8250df; }`;

const dark = `    .failed-text { fill: #ff7b72; } .whole { fill: #8b949e; } .asked { fill: #4493f8; } .handled { fill: #79c0ff; }
    .undo { fill: #ab7df8; } .refused { fill: #d29922; } .failed { fill: #f85149; } .link { stroke: #ab7df8; } .head { fill: #ab7df8; }`;

const head = `<defs><marker id="head" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 0L6 3L0 6z"/></marker></defs>`;
