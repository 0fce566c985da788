/**
 * Goal: an effect's time is above its cause's. Method: random exchanges between processes, causality tracked beside them.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LamportClock } from './lamport-clock.js';

test('every event is later than all events of its process and than the message it received', () => {
  const step = fc.record({ process: fc.nat(3), from: fc.option(fc.nat(50)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clocks = Array.from({ length: 4 }, () => new LamportClock());
      const sent: number[] = [];
      for (const { process, from } of steps) {
        const clock = clocks[process]!;
        const before = clock.now;
        const message = from === null ? undefined : sent[from];
        const time = message === undefined ? clock.tick() : clock.observe(message);
        expect(time).toBeGreaterThan(before);
        if (message !== undefined) expect(time).toBeGreaterThan(message);
        sent.push(time);
      }
    }),
  );
});

test('a clock goes on where an earlier life left off', () => {
  expect(new LamportClock(41).tick()).toBe(42);
});

test.each([-1, 0.5, Number.NaN, 2 ** 53])('%d is no Lamport time', (time) => {
  expect(() => new LamportClock().observe(time)).toThrow('a Lamport time was wanted');
});
