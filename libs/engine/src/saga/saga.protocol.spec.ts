/**
 * Goal: what the coordinator, and a person who looks, are told about a saga.
 * Method: the same facts as in the other specs, seen through `Protocol`.
 */
import { describe, expect, test } from '@jest/globals';
import type { StepView, TransactionEvent } from '../transaction.js';
import * as example from './saga.example.js';
import {
  busy,
  bug,
  done,
  failedFor,
  failedForGood,
  passed,
  refused,
  resumed,
  sketch,
  start,
  undone,
} from './saga.example.js';
import { sagaProtocol } from './saga.protocol.js';

const reserve = {
  name: 'reserve',
  timeoutMs: 1_000,
  inProgressPollMs: 50,
  retry: { attemptsMax: 2, baseMs: 7, maxMs: 70 },
};
const charge = { name: 'charge', timeoutMs: 1_000, undoRetry: { attemptsMax: 2, baseMs: 9, maxMs: 90 } };
const confirm = { name: 'confirm', timeoutMs: 1_000, undoable: false, pivot: true };
const protocol = sagaProtocol(sketch([reserve, charge, confirm], { name: 'reject', timeoutMs: 1_000 }));
const after = (...events: readonly TransactionEvent[]) =>
  events.reduce((state, event) => protocol.transition(state, event).state, protocol.begin(start).state);

test('a protocol names its definition and every service it asks', () => {
  expect([protocol.name, protocol.version]).toEqual(['sketch', 1]);
  expect(protocol.participants).toEqual([
    'reserve-service',
    'charge-service',
    'confirm-service',
    'reject-service',
  ]);
});

test('a service that is asked for two steps is named once', () => {
  const twice = sketch([reserve, charge]);
  const [first, second] = twice.steps;
  const operation = { ...first!.operation };
  const steps = [first!, { ...second!, operation }];
  expect(sagaProtocol({ ...twice, steps }).participants).toEqual(['reserve-service']);
});

describe('standing', () => {
  test.each([
    ['executing', 'moving', undefined, [] as TransactionEvent[]],
    ['compensating', 'moving', 'refused', [done('reserve'), refused('charge')]],
    ['parked', 'parked', 'failed', [done('reserve'), done('charge'), failedForGood('confirm')]],
    ['completed', 'final', undefined, [done('reserve'), done('charge'), done('confirm')]],
    ['compensated', 'final', 'refused', [refused('reserve'), done('reject')]],
  ])('of a saga that is %s is %s', (status, phase, kind, events) => {
    const standing = protocol.standing(after(...events));
    expect(standing).toMatchObject({ status, phase });
    expect(standing.reason?.kind).toBe(kind);
  });
});

describe('R15: the host is told to draw an instant', () => {
  test('for a failure that will be retried: which attempt failed, and under which policy', () => {
    const policy = { attemptsMax: 2, baseMs: 7, maxMs: 70 };
    expect(protocol.retryOf(after(), failedFor('reserve'))).toEqual({ attempt: 1, policy });
    expect(protocol.retryOf(after(), passed(1_000))).toEqual({ attempt: 1, policy });
  });

  test.each([
    ['S82: with what the participant asked for', 30_000, 30_000],
    ['S82: and no more than a cap, whatever it asked for', 1e12, 300_000],
    ['S82: and nothing where that makes no sense', -5, undefined],
  ])('%s', (_what, retryAfterMs, notBeforeMs) => {
    const failure = { code: 'BUSY', message: 'come back', retryable: true, retryAfterMs };
    const event = example.replied('reserve', 'action', { outcome: 'failed', failure });
    expect(protocol.retryOf(after(), event)?.notBeforeMs).toBe(notBeforeMs);
  });

  test('under the policy of the undo, on the way back', () => {
    const back = after(done('reserve'), done('charge'), refused('confirm'));
    expect(protocol.retryOf(back, example.undoFailed('charge'))?.policy.baseMs).toBe(9);
  });

  test.each([
    ['a success', after(), done('reserve')],
    ['a refusal', after(), refused('reserve')],
    ['an error that no retry helps', after(), failedForGood('reserve')],
    ['in-progress', after(), busy('reserve')],
    ['an instant before the due one', after(), passed(999)],
    ['the end of a back-off', after(failedFor('reserve')), passed(1_000)],
    ['the end of the last attempt', after(failedFor('reserve'), passed(200)), passed(9_000)],
    ['the failure of another branch', after(), failedFor('charge')],
    ['a resumption', after(bug()), resumed()],
    ['time, for one that is parked', after(bug()), passed(9_000)],
    ['a bug', after(), bug()],
  ])('but not for %s', (_what, state, event) => {
    expect(protocol.retryOf(state, event)).toBeUndefined();
  });
});

describe('a timeline', () => {
  const lines = (...events: readonly TransactionEvent[]) => protocol.timeline(start, events);
  const line = (name: string, rest: Partial<StepView>): StepView => ({
    name,
    operation: 'action',
    outcome: 'succeeded',
    attempts: 1,
    at: 100,
    ...rest,
  });

  test('begins with the first step, pending', () => {
    expect(lines()).toEqual([line('reserve', { outcome: 'pending', at: 0 })]);
  });

  test('tells the whole way forth and back in the order of asking', () => {
    const back = [undone('charge', { at: 500 }), undone('reserve', { at: 600 }), done('reject', { at: 700 })];
    expect(
      lines(done('reserve'), done('charge', { at: 300 }), refused('confirm', { at: 400 }), ...back),
    ).toEqual([
      line('reserve', {}),
      line('charge', { at: 300 }),
      line('confirm', { outcome: 'refused', at: 400 }),
      line('charge', { operation: 'compensation', at: 500 }),
      line('reserve', { operation: 'compensation', at: 600 }),
      line('reject', { at: 700 }),
    ]);
  });

  test('counts the attempts, and a poll is none', () => {
    const polled = [
      busy('reserve', { at: 10 }),
      passed(60),
      failedFor('reserve', { at: 70, retryAt: 90 }),
      passed(90),
    ];
    expect(lines(...polled)).toEqual([line('reserve', { outcome: 'pending', attempts: 2, at: 90 })]);
  });

  test('tells apart what failed, what nobody answered, and an undo that found nothing', () => {
    const forth = [done('reserve'), failedForGood('charge', { at: 300 })];
    expect(lines(...forth, example.foundNothing('charge', { at: 400 }))).toEqual([
      line('reserve', {}),
      line('charge', { outcome: 'failed', at: 300 }),
      line('charge', { operation: 'compensation', outcome: 'empty', at: 400 }),
      line('reserve', { operation: 'compensation', outcome: 'pending', at: 400 }),
    ]);
    const silence = lines(passed(1_000), passed(1_000), passed(2_000));
    expect(silence[0]).toEqual(line('reserve', { outcome: 'unknown', attempts: 2, at: 2_000 }));
  });

  test('shows a parked half as it ended, and as pending once it is asked again', () => {
    const parked = [done('reserve'), done('charge'), failedForGood('confirm', { at: 300 })];
    expect(lines(...parked).at(-1)).toEqual(line('confirm', { outcome: 'failed', at: 300 }));
    const again = line('confirm', { outcome: 'pending', attempts: 2, at: 500 });
    expect(lines(...parked, resumed(500)).at(-1)).toEqual(again);
  });

  test('leaves a half that a bug interrupted pending, and passes over what changed nothing', () => {
    expect(lines(bug(400), done('reserve', { at: 450 }), passed(9_000))).toEqual([
      line('reserve', { outcome: 'pending', at: 400 }),
    ]);
  });
});
