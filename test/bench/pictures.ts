/**
 * Figures as pictures in SVG: curves in small multiples over a logarithmic x axis, and bars in parts. Pure: from numbers to
 * text.
 */
import { escaped, page, round } from '../../deploy/observability/svg.js';

/** One line of a panel. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** One of the small multiples: curves that share a unit. */
export interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
}

/** A bar in parts, and what is said behind it. */
export interface Bar {
  readonly name: string;
  readonly parts: readonly (readonly [name: string, value: number])[];
  readonly note: string;
}

const panelWidth = 300;
const panelHeight = 220;
const plot = { left: 56, right: 18, top: 34, bottom: 40 };
const titleHeight = 40;

const style = `  .axis { stroke: #59636e; fill: none; }
  .curve { fill: none; stroke-width: 2; }
  .c0 { stroke: #0969da; } .c1 { stroke: #bf3989; } .c2 { stroke: #1a7f37; } .c3 { stroke: #9a6700; }
  .f0 { fill: #0969da; } .f1 { fill: #bf3989; } .f2 { fill: #1a7f37; } .f3 { fill: #9a6700; }
  .f4 { fill: #8250df; } .f5 { fill: #1b7c83; } .f6 { fill: #bc4c00; } .f7 { fill: #6e7781; }`;
const dark = `    .axis { stroke: #9198a1; }
    .c0 { stroke: #4493f8; } .c1 { stroke: #f778ba; } .c2 { stroke: #3fb950; } .c3 { stroke: #d29922; }
    .f0 { fill: #4493f8; } .f1 { fill: #f778ba; } .f2 { fill: #3fb950; } .f3 { fill: #d29922; }
    .f4 { fill: #ab7df8; } .f5 { fill: #39c5cf; } .f6 { fill: #f0883e; } .f7 { fill: #8b949e; }`;
const colours = 8;
const curveColours = 4;

/** Panels side by side, all over the same x; `xTitle` says what that is. Every x and y is at least 0, and an x above 0. */
export function smallMultiples(title: string, xTitle: string, panels: readonly Panel[]): string {
  const columns = panels.length === 4 ? 2 : Math.min(3, Math.max(1, panels.length));
  const rows = Math.ceil(panels.length / columns);
  const [width, height] = [columns * panelWidth + 16, titleHeight + rows * panelHeight + 8];
  const xs = panels.flatMap(({ curves }) => curves.flatMap(({ points }) => points.map(([x]) => x)));
  const body = panels.map((panel, index) => {
    const [left, top] = [
      8 + (index % columns) * panelWidth,
      titleHeight + Math.floor(index / columns) * panelHeight,
    ];
    return `<g transform="translate(${left} ${top})">\n${drawnPanel(panel, xs, xTitle).join('\n')}\n</g>`;
  });
  return page({ width, height, title, style, dark, body });
}

function drawnPanel({ title, curves }: Panel, xs: readonly number[], xTitle: string): readonly string[] {
  const [left, right] = [plot.left, panelWidth - plot.right];
  const [top, bottom] = [plot.top, panelHeight - plot.bottom];
  const most = niceCeiling(Math.max(0, ...curves.flatMap(({ points }) => points.map(([, y]) => y))));
  const x = logScale(xs, left, right);
  const y = (value: number): number => round(bottom - (value / most) * (bottom - top));
  const levels = [0, most / 2, most];
  return [
    `<text class="name" x="${left}" y="14">${escaped(title)}</text>`,
    ...levels.map(
      (level) =>
        `<line class="tick" x1="${left}" x2="${right}" y1="${y(level)}" y2="${y(level)}"/><text class="quiet" x="${left - 6}" y="${y(level) + 4}" text-anchor="end">${short(level)}</text>`,
    ),
    ...apart(xs, x).map(
      (value) =>
        `<line class="axis" x1="${x(value)}" x2="${x(value)}" y1="${bottom}" y2="${bottom + 4}"/><text class="quiet" x="${x(value)}" y="${bottom + 17}" text-anchor="middle">${short(value)}</text>`,
    ),
    `<path class="axis" d="M${left} ${top}V${bottom}H${right}"/>`,
    `<text class="quiet" x="${right}" y="${bottom + 32}" text-anchor="end">${escaped(xTitle)}</text>`,
    ...curves.flatMap((curve, index) => drawnCurve(curve, index % curveColours, x, y)),
    ...(curves.length > 1
      ? legend(
          curves.map(({ name }) => name),
          left,
          27,
        )
      : []),
  ];
}

function drawnCurve(
  { name, points }: Curve,
  colour: number,
  x: (value: number) => number,
  y: (value: number) => number,
): readonly string[] {
  const path = points.map(([at, value]) => `${x(at)} ${y(value)}`).join('L');
  return [
    ...(points.length > 1 ? [`<path class="curve c${colour}" d="M${path}"/>`] : []),
    ...points.map(
      ([at, value]) =>
        `<circle class="f${colour}" cx="${x(at)}" cy="${y(value)}" r="3"><title>${escaped(name)} at ${at.toLocaleString('en')}: ${Number(value.toPrecision(4))}</title></circle>`,
    ),
  ];
}

/** A decade is as wide as any other. Where all are the same, they stand in the middle. */
function logScale(xs: readonly number[], left: number, right: number): (value: number) => number {
  const [least, most] = [Math.log10(Math.min(...xs)), Math.log10(Math.max(...xs))];
  const share = (value: number): number =>
    most === least ? 0.5 : (Math.log10(value) - least) / (most - least);
  return (value) => round(left + 8 + share(value) * (right - left - 16));
}

/** Those whose labels do not run into each other, first to last. */
function apart(xs: readonly number[], x: (value: number) => number): readonly number[] {
  const shown: number[] = [];
  for (const value of [...new Set(xs)].toSorted((left, right) => left - right)) {
    const last = shown.at(-1);
    if (last === undefined || x(value) - x(last) >= 26) shown.push(value);
  }
  return shown;
}

/** Bars on one scale, the longest as long as there is room. A part's name and value show where the pointer rests. */
export function bars(title: string, unit: string, given: readonly Bar[]): string {
  const [labelWidth, barWidth, noteWidth, rowHeight] = [250, 460, 230, 30];
  const names = [...new Set(given.flatMap(({ parts }) => parts.map(([name]) => name)))];
  const totalOf = ({ parts }: Bar): number => parts.reduce((total, [, value]) => total + value, 0);
  const scale = barWidth / Math.max(Number.MIN_VALUE, ...given.map(totalOf));
  const width = labelWidth + barWidth + noteWidth;
  const height = titleHeight + 24 + given.length * rowHeight + 12;
  const drawn = given.map((bar, index) => {
    const y = titleHeight + 24 + index * rowHeight;
    let from = labelWidth;
    const parts = bar.parts.map(([name, value]) => {
      const part = `<rect class="f${names.indexOf(name) % colours}" x="${round(from)}" y="${y}" width="${round(value * scale)}" height="16"><title>${escaped(name)} ${value.toFixed(3)} ${escaped(unit)}</title></rect>`;
      from += value * scale;
      return part;
    });
    return `<text class="name" x="${labelWidth - 8}" y="${y + 12}" text-anchor="end">${escaped(bar.name)}</text>${parts.join('')}<text class="note" x="${round(from + 8)}" y="${y + 12}">${escaped(bar.note)}</text>`;
  });
  return page({ width, height, title, style, dark, body: [...legend(names, 14, titleHeight + 8), ...drawn] });
}

function legend(names: readonly string[], left: number, y: number): readonly string[] {
  let x = left;
  return names.map((name, index) => {
    const drawn = `<rect class="f${index % colours}" x="${round(x)}" y="${y - 9}" width="10" height="10" rx="2"/><text class="quiet" x="${round(x + 14)}" y="${y}">${escaped(name)}</text>`;
    x += 26 + name.length * 6.4;
    return drawn;
  });
}

/** The least of 1, 2, 2.5 and 5 times a power of ten that is not less. */
export function niceCeiling(value: number): number {
  if (value <= 0) return 1;
  const magnitude = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5, 10].find((factor) => factor * magnitude >= value) ?? 10) * magnitude;
}

/** 1,500 is 1.5k, 10,000,000 is 10M. */
export function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}
