/**
 * What goes wrong for a while and then is mended: links that are cut, processes that stand still, stores that die or are
 * slow, clocks that jump, messages that are nonsense. Drawn from the seed; `clogs.ts` and `faults.ts` carry it out.
 * Data only: it knows no world.
 */
import type { Random } from '@sagamore/primitives';

/** The database of a service, or the broker, for a while. */
export interface Outage {
  readonly of: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** What may be stopped of a process: its way to the broker, to its database or to the outside, or the process itself. */
export const links = ['broker', 'database', 'outside', 'process'] as const;
export type Link = (typeof links)[number];

/** One link of one process, cut and later mended. A `partition` comes alone; the clogs of a `swizzle-clog` are set one after
 *  the other, overlap, and are taken away in an order of their own. */
export interface Clog {
  readonly kind: 'partition' | 'swizzle-clog';
  readonly role: string;
  readonly link: Link;
  readonly fromMs: number;
  readonly toMs: number;
}

/** The clock of a service's database jumps, forth or back, and stays there. */
export interface ClockStep {
  readonly of: string;
  readonly atMs: number;
  readonly byMs: number;
}

/** Something that is no message of ours lands on a topic. */
export interface Poison {
  readonly topic: string;
  readonly atMs: number;
}

/** What comes and goes in one world. */
export interface Storm {
  readonly clogs: readonly Clog[];
  readonly clockSteps: readonly ClockStep[];
  /** Databases that die: what was open in them is lost, and they are away until they are back. */
  readonly deaths: readonly Outage[];
  readonly slowStores: readonly Outage[];
  readonly poisons: readonly Poison[];
  /** Of the orders, the share whose handler throws whatever it is given. */
  readonly brokenShare: number;
}

/** A world in which nothing of it happens. */
export const noStorm: Storm = {
  clogs: [],
  clockSteps: [],
  deaths: [],
  slowStores: [],
  poisons: [],
  brokenShare: 0,
};

/** Between whom it rages. */
export interface Place {
  readonly roles: readonly string[];
  readonly services: readonly string[];
  readonly topics: readonly string[];
  readonly untilMs: number;
}

const clockStepMsMax = 5_000;

/** The storm of a seed. Each part of it is absent from some worlds, so that none can hide behind another. */
export function drawStorm(luck: Random, place: Place): Storm {
  const { services, topics, untilMs } = place;
  const at = (): number => Math.floor(luck.next() * untilMs);
  const some = (most: number): readonly undefined[] =>
    Array.from({ length: Math.floor(luck.next() * (most + 1)) });
  const while_ = (most: number): Outage => {
    const fromMs = at();
    return { of: oneOf(services, luck), fromMs, toMs: fromMs + 100 + Math.floor(luck.next() * most) };
  };
  return {
    clogs: [...some(2).map(() => partition(luck, place)), ...swizzle(luck, place)],
    clockSteps: some(2).map(() => ({
      of: oneOf(services, luck),
      atMs: at(),
      byMs: Math.round((luck.next() * 2 - 1) * clockStepMsMax),
    })),
    deaths: some(2).map(() => while_(1_000)),
    slowStores: some(2).map(() => while_(2_000)),
    poisons: some(3).map(() => ({ topic: oneOf(topics, luck), atMs: at() })),
    brokenShare: luck.next() < 0.3 ? 0.1 : 0,
  };
}

function partition(luck: Random, { roles, untilMs }: Place): Clog {
  const fromMs = Math.floor(luck.next() * untilMs);
  const link = oneOf(links.slice(0, 3), luck);
  const toMs = fromMs + 200 + Math.floor(luck.next() * 3_000);
  return { kind: 'partition', role: oneOf(roles, luck), link, fromMs, toMs };
}

/** After FoundationDB: a random part of all links is clogged one by one within some seconds, and then unclogged one by one
 *  in another order. It brings together what no single fault does. */
function swizzle(luck: Random, { roles, untilMs }: Place): readonly Clog[] {
  if (luck.next() < 0.6) return [];
  const all = roles.flatMap((role) => links.map((link) => ({ role, link })));
  const chosen = all.filter(() => luck.next() < 0.3);
  const beginMs = Math.floor(luck.next() * untilMs * 0.6);
  const clogMs = 200 + Math.floor(luck.next() * 1_500);
  const fromAll = shuffled(chosen, luck).map((each, index) => ({
    ...each,
    fromMs: beginMs + Math.floor((clogMs * index) / chosen.length),
  }));
  return shuffled(fromAll, luck).map((each, index) => ({
    ...each,
    kind: 'swizzle-clog',
    toMs: beginMs + clogMs + Math.floor((clogMs * (index + 1)) / chosen.length),
  }));
}

function shuffled<T>(items: readonly T[], luck: Random): readonly T[] {
  return items
    .map((item) => ({ item, place: luck.next() }))
    .toSorted((left, right) => left.place - right.place)
    .map(({ item }) => item);
}

function oneOf<T>(among: readonly T[], luck: Random): T {
  return among[Math.floor(luck.next() * among.length)]!;
}
