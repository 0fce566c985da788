/**
 * Goal: no more calls run than there is room, in the order of asking, and a full ship says so. Method: calls that end by hand.
 */
import { expect, test } from '@jest/globals';
import { Bulkhead } from './bulkhead.js';

function calls(bulkhead: Bulkhead) {
  const ends = new Map<string, () => void>();
  const started: string[] = [];
  const run = (name: string, signal?: AbortSignal): Promise<string> =>
    bulkhead.run(() => {
      started.push(name);
      return new Promise((resolve) => ends.set(name, () => resolve(name)));
    }, signal);
  const end = async (name: string, running: Promise<string>): Promise<void> => {
    ends.get(name)?.();
    expect(await running).toBe(name);
    await Promise.resolve();
  };
  return { started, run, end };
}

test('S87: calls beyond the room wait, beyond the queue they are refused', async () => {
  const bulkhead = new Bulkhead('carrier', { callsMax: 2, queueMax: 1 });
  const { started, run, end } = calls(bulkhead);
  const [a, b, c] = [run('a'), run('b'), run('c')];
  await expect(run('d')).rejects.toMatchObject({ code: 'BULKHEAD_FULL', retryable: true });
  expect(started).toEqual(['a', 'b']);
  expect([bulkhead.inUse, bulkhead.queued]).toEqual([2, 1]);
  await end('b', b);
  expect(started).toEqual(['a', 'b', 'c']);
  await end('c', c);
  await end('a', a);
  expect([bulkhead.inUse, bulkhead.queued]).toEqual([0, 0]);
});

test('a freed place goes to who has waited longest, not to a newcomer', async () => {
  const bulkhead = new Bulkhead('carrier', { callsMax: 1, queueMax: 5 });
  const { started, run, end } = calls(bulkhead);
  const [a, b, c] = [run('a'), run('b'), run('c')];
  await end('a', a);
  const d = run('d');
  await end('b', b);
  await end('c', c);
  await end('d', d);
  expect(started).toEqual(['a', 'b', 'c', 'd']);
});

test('a call that throws gives its place back', async () => {
  const bulkhead = new Bulkhead('carrier', { callsMax: 1 });
  await expect(bulkhead.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await bulkhead.run(() => Promise.resolve('next'))).toBe('next');
});

test('a call that is called off while waiting leaves the queue and is never made', async () => {
  const bulkhead = new Bulkhead('carrier', { callsMax: 1, queueMax: 1 });
  const { started, run, end } = calls(bulkhead);
  const a = run('a');
  const stop = new AbortController();
  const b = run('b', stop.signal);
  stop.abort();
  await expect(b).rejects.toMatchObject({ code: 'STOPPED' });
  expect(bulkhead.queued).toBe(0);
  await end('a', a);
  expect(started).toEqual(['a']);
});

test('a bulkhead without room is a bug', () => {
  expect(() => new Bulkhead('carrier', { callsMax: 0 })).toThrow('room for at least one call');
});
