/**
 * Goal: failures open the circuit, answers close it, refusals and bugs of ours do neither, and one probe goes at a time.
 * Method: opossum's timers are the host's, so jest's fake ones are moved by hand.
 */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { CircuitBreaker, type CircuitBreakerOptions } from './circuit-breaker.js';
import { Fault } from './fault.js';

let breaker: CircuitBreaker<[() => Promise<string>], string>;
let states: string[];
let made: number;

beforeEach(() => {
  jest.useFakeTimers();
  open({});
});

afterEach(() => {
  breaker.shutdown();
  jest.useRealTimers();
});

function open(options: CircuitBreakerOptions): void {
  states = [];
  made = 0;
  const call = (answer: () => Promise<string>): Promise<string> => {
    made += 1;
    return answer();
  };
  const onState = (name: string, state: string) => void states.push(`${name} ${state}`);
  breaker = new CircuitBreaker('network', call, { onState, ...options });
}

const unavailable = new Fault('PROVIDER_UNAVAILABLE', 'nobody there', { retryable: true });
const fails = (error: unknown = unavailable) =>
  breaker.call(async () => {
    throw error;
  });
const works = () => breaker.call(() => Promise.resolve('yes'));

async function failTimes(count: number, error?: unknown): Promise<void> {
  for (let call = 0; call < count; call++) await expect(fails(error)).rejects.toBe(error ?? unavailable);
}

test('five failures open the circuit, and then no call is made', async () => {
  await failTimes(4);
  expect(breaker.state).toBe('closed');
  await failTimes(1);
  expect(breaker.state).toBe('open');
  await expect(works()).rejects.toMatchObject({ code: 'CIRCUIT_OPEN', retryable: true });
  expect(made).toBe(5);
});

test('S86: refusals are answers, and a hundred of them leave the circuit closed', async () => {
  for (let call = 0; call < 100; call++) await breaker.call(() => Promise.resolve('card-declined'));
  expect(breaker.state).toBe('closed');
});

test('faults that no retry helps say nothing of the other side, and leave the circuit closed', async () => {
  await failTimes(20, new Fault('DATA_REJECTED', 'ours', { retryable: false }));
  expect(breaker.state).toBe('closed');
});

test('a few failures among many answers leave the circuit closed', async () => {
  for (let round = 0; round < 20; round++) {
    await works();
    await works();
    await failTimes(1);
  }
  expect(breaker.state).toBe('closed');
});

test('old failures are forgotten with the window', async () => {
  await failTimes(4);
  await jest.advanceTimersByTimeAsync(11_000);
  await failTimes(4);
  expect(breaker.state).toBe('closed');
});

test('S84: after the reset time one probe goes, the others are refused, and its answer closes the circuit', async () => {
  await failTimes(5);
  await jest.advanceTimersByTimeAsync(59_999);
  expect(breaker.state).toBe('open');
  await jest.advanceTimersByTimeAsync(1);
  expect(breaker.state).toBe('half-open');
  const { promise, resolve } = Promise.withResolvers<string>();
  const probe = breaker.call(() => promise);
  for (let call = 0; call < 100; call++)
    await expect(works()).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
  expect(made).toBe(6);
  resolve('back');
  expect(await probe).toBe('back');
  expect(breaker.state).toBe('closed');
  expect(states).toEqual(['network open', 'network half-open', 'network closed']);
});

test('a probe that fails opens the circuit for another whole reset time', async () => {
  await failTimes(5);
  await jest.advanceTimersByTimeAsync(60_000);
  await failTimes(1);
  expect(breaker.state).toBe('open');
  await jest.advanceTimersByTimeAsync(59_999);
  expect(breaker.state).toBe('open');
  await jest.advanceTimersByTimeAsync(1);
  expect(breaker.state).toBe('half-open');
});

test('a probe that is never answered does not hold the circuit half-open for ever', async () => {
  breaker.shutdown();
  open({ silentMs: 1_000 });
  await failTimes(5);
  await jest.advanceTimersByTimeAsync(60_000);
  const probe = expect(breaker.call(() => new Promise(() => {}))).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    retryable: true,
  });
  await jest.advanceTimersByTimeAsync(1_000);
  await probe;
  expect(breaker.state).toBe('open');
});

test('after shutdown every call is refused as STOPPED and no timer is left', async () => {
  await failTimes(5);
  breaker.shutdown();
  breaker.shutdown();
  await expect(works()).rejects.toMatchObject({ code: 'STOPPED' });
  expect(made).toBe(5);
  expect(jest.getTimerCount()).toBe(0);
});
