/**
 * Goal: a call is repeated exactly when and as often as that may help. Method: a timer moved by hand, luck at its worst.
 */
import { expect, test } from '@jest/globals';
import { Fault } from './fault.js';
import { retry, type Timer } from './retry.js';

/** Notes each wait and ends it at once. */
function impatient(): Timer & { readonly waits: number[] } {
  const waits: number[] = [];
  const after = (ms: number, callback: () => void) => {
    waits.push(ms);
    queueMicrotask(callback);
    return () => {};
  };
  return { waits, after };
}

const worst = { next: () => 1 - Number.EPSILON };
const policy = { attemptsMax: 4, baseMs: 100, maxMs: 250 };
const lost = new Fault('PROVIDER_UNAVAILABLE', 'nobody there', { retryable: true });

test('a retryable fault is tried again until the call works, with growing waits', async () => {
  const clock = impatient();
  const seen: number[] = [];
  const call = async (attempt: number): Promise<string> => {
    seen.push(attempt);
    if (attempt < 4) throw lost;
    return 'done';
  };
  expect(await retry(call, policy, { clock, random: worst })).toBe('done');
  expect(seen).toEqual([1, 2, 3, 4]);
  expect(clock.waits).toEqual([100, 200, 250]);
});

test('after the last attempt the last fault is thrown, without another wait', async () => {
  const clock = impatient();
  await expect(retry(() => Promise.reject(lost), policy, { clock, random: worst })).rejects.toBe(lost);
  expect(clock.waits).toHaveLength(3);
});

test.each([
  ['a fault that no retry helps', new Fault('PROVIDER_REJECTED', 'no', { retryable: false })],
  ['a bug', new TypeError('undefined is not a function')],
])('S79: %s is thrown after exactly one attempt', async (_what, error) => {
  const clock = impatient();
  let calls = 0;
  const call = (): Promise<never> => {
    calls += 1;
    return Promise.reject(error);
  };
  await expect(retry(call, policy, { clock, random: worst })).rejects.toBe(error);
  expect(calls).toBe(1);
  expect(clock.waits).toEqual([]);
});

test('S82: the next attempt is not earlier than the other side asked for', async () => {
  const clock = impatient();
  const busy = new Fault('PROVIDER_UNAVAILABLE', 'busy', { retryable: true, retryAfterMs: 30_000 });
  const told: unknown[] = [];
  const onRetry = (...heard: unknown[]) => void told.push(heard);
  const call = (attempt: number) => (attempt === 1 ? Promise.reject(busy) : Promise.resolve(attempt));
  expect(await retry(call, policy, { clock, random: worst, onRetry })).toBe(2);
  expect(clock.waits).toEqual([30_000]);
  expect(told).toEqual([[1, 30_000, busy]]);
});

test('calling off ends the wait, and the timer with it', async () => {
  const stop = new AbortController();
  let calledOff = false;
  const clock: Timer = {
    after: () => {
      queueMicrotask(() => stop.abort());
      return () => {
        calledOff = true;
      };
    },
  };
  const running = retry(() => Promise.reject(lost), policy, { clock, random: worst, signal: stop.signal });
  await expect(running).rejects.toMatchObject({ code: 'STOPPED' });
  expect(calledOff).toBe(true);
});

test('a call that was called off before it began is not made', async () => {
  const call = () => Promise.reject(new Error('made'));
  const context = { clock: impatient(), random: worst, signal: AbortSignal.abort(lost) };
  await expect(retry(call, policy, context)).rejects.toBe(lost);
});
