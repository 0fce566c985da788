/**
 * CPU profiles of V8: brought back to the TypeScript lines that were written, and summed by function. Pure but for the
 * source maps, which only the profiled process has.
 */
import { findSourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import { relative } from 'node:path';
import type { Profiler } from 'node:inspector';

export interface HotFunction {
  readonly name: string;
  /** File from the repository's root, and line. */
  readonly place: string;
  readonly selfMs: number;
  /** Of the time in which the process worked. */
  readonly share: number;
}

/** The profile with the places of functions as they were written. To be called in the profiled process. */
export function mapped(profile: Profiler.Profile): Profiler.Profile {
  return {
    ...profile,
    nodes: profile.nodes.map((node) => ({ ...node, callFrame: written(node.callFrame) })),
  };
}

function written(frame: Profiler.ProfileNode['callFrame']): Profiler.ProfileNode['callFrame'] {
  if (!frame.url.startsWith('file:') || frame.lineNumber < 0) return frame;
  const found = findSourceMap(fileURLToPath(frame.url))?.findEntry(frame.lineNumber, frame.columnNumber);
  if (found === undefined || !('originalLine' in found)) return frame;
  return { ...frame, lineNumber: found.originalLine, columnNumber: found.originalColumn };
}

const idle = new Set(['(idle)', '(root)']);

/** The functions that used the most CPU themselves, the hottest first. `(program)` is native code outside of any
 *  function: system calls above all. */
export function hottest(profile: Profiler.Profile, count: number): readonly HotFunction[] {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const selfUs = new Map<string, number>();
  let workUs = 0;
  profile.samples?.forEach((id, index) => {
    const frame = frames.get(id);
    // The profiler's own start lies in its first sample.
    if (frame === undefined || idle.has(frame.functionName) || frame.url === 'node:inspector') return;
    const us = Math.max(0, profile.timeDeltas?.[index] ?? 0);
    const key = `${frame.functionName || '(anonymous)'}\t${placeOf(frame)}`;
    workUs += us;
    selfUs.set(key, (selfUs.get(key) ?? 0) + us);
  });
  const sorted = [...selfUs].toSorted(([, left], [, right]) => right - left).slice(0, count);
  return sorted.map(([key, us]) => {
    const [name = '', place = ''] = key.split('\t');
    return { name, place, selfMs: us / 1_000, share: us / workUs };
  });
}

function placeOf({ url, lineNumber }: Profiler.ProfileNode['callFrame']): string {
  if (url === '') return 'native';
  const file = url.startsWith('file:') ? relative(process.cwd(), fileURLToPath(url)) : url;
  return `${file}:${lineNumber + 1}`;
}
