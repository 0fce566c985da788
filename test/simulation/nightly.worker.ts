/**
 * Lives a range of seeds in a process of its own and tells what came of it, as one line of JSON. Used by `nightly.ts` alone.
 */
import { pathToFileURL } from 'node:url';
import { faultKinds } from '@sagamore/testing/world';
import { live, type BrokenWorld, type Totals } from './seeds.js';

/** What one worker has to tell. */
export interface Lived {
  readonly worlds: number;
  readonly broken: readonly BrokenWorld[];
  readonly totals: Totals;
}

/** The kinds of fault that none of the worlds met: such a search has proved less than it says. */
export function missing(totals: Totals): readonly string[] {
  return faultKinds.filter((kind) => (totals[`fault: ${kind}`] ?? 0) === 0);
}

async function main(first: number, last: number): Promise<void> {
  const broken: BrokenWorld[] = [];
  const totals: Totals = {};
  for (let seed = first; seed <= last; seed++) {
    const found = await live(seed, totals);
    if (found !== undefined) broken.push(found);
  }
  process.stdout.write(JSON.stringify({ worlds: last - first + 1, broken, totals } satisfies Lived));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main(Number(process.argv[2]), Number(process.argv[3]));
