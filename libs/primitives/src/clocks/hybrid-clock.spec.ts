/**
 * Goal: stamps grow, sort as text, follow causes, and stay near the host's clock whatever others claim.
 * Method: a clock moved by hand, also backwards, and random exchanges between hosts that disagree.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HybridClock, hybridMs } from './hybrid-clock.js';

function handClock(start: number, maxDriftMs = 500) {
  const host = { now: start };
  return { host, clock: new HybridClock(() => host.now, { maxDriftMs }) };
}

const start = 1_800_000_000_000;

test('stamps of one host grow as text, even when its clock stands still or goes back', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 80 }), (moves) => {
      const { host, clock } = handClock(start);
      let last = '';
      for (const move of moves) {
        host.now += move;
        const stamp = clock.tick();
        expect(stamp > last).toBe(true);
        expect(stamp).toMatch(/^\d{13}\.\d{4}$/);
        last = stamp;
      }
    }),
  );
});

test('an effect sorts after its cause between hosts that disagree within the bound', () => {
  const step = fc.record({ host: fc.nat(2), from: fc.option(fc.nat(40)), elapsed: fc.nat(5) });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.array(fc.nat(200), { minLength: 3, maxLength: 3 }),
      (steps, skews) => {
        let elapsedMs = 0;
        const clocks = skews.map(
          (skew) => new HybridClock(() => start + skew + elapsedMs, { maxDriftMs: 500 }),
        );
        const sent: string[] = [];
        for (const { host, from, elapsed } of steps) {
          elapsedMs += elapsed;
          const cause = from === null ? undefined : sent[from];
          if (cause !== undefined) clocks[host]!.observe(cause);
          const stamp = clocks[host]!.tick();
          if (cause !== undefined) expect(stamp > cause).toBe(true);
          // Near wall time: no stamp is ahead of the fastest host.
          expect(hybridMs(stamp)).toBeLessThanOrEqual(start + 200 + elapsedMs);
          sent.push(stamp);
        }
        for (const clock of clocks) expect(clock.refused).toBe(0);
      },
    ),
  );
});

test('I43: a stamp from too far in the future is refused and counted, and moves nothing', () => {
  const { clock } = handClock(start);
  clock.observe(`${start + 501}.0000`);
  expect(clock.refused).toBe(1);
  expect(clock.tick()).toBe(`${start}.0000`);
  clock.observe(`${start + 500}.0000`);
  expect(clock.tick()).toBe(`${start + 500}.0001`);
});

test.each(['', 'yesterday', '1.1', '1800000000000.00000', '-800000000000.0000', '1800000000000.0000\n'])(
  'the text %j is refused and counted',
  (text) => {
    const { clock } = handClock(start);
    clock.observe(text);
    expect(clock.refused).toBe(1);
    expect(hybridMs(text)).toBeUndefined();
  },
);

test('a millisecond with more than 10,000 events borrows from the next and keeps growing', () => {
  const { clock } = handClock(start);
  let last = '';
  for (let event = 0; event < 10_050; event++) {
    const stamp = clock.tick();
    if (stamp <= last) throw new Error(`${stamp} does not sort after ${last}`);
    last = stamp;
  }
  expect(last).toBe(`${start + 1}.0049`);
});

test('the counter begins anew when the host clock moves on', () => {
  const { host, clock } = handClock(start);
  clock.tick();
  clock.tick();
  host.now += 1;
  expect(clock.tick()).toBe(`${start + 1}.0000`);
});
