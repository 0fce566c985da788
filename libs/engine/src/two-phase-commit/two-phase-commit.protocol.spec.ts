/**
 * Goal: what the coordinator, and a person who looks, are told about a two-phase commit.
 * Method: the same facts as in the other specs, seen through `Protocol`.
 */
import { expect, test } from '@jest/globals';
import { bug, decided, passed, says, start } from '../round/round.example.js';
import type { TransactionEvent } from '../transaction.js';
import { sketch } from './two-phase-commit.example.js';
import { twoPhaseCommitProtocol } from './two-phase-commit.protocol.js';

const protocol = twoPhaseCommitProtocol(
  sketch(
    [
      { name: 'stock', timeoutMs: 1_000, retry: { attemptsMax: 2, baseMs: 7, maxMs: 70 } },
      { name: 'order', timeoutMs: 1_000, settleRetry: { baseMs: 9, maxMs: 90 } },
    ],
    { name: 'reject', timeoutMs: 1_000 },
  ),
);
const after = (...events: readonly TransactionEvent[]) =>
  events.reduce((state, event) => protocol.transition(state, event).state, protocol.begin(start).state);
const voted = [says('prepare stock', 'done'), says('prepare order', 'done')];
const no = [says('prepare stock', 'done'), says('prepare order', 'refused')];

test('a protocol names its definition and every service it asks', () => {
  expect([protocol.name, protocol.version]).toEqual(['sketch', 1]);
  expect(protocol.participants).toEqual(['stock-service', 'order-service', 'reject-service']);
});

test.each<[string, string, string | undefined, readonly TransactionEvent[]]>([
  ['preparing', 'moving', undefined, voted],
  ['committing', 'moving', undefined, [...voted, decided('commit')]],
  ['aborting', 'moving', 'refused', no],
  ['parked', 'parked', 'bug', [bug()]],
  [
    'committed',
    'final',
    undefined,
    [...voted, decided('commit'), says('commit stock', 'done'), says('commit order', 'done')],
  ],
  ['aborted', 'final', 'refused', [...no, says('rollback stock', 'done'), says('action reject', 'done')]],
])('one that is %s is %s', (status, phase, kind, events) => {
  const standing = protocol.standing(after(...events));
  expect(standing).toMatchObject({ status, phase });
  expect(standing.reason?.kind).toBe(kind);
});

test('R15: the host is told to draw an instant, under the policy of the phase', () => {
  expect(protocol.retryOf(after(), says('prepare stock', 'failed'))?.policy.baseMs).toBe(7);
  const committing = after(...voted, decided('commit'));
  expect(protocol.retryOf(committing, says('commit order', 'failed'))?.policy.baseMs).toBe(9);
  expect(protocol.retryOf(committing, says('commit order', 'done'))).toBeUndefined();
  expect(protocol.retryOf(after(...voted), passed(9_000))).toBeUndefined();
});

test('a timeline tells every vote and every acknowledgement, in the order of asking', () => {
  const events = [...voted, decided('commit', 150), says('commit order', 'done', { at: 200 })];
  const lines = protocol
    .timeline(start, events)
    .map(({ name, operation, outcome, at }) => `${operation} ${name}: ${outcome} at ${at}`);
  expect(lines).toEqual([
    'prepare stock: succeeded at 100',
    'prepare order: succeeded at 100',
    'commit stock: pending at 150',
    'commit order: succeeded at 200',
  ]);
});
