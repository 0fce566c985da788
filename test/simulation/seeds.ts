/**
 * Which worlds are lived, and what a world must be: shared by the specs, between which the seeds are divided so that jest's
 * workers share them, and by the nightly search. `SEED` names one world; `SEEDS` says how many there are in all.
 */
import { simulate, simulateAtomic } from '@sagamore/testing/world';

/** Worlds that `npm test` lives, and of each protocol that commits atomically, unless told. */
const usual = { place: 1_000, atomic: 200 };

export interface SeedRange {
  readonly first: number;
  readonly last: number;
}

/** The only seed to live, when the environment names one. */
export const onlySeed = process.env.SEED === undefined ? undefined : Number(process.env.SEED);

/** The seeds of one of `parts` parts, in ranges that are tests of a length that can be waited for. `part` is from 0. */
export function seedsOf(kind: keyof typeof usual, part = 0, parts = 1): readonly SeedRange[] {
  const count = Number(process.env.SEEDS ?? usual[kind]);
  const first = Math.floor((count * part) / parts) + 1;
  return rangesOf({ first, last: Math.floor((count * (part + 1)) / parts) }, 50);
}

/** A range cut into ranges of at most `size` seeds. */
export function rangesOf({ first, last }: SeedRange, size: number): readonly SeedRange[] {
  const count = Math.ceil((last - first + 1) / size);
  return Array.from({ length: count }, (_, index) => ({
    first: first + index * size,
    last: Math.min(last, first + (index + 1) * size - 1),
  }));
}

/** What the worlds of a range came to meet, by name. */
export type Totals = Record<string, number>;

/** One that does not hold. `story`: for people. */
export interface BrokenWorld {
  readonly seed: number;
  readonly story: string;
}

/** Lives one world of orders and one of atomic commits, and adds to `totals` what they met. */
export async function live(seed: number, totals: Totals): Promise<BrokenWorld | undefined> {
  return (await livePlaceOrder(seed, totals)) ?? liveAtomic(seed, totals);
}

/** The world of orders of a seed. */
export async function livePlaceOrder(seed: number, totals: Totals): Promise<BrokenWorld | undefined> {
  const run = await simulate(seed);
  add(run.counts, totals);
  return run.violations.length === 0 ? undefined : { seed, story: run.report() };
}

/** The world of atomic commits of a seed. */
export async function liveAtomic(seed: number, totals: Totals): Promise<BrokenWorld | undefined> {
  const { violations, faults, counts } = await simulateAtomic(seed);
  add(counts, totals);
  const story = [`seed ${seed}, atomic:`, ...violations, ...faults].join('\n');
  return violations.length === 0 ? undefined : { seed, story };
}

/** Throws the whole story of a world that does not hold. */
export function mustHold(broken: BrokenWorld | undefined): void {
  if (broken !== undefined) throw new Error(broken.story);
}

function add(counts: Readonly<Totals>, totals: Totals): void {
  for (const [what, times] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + times;
}
