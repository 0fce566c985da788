/**
 * What can be done to a running stack, and in which order a seed does it. Pure: drawing harms nobody. Every kind of fault
 * comes once before any comes twice, so that a short run meets them all.
 */
import type { Random } from '@sagamore/primitives';

/** `ms`: how long it lasts before it is healed. A killed process is started again by its supervisor. */
export type Fault =
  | { readonly kind: 'kill'; readonly process: string }
  | { readonly kind: 'terminate'; readonly process: string }
  | { readonly kind: 'pause'; readonly process: string; readonly ms: number }
  | { readonly kind: 'crash-postgres' }
  | { readonly kind: 'cut'; readonly link: string; readonly ms: number }
  | { readonly kind: 'slow'; readonly link: string; readonly ms: number; readonly latencyMs: number }
  | { readonly kind: 'fill-disk'; readonly ms: number };

export type FaultKind = Fault['kind'];

/** What a stack offers to be broken. */
export interface Targets {
  /** Every process that comes back by itself, the servers included. */
  readonly processes: readonly string[];
  /** Empty when the stack has none. */
  readonly links: readonly string[];
  /** Whether the disk of Postgres is small enough to be filled. */
  readonly hasSmallDisk: boolean;
}

/** A paused owner outlives its session of six seconds in about every third draw. */
const pauseMs = { least: 1_000, most: 9_000 };
const cutMs = { least: 500, most: 8_000 };
const slowMs = { least: 2_000, most: 8_000, latency: 400 };
const fullMs = { least: 1_000, most: 3_000 };

/** The faults of a seed, without end: the same for the same targets. */
export function* drawFaults(random: Random, targets: Targets): Generator<Fault, never, undefined> {
  for (;;) for (const kind of shuffled(random, kindsFor(targets))) yield drawOne(random, kind, targets);
}

/** In words, for the log of a run. */
export function describeFault(fault: Fault): string {
  const seconds = 'ms' in fault ? ` for ${(fault.ms / 1_000).toFixed(1)} s` : '';
  const what = 'process' in fault ? ` ${fault.process}` : 'link' in fault ? ` ${fault.link}` : '';
  return `${fault.kind}${what}${seconds}`;
}

function kindsFor({ links, hasSmallDisk }: Targets): readonly FaultKind[] {
  const kinds: FaultKind[] = ['kill', 'kill', 'terminate', 'pause', 'pause', 'crash-postgres'];
  if (links.length > 0) kinds.push('cut', 'cut', 'slow');
  if (hasSmallDisk) kinds.push('fill-disk');
  return kinds;
}

function drawOne(random: Random, kind: FaultKind, { processes, links }: Targets): Fault {
  const between = ({ least, most }: { least: number; most: number }): number =>
    Math.round(least + random.next() * (most - least));
  switch (kind) {
    case 'kill':
      return { kind, process: pick(random, processes) };
    case 'terminate':
      // A server of data that is told to stop is the operator's own wish; the broker alone is stopped so.
      return {
        kind,
        process: pick(
          random,
          processes.filter((name) => name !== 'postgres'),
        ),
      };
    case 'pause':
      return { kind, process: pick(random, processes), ms: between(pauseMs) };
    case 'crash-postgres':
      return { kind };
    case 'cut':
      return { kind, link: pick(random, links), ms: between(cutMs) };
    case 'slow':
      return { kind, link: pick(random, links), ms: between(slowMs), latencyMs: slowMs.latency };
    case 'fill-disk':
      return { kind, ms: between(fullMs) };
  }
}

function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[Math.floor(random.next() * from.length)];
  if (found === undefined) throw new Error('there is nothing to draw from');
  return found;
}

function shuffled<T>(random: Random, items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, luck: random.next() }))
    .toSorted((one, other) => one.luck - other.luck)
    .map(({ item }) => item);
}
