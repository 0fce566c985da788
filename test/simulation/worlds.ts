/**
 * The tests that live a part of the worlds of `npm test`. The parts are spec files of their own, so that jest's workers share
 * them; each part proves of itself that its worlds really met every kind of fault.
 */
import { describe, expect, test } from '@jest/globals';
import { faultKinds } from '@sagamore/testing/world';
import { livePlaceOrder, mustHold, onlySeed, seedsOf, type Totals } from './seeds.js';

/** What a search of some hundred worlds must have come across, faults apart. */
const met = [
  'transaction.completed',
  'transaction.compensated',
  'transaction.parked',
  'children completed',
  'children compensated',
  'unpriced',
  'operator-resumed: accepted',
  'operator-paused: accepted',
  'cancel-requested: accepted',
  'cancel-requested: declined',
  'writes refused for their epoch',
  'repeated starts',
  'breakers open',
  'breakers half-open',
  'breakers closed',
  'bulkheads full',
  'late',
];

/** Registers the tests of one part of `parts`; `part` is from 0. What its worlds keep stands in the name of the caller's suite. With `SEED` the first part lives that world alone. */
export function describeWorlds(part: number, parts: number): void {
  describe(`part ${part + 1} of ${parts}`, () => {
    if (onlySeed !== undefined) {
      const seed = onlySeed;
      const lived = part === 0 ? test : test.skip;
      lived(
        `seed ${seed} keeps every invariant`,
        async () => mustHold(await livePlaceOrder(seed, {})),
        60_000,
      );
      return;
    }
    const totals: Totals = {};
    for (const { first, last } of seedsOf('place', part, parts))
      test(`the worlds of seeds ${first} to ${last} keep every invariant`, async () => {
        for (let seed = first; seed <= last; seed++) mustHold(await livePlaceOrder(seed, totals));
      }, 180_000);

    test.each([...met, ...faultKinds.map((kind) => `fault: ${kind}`)])(
      'these worlds really met: %s',
      (what) => {
        expect(totals[what] ?? 0).toBeGreaterThan(0);
      },
    );
  });
}
