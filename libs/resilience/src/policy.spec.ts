/**
 * Goal: the guards stand in the right order: a full ship is nobody's failure, a time-out is the other side's.
 * Method: a timer that fires by hand; calls that never answer.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Guard } from './policy.js';

let timers: Set<() => void>;
let guard: Guard<['hang' | 'answer'], string>;

beforeEach(() => {
  timers = new Set();
  const after = (_ms: number, callback: () => void) => {
    timers.add(callback);
    return () => void timers.delete(callback);
  };
  const call = (signal: AbortSignal, how: 'hang' | 'answer'): Promise<string> =>
    how === 'answer'
      ? Promise.resolve('yes')
      : new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  guard = new Guard('carrier', call, { callsMax: 1, timeoutMs: 5_000, failuresToOpen: 2, clock: { after } });
});

afterEach(() => guard.shutdown());

async function timeOut(): Promise<void> {
  const running = expect(guard.run(['hang'])).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  for (const fire of timers) fire();
  await running;
}

test('an answer passes through all guards and leaves no timer', async () => {
  expect(await guard.run(['answer'])).toBe('yes');
  expect(timers.size).toBe(0);
});

test('time-outs open the circuit, and then the call is refused at once', async () => {
  await timeOut();
  await timeOut();
  expect(guard.state).toBe('open');
  await expect(guard.run(['answer'])).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
});

test('S87: a full bulkhead refuses without a call, and never opens the circuit', async () => {
  const stop = new AbortController();
  const running = guard.run(['hang'], stop.signal);
  for (let call = 0; call < 20; call++) {
    await expect(guard.run(['answer'])).rejects.toMatchObject({ code: 'BULKHEAD_FULL' });
  }
  expect(guard.state).toBe('closed');
  stop.abort();
  await expect(running).rejects.toMatchObject({ code: 'STOPPED' });
  expect(await guard.run(['answer'])).toBe('yes');
});
