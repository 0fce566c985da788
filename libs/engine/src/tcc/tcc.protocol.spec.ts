/**
 * Goal: what the coordinator, and a person who looks, are told about a TCC transaction.
 * Method: the same facts as in the other specs, seen through `Protocol`.
 */
import { describe, expect, test } from '@jest/globals';
import { bug, passed, resumed, says, start } from '../round/round.example.js';
import type { TransactionEvent } from '../transaction.js';
import { sketch } from './tcc.example.js';
import { tccProtocol } from './tcc.protocol.js';

const protocol = tccProtocol(
  sketch(
    [
      { name: 'stock', timeoutMs: 1_000, retry: { attemptsMax: 2, baseMs: 7, maxMs: 70 } },
      { name: 'card', timeoutMs: 1_000, settleRetry: { attemptsMax: 2, baseMs: 9, maxMs: 90 } },
    ],
    { name: 'reject', timeoutMs: 1_000 },
  ),
);
const after = (...events: readonly TransactionEvent[]) =>
  events.reduce((state, event) => protocol.transition(state, event).state, protocol.begin(start).state);
const tried = [says('try stock', 'done'), says('try card', 'done')];
const refused = [says('try stock', 'done', { at: 200 }), says('try card', 'refused', { at: 300 })];

test('a protocol names its definition and every service it asks', () => {
  expect([protocol.name, protocol.version]).toEqual(['sketch', 1]);
  expect(protocol.participants).toEqual(['stock-service', 'card-service', 'reject-service']);
});

test.each<[string, string, string | undefined, readonly TransactionEvent[]]>([
  ['trying', 'moving', undefined, []],
  ['confirming', 'moving', undefined, tried],
  ['cancelling', 'moving', 'refused', refused],
  ['parked', 'parked', 'bug', [bug()]],
  ['confirmed', 'final', undefined, [...tried, says('confirm stock', 'done'), says('confirm card', 'done')]],
  [
    'cancelled',
    'final',
    'refused',
    [...refused, says('cancel stock', 'done'), says('cancel card', 'empty'), says('action reject', 'done')],
  ],
])('one that is %s is %s', (status, phase, kind, events) => {
  const standing = protocol.standing(after(...events));
  expect(standing).toMatchObject({ status, phase });
  expect(standing.reason?.kind).toBe(kind);
});

describe('R15: the host is told to draw an instant', () => {
  test('for a failure that will be retried: which attempt failed, and under which policy', () => {
    const policy = { attemptsMax: 2, baseMs: 7, maxMs: 70 };
    expect(protocol.retryOf(after(), says('try stock', 'failed'))).toEqual({ attempt: 1, policy });
    expect(protocol.retryOf(after(), passed(1_000))).toEqual({ attempt: 1, policy });
    expect(protocol.retryOf(after(...tried), says('confirm card', 'failed'))?.policy.baseMs).toBe(9);
  });

  test.each<[string, TransactionEvent]>([
    ['a success', says('try stock', 'done')],
    ['a refusal', says('try stock', 'refused')],
    ['in-progress', says('try stock', 'busy')],
    ['another half', says('confirm stock', 'failed')],
    ['an instant before the due one', passed(999)],
    ['a resumption', resumed()],
  ])('but not for %s', (_what, event) => {
    expect(protocol.retryOf(after(), event)).toBeUndefined();
  });
});

describe('a timeline', () => {
  const lines = (...events: readonly TransactionEvent[]) =>
    protocol
      .timeline(start, events)
      .map(
        ({ name, operation, outcome, attempts, at }) =>
          `${operation} ${name}: ${outcome} ${attempts} at ${at}`,
      );

  test('begins with every try, pending', () => {
    expect(lines()).toEqual(['try stock: pending 1 at 0', 'try card: pending 1 at 0']);
  });

  test('tells how each half ended, in the order of asking', () => {
    const back = [says('cancel card', 'empty', { at: 400 }), says('cancel stock', 'done', { at: 500 })];
    expect(lines(...refused, ...back)).toEqual([
      'try stock: succeeded 1 at 200',
      'try card: refused 1 at 300',
      'cancel stock: succeeded 1 at 500',
      'cancel card: empty 1 at 400',
      'action reject: pending 1 at 500',
    ]);
  });

  test('calls unknown what was open when everything was cancelled', () => {
    expect(lines(says('try card', 'refused', { at: 300 }))[0]).toBe('try stock: unknown 1 at 300');
  });

  test('counts attempts of all generations, and a poll is none', () => {
    const polled = [says('try stock', 'busy', { at: 10 }), passed(1_000, 5_000), passed(1_010)];
    expect(lines(...polled)[0]).toBe('try stock: pending 1 at 1010');
    const failing = [says('try stock', 'failed', { at: 10, retryAt: 20 }), passed(20)];
    expect(lines(...failing)[0]).toBe('try stock: pending 2 at 20');
    const parked = [...tried, says('confirm stock', 'done'), says('confirm card', 'broken')];
    expect(lines(...parked, resumed(600)).at(-1)).toBe('confirm card: pending 2 at 600');
  });
});
