/**
 * Which process dies by kill -9 after how many orders: drawn from a seed, so that a run can be had again. Pure.
 */
import { seededRandom } from '@sagamore/primitives';

export interface KillPlan {
  readonly seed: number;
  readonly orders: number;
  readonly victims: readonly string[];
}

/** After how many acknowledged orders whom: each victim once, in a drawn order, spread over the run. A single one dies
 *  between the first and the last quarter. */
export function drawKills({ seed, orders, victims }: KillPlan): ReadonlyMap<number, string> {
  const random = seededRandom(seed + 7);
  const order = victims
    .map((name) => ({ name, luck: random.next() }))
    .toSorted((one, other) => one.luck - other.luck);
  const share = orders / (victims.length + 1);
  return new Map(
    order.map(({ name }, index) => [Math.max(1, Math.floor(share * (index + 0.5 + random.next()))), name]),
  );
}
