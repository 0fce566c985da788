/**
 * Goal: nobody waits longer than agreed, and the call learns of it. Method: a timer that fires by hand.
 */
import { expect, test } from '@jest/globals';
import { Fault } from './fault.js';
import type { Timer } from './retry.js';
import { withTimeout } from './timeout.js';

function byHand() {
  const pending = new Set<() => void>();
  const clock: Timer = {
    after: (_ms, callback) => {
      pending.add(callback);
      return () => void pending.delete(callback);
    },
  };
  return { clock, pending, fire: () => pending.forEach((callback) => callback()) };
}

const never = () => new Promise<never>(() => {});

test('a call that is too slow ends with DEADLINE_EXCEEDED, and its signal says the same', async () => {
  const { clock, pending, fire } = byHand();
  let heard: AbortSignal | undefined;
  const call = (signal: AbortSignal) => {
    heard = signal;
    return never();
  };
  const running = withTimeout(call, 50, { clock, name: 'carrier' });
  fire();
  await expect(running).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', retryable: true });
  expect(heard?.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(pending.size).toBe(0);
});

test('an answer in time passes, and leaves no timer behind', async () => {
  const { clock, pending } = byHand();
  expect(await withTimeout(() => Promise.resolve(7), 50, { clock, name: 'carrier' })).toBe(7);
  expect(pending.size).toBe(0);
});

test('what the call throws passes, and leaves no timer behind', async () => {
  const { clock, pending } = byHand();
  const broken = withTimeout(() => Promise.reject(new Error('broken')), 50, { clock, name: 'carrier' });
  await expect(broken).rejects.toThrow('broken');
  expect(pending.size).toBe(0);
});

test.each([
  [
    'its own fault',
    new Fault('DEADLINE_EXCEEDED', 'the whole step is late', { retryable: true }),
    'DEADLINE_EXCEEDED',
  ],
  ['STOPPED for any other reason', undefined, 'STOPPED'],
])('a caller that gives up ends the call with %s', async (_what, reason, code) => {
  const { clock, pending } = byHand();
  const stop = new AbortController();
  const running = withTimeout(never, 50, { clock, name: 'carrier', signal: stop.signal });
  stop.abort(reason);
  await expect(running).rejects.toMatchObject({ code });
  expect(pending.size).toBe(0);
});
