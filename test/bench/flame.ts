/**
 * A CPU profile of V8 as a flame graph in SVG: who called whom from top to bottom, as wide as the time spent below. Pure.
 */
import { basename } from 'node:path';
import type { Profiler } from 'node:inspector';
import { escaped, page, round } from '../../deploy/observability/svg.js';

/** A function as it was reached by one road, with all that it called. */
export interface Frame {
  readonly name: string;
  /** File and line, or `native`. */
  readonly place: string;
  readonly url: string;
  /** Its own time and that of what it called. */
  readonly totalUs: number;
  readonly selfUs: number;
  readonly callees: readonly Frame[];
}

const width = 1_200;
const rowHeight = 17;
const top = 40;
const margin = 10;
/** Below this a box would be no wider than a line. */
const pixelsMin = 0.6;
const depthMax = 120;
const letterPixels = 6.2;

const style = `  .frame text { font: 11px monospace; fill: #1f2328; pointer-events: none; } .frame rect { stroke: #ffffff; stroke-width: 0.5; }
  .own rect { fill: #54a3f2; } .package rect { fill: #f2b45c; } .node rect { fill: #8ac79a; } .native rect { fill: #d0a0a0; }`;
const dark = `    .frame rect { stroke: #0d1117; } .own rect { fill: #4493f8; } .package rect { fill: #d29922; } .node rect { fill: #3fb950; } .native rect { fill: #b37070; }`;

/** `title` says whose profile it is. Idle time is left out. */
export function flame(title: string, profile: Profiler.Profile): string {
  const root = framesOf(profile);
  const scale = (width - 2 * margin) / Math.max(1, root.totalUs);
  const { drawn, depth } = drawnFrames(root, scale);
  const height = top + (depth + 1) * rowHeight + margin;
  const heading = `${title}: ${(root.totalUs / 1_000).toFixed(0)} ms of work; ours blue, libraries yellow, Node green, native red`;
  return page({ width, height, title: heading, style, dark, body: drawn });
}

/** The whole profile as one tree. Idle time, and the profiler's own, is nobody's. */
export function framesOf(profile: Profiler.Profile): Frame {
  const selfUs = new Map<number, number>();
  profile.samples?.forEach((id, index) => {
    selfUs.set(id, (selfUs.get(id) ?? 0) + Math.max(0, profile.timeDeltas?.[index] ?? 0));
  });
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const frameOf = (node: Profiler.ProfileNode): Frame | undefined => {
    const { functionName, url, lineNumber } = node.callFrame;
    if (functionName === '(idle)' || url === 'node:inspector') return undefined;
    const callees = (node.children ?? []).flatMap((id) => {
      const child = nodes.get(id);
      return child === undefined ? [] : (frameOf(child) ?? []);
    });
    const own = selfUs.get(node.id) ?? 0;
    const totalUs = callees.reduce((total, callee) => total + callee.totalUs, own);
    const place = url === '' ? 'native' : `${basename(url)}:${lineNumber + 1}`;
    return { name: functionName || '(anonymous)', place, url, totalUs, selfUs: own, callees };
  };
  const [first] = profile.nodes;
  const root = first === undefined ? undefined : frameOf(first);
  return root ?? { name: '(root)', place: 'native', url: '', totalUs: 0, selfUs: 0, callees: [] };
}

function drawnFrames(
  root: Frame,
  scale: number,
): { readonly drawn: readonly string[]; readonly depth: number } {
  const drawn: string[] = [];
  let deepest = 0;
  const draw = (frame: Frame, fromUs: number, depth: number): void => {
    const wide = frame.totalUs * scale;
    if (wide < pixelsMin || depth > depthMax) return;
    deepest = Math.max(deepest, depth);
    drawn.push(box(frame, margin + fromUs * scale, top + depth * rowHeight, wide, root.totalUs));
    let at = fromUs;
    for (const callee of frame.callees.toSorted((left, right) => right.totalUs - left.totalUs)) {
      draw(callee, at, depth + 1);
      at += callee.totalUs;
    }
  };
  draw(root, 0, 0);
  return { drawn, depth: deepest };
}

function box(frame: Frame, x: number, y: number, wide: number, wholeUs: number): string {
  const letters = Math.floor((wide - 6) / letterPixels);
  const label = letters < 3 ? '' : frame.name.slice(0, letters);
  const share = ((frame.totalUs / Math.max(1, wholeUs)) * 100).toFixed(1);
  const told = `${frame.name} ${frame.place}: ${(frame.totalUs / 1_000).toFixed(1)} ms, ${share} %, itself ${(frame.selfUs / 1_000).toFixed(1)} ms`;
  const text = label === '' ? '' : `<text x="${round(x + 3)}" y="${y + 12}">${escaped(label)}</text>`;
  return `<g class="frame ${kindOf(frame)}"><title>${escaped(told)}</title><rect x="${round(x)}" y="${y}" width="${round(wide)}" height="${rowHeight - 1}"/>${text}</g>`;
}

function kindOf({ url }: Frame): string {
  if (url === '') return 'native';
  if (url.startsWith('node:')) return 'node';
  return url.includes('/node_modules/') ? 'package' : 'own';
}
