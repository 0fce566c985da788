/**
 * Goal: the intervals of a trace follow from the journal alone. Method: one saga told different stories, and every prefix of
 * each: whatever is cut off, each interval has an end and none is told twice.
 */
import { describe, expect, test } from '@jest/globals';
import { historyOf, type AskedAttempt } from './history.js';
import type { TransactionEvent } from './transaction.js';
import {
  busy,
  done,
  failedFor,
  passed,
  probed,
  refused,
  sketch,
  start,
  undone,
} from './saga/saga.example.js';
import { sagaProtocol } from './saga/saga.protocol.js';

const retry = { attemptsMax: 2, baseMs: 10, maxMs: 100 };
const protocol = sagaProtocol(
  sketch([
    { name: 'reserve', timeoutMs: 1_000, retry },
    { name: 'charge', timeoutMs: 1_000, retry, onUnknown: 'probe' },
  ]),
);
const told = (...events: readonly TransactionEvent[]) => historyOf(protocol, start, events);
const inWords = ({ branchId, operation, attempt, askedAt, endedAt, outcome, code = '' }: AskedAttempt) =>
  `${askedAt}-${endedAt} ${branchId}.${operation}#${attempt} ${outcome} ${code}`.trim();

describe('the attempts', () => {
  test('of a saga that is undone: each half from its asking to its answer', () => {
    const { attempts, waits, until } = told(
      done('reserve', { at: 10 }),
      refused('charge', { at: 30 }),
      undone('reserve', { at: 70 }),
    );
    expect(attempts.map(inWords)).toEqual([
      '0-10 reserve.action#1 succeeded',
      '10-30 charge.action#1 refused no-such-thing',
      '30-70 reserve.compensation#1 succeeded',
    ]);
    expect([waits, until]).toEqual([[], 70]);
  });

  test('of one that fails and is tried again: two, and the wait between them', () => {
    const { attempts, waits } = told(
      failedFor('reserve', { at: 10, attempt: 1, retryAt: 25 }),
      passed(25),
      done('reserve', { at: 40, attempt: 2 }),
    );
    expect(attempts.map(inWords)).toEqual([
      '0-10 reserve.action#1 failed PROVIDER_UNAVAILABLE',
      '25-40 reserve.action#2 succeeded',
      '40-40 charge.action#1 unknown',
    ]);
    expect(waits).toEqual([{ from: 10, until: 25, endedBy: 'time-passed' }]);
  });

  test('of one that is busy: one, however often it is asked again', () => {
    const { attempts } = told(
      busy('reserve', { at: 10, retryAt: 20 }),
      passed(60),
      done('reserve', { at: 80 }),
    );
    expect(attempts.map(inWords)[0]).toBe('0-80 reserve.action#1 succeeded');
  });

  test('of one that is silent: unknown until it is probed', () => {
    const { attempts } = told(
      done('reserve', { at: 10 }),
      passed(1_010, 1_020),
      passed(1_020),
      passed(2_020),
      probed('charge', { outcome: 'not-done' }, 2_050),
    );
    expect(attempts.map(inWords)).toContain('2020-2050 charge.probe#1 not-done');
  });
});

const stories: readonly (readonly TransactionEvent[])[] = [
  [done('reserve', { at: 10 }), refused('charge', { at: 30 }), undone('reserve', { at: 70 })],
  [failedFor('reserve', { at: 10, attempt: 1, retryAt: 25 }), passed(25), passed(1_025), passed(2_500)],
];

test.each(stories)('every prefix of a story is whole: R24', (...events) => {
  for (let length = 0; length <= events.length; length++) {
    const { attempts, until } = told(...events.slice(0, length));
    const keys = attempts.map(({ branchId, operation, attempt }) => `${branchId}.${operation}#${attempt}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(attempts.every(({ askedAt, endedAt }) => askedAt <= endedAt && endedAt <= until)).toBe(true);
  }
});
