/**
 * Goal: an outcome that nobody knows, an undo that does not work and a reply that comes late each get their one answer.
 * Method: facts as data in, state and commands as data out.
 */
import { describe, expect, test } from '@jest/globals';
import type { LateReply, TransactionEvent } from '../transaction.js';
import { saga, type SagaOptions, type StepOptions } from './saga.definition.js';
import * as example from './saga.example.js';
import {
  busy,
  cancelled,
  done,
  failedForGood,
  foundNothing,
  operationOf,
  passed,
  probed,
  refused,
  resumed,
  sketch,
  skipped,
  tell,
  undone,
  undoRefused,
} from './saga.example.js';
import { sagaMachine } from './saga.machine.js';
import { sagaProtocol } from './saga.protocol.js';

const quick: StepOptions = { timeoutMs: 1_000, inProgressPollMs: 50, retry: { attemptsMax: 2 } };
const withPolicy = (onUnknown: NonNullable<StepOptions['onUnknown']>, more: StepOptions = {}) =>
  sketch([{ name: 'reserve' }, { name: 'charge', ...quick, onUnknown, ...more }, { name: 'ship' }]);
const silence = [passed(1_100, 1_200), passed(1_200), passed(2_200)];
const asked = (...events: readonly TransactionEvent[]) =>
  tell(withPolicy('probe'), done('reserve'), ...silence, ...events);

describe('R6, R23: a step that is probed', () => {
  test('is asked about once nobody answers its last attempt, and neither undone nor passed meanwhile', () => {
    expect(asked().raw).toEqual([
      {
        type: 'probe',
        participant: 'charge-service',
        messageType: 'charge.do',
        branchId: 'charge',
        generation: 1,
        attempt: 1,
        payload: { of: 'charge', seen: ['reserve'] },
      },
    ]);
    expect(asked().state.status).toBe('executing');
    const { state } = asked();
    expect(sagaMachine.outstanding(withPolicy('probe'), state).map(example.inWords)).toEqual([
      'probe charge',
    ]);
  });

  test('goes on when it turns out to have succeeded, with its output', () => {
    const found = asked(probed('charge', { outcome: 'succeeded', output: 7 }));
    expect(found.commands).toEqual(['do ship']);
    expect(found.state).toMatchObject({ done: { id: 'charge', output: 7 } });
  });

  test('turns around without undoing it when it is not done, for that is a promise, or was refused', () => {
    expect(asked(probed('charge', { outcome: 'not-done' })).commands).toEqual(['undo reserve']);
    const no = asked(probed('charge', { outcome: 'refused', refusal: example.refusal }));
    expect(no.commands).toEqual(['undo reserve']);
    expect(no.state).toMatchObject({ reason: { kind: 'refused', branchId: 'charge' } });
  });

  test('is asked about again at a fixed interval while the answer is not yet', () => {
    const notYet = [1, 2, 3, 4].flatMap((n) => [
      probed('charge', { outcome: 'not-yet' }, 3_000 + n * 100),
      passed(3_050 + n * 100),
    ]);
    const { all, state } = asked(...notYet);
    expect(all.slice(3)).toEqual(Array.from({ length: 5 }, () => 'probe charge'));
    expect(state).toMatchObject({ active: [{ probes: 1 }] });
  });

  test('I33: is asked about no oftener than its limit, and then a person decides', () => {
    const deaf = [passed(3_200, 3_300), passed(3_300), passed(4_300)];
    const { all, state } = asked(...deaf);
    expect(all.slice(3)).toEqual(['probe charge', 'probe charge', 'announce parked']);
    expect(state).toMatchObject({ status: 'parked', reason: { kind: 'timed-out', branchId: 'charge' } });
    const protocol = sagaProtocol(withPolicy('probe'));
    expect(protocol.retryOf(asked().state, passed(3_200))).toMatchObject({ attempt: 1 });
  });

  test('is settled by its own answer, should that come at last; a passing word says nothing now', () => {
    expect(asked(done('charge')).commands).toEqual(['do ship']);
    const { state } = asked();
    for (const passing of [busy('charge'), example.failedFor('charge'), failedForGood('charge')])
      expect(sagaMachine.transition(withPolicy('probe'), state, passing).state).toBe(state);
  });

  test('S27: as the pivot waits for the probe, and then for a person', () => {
    const { all, state } = tell(
      sketch([{ name: 'reserve' }, { name: 'charge', ...quick, pivot: true, onUnknown: 'probe' }]),
      done('reserve'),
      ...silence,
      cancelled(2_300),
      passed(3_200, 3_300),
      passed(3_300),
      passed(4_300),
    );
    expect(all.slice(3)).toEqual(['probe charge', 'probe charge', 'announce parked']);
    expect(state.status).toBe('parked');
  });
});

test('probing on the way back keeps the undo waiting for the answer', () => {
  const definition = saga<unknown>('pair', { version: 1 })
    .parallel((group) =>
      group
        .step('a', operationOf('a'), () => 1)
        .step('b', operationOf('b'), () => 1, { ...quick, onUnknown: 'probe' }),
    )
    .define();
  const probing = tell(definition, refused('a'), failedForGood('b'));
  expect(probing.commands).toEqual(['probe b']);
  expect(
    tell(definition, refused('a'), failedForGood('b'), probed('b', { outcome: 'not-done' })).commands,
  ).toEqual(['announce compensated']);
  const found = probed('b', { outcome: 'succeeded', output: 1 });
  expect(tell(definition, refused('a'), failedForGood('b'), found).commands).toEqual(['undo b']);
});

describe('a step that waits for its late answer', () => {
  const waiting = (...events: readonly TransactionEvent[]) =>
    tell(withPolicy('wait', { deadlineMs: 9_000 }), done('reserve'), ...silence, ...events);

  test('asks nothing any more, and goes on when it comes', () => {
    expect(waiting().commands).toEqual([]);
    expect(sagaMachine.dueAt(withPolicy('wait', { deadlineMs: 9_000 }), waiting().state)).toBe(9_100);
    expect(waiting(done('charge', { at: 5_000 })).commands).toEqual(['do ship']);
  });

  test('is for a person past its deadline', () => {
    expect(waiting(passed(9_100)).state).toMatchObject({ status: 'parked', reason: { branchId: 'charge' } });
  });
});

test('a step about which a person is asked parks, and goes on by that person alone', () => {
  const asking = [done('reserve'), ...silence];
  expect(tell(withPolicy('ask'), ...asking).commands).toEqual(['announce parked']);
  expect(tell(withPolicy('ask'), ...asking, resumed(3_000)).commands).toEqual(['do charge generation 2']);
  expect(tell(withPolicy('ask'), ...asking, cancelled()).commands).toEqual(['undo charge']);
});

test('the deadline of a step ends its attempts, whatever budget is left, and S106: counts anew after a retry', () => {
  const definition = withPolicy('ask', { deadlineMs: 1_500, retry: { attemptsMax: 9 } });
  const late = tell(definition, done('reserve'), passed(1_100, 1_200), passed(1_200), passed(1_600));
  expect(late.all.slice(1)).toEqual(['do charge', 'do charge attempt 2', 'announce parked']);
  const again = tell(definition, done('reserve'), passed(1_100, 1_200), passed(1_600), resumed(8_000));
  expect(again.state).toMatchObject({ active: [{ deadline: 9_500, due: 9_000 }] });
});

describe('forward recovery', () => {
  const forward = saga<unknown>('forward', { version: 1, recovery: 'forward', deadlineMs: 5_000 })
    .step('a', operationOf('a', false), () => 1)
    .step('b', operationOf('b', false), () => 1, quick)
    .define();

  test('repeats instead of undoing, and what cannot be done waits for a person', () => {
    const { all, state } = tell(forward, done('a'), refused('b'));
    expect(all).toEqual(['do a', 'do b', 'announce parked']);
    expect(state).toMatchObject({ status: 'parked', reason: { kind: 'refused' } });
  });

  test('is never cancelled, and its deadline alarms', () => {
    const { state } = tell(forward, done('a'));
    expect(sagaMachine.transition(forward, state, cancelled()).state).toBe(state);
    expect(tell(forward, passed(5_000), passed(10_000)).all.slice(0, 2)).toEqual([
      'do a',
      'alarm deadline-passed',
    ]);
  });
});

describe('S20: an undo that does not work, where the others go on', () => {
  const options: SagaOptions = { version: 1, onUndoFailure: 'continue' };
  const definition = saga<unknown>('going-on', options)
    .step('a', operationOf('a'), () => 1)
    .step('b', operationOf('b'), () => 1)
    .step('c', operationOf('c'), () => 1)
    .step('d', operationOf('d'), () => 1)
    .onCompensated('reject', operationOf('reject', false), () => 1)
    .define();
  const turned = [done('a'), done('b'), done('c'), refused('d')];
  const stuck = [...turned, undone('c'), undoRefused('b'), undone('a')];

  test('ends parked, names it, asks for a person once, and does not tell of an end', () => {
    const { all, state } = tell(definition, ...stuck);
    expect(all.slice(4)).toEqual(['undo c', 'undo b', 'undo a', 'announce parked']);
    expect(state).toMatchObject({
      status: 'parked',
      reason: { kind: 'undo-refused', branchId: 'b', blocked: ['b'] },
    });
  });

  test('S21: is asked again only by a person, under the next generation, and then the end is told', () => {
    const { all } = tell(definition, ...stuck, resumed(), undone('b', { generation: 2 }), done('reject'));
    expect(all.slice(-3)).toEqual(['undo b generation 2', 'do reject', 'announce compensated']);
  });

  test('counts as done by a person’s word', () => {
    expect(tell(definition, ...stuck, skipped('b', 'compensation')).commands).toEqual(['do reject']);
  });
});

describe('S17, S35, S95: a reply that comes late', () => {
  const order = sketch([{ name: 'reserve' }, { name: 'charge', ...quick }, { name: 'ship' }]);
  const after = (...events: readonly TransactionEvent[]) => tell(order, ...events).state;
  const going = after(done('reserve'), done('charge'));
  const undoing = after(done('reserve'), failedForGood('charge'));
  const emptied = after(done('reserve'), failedForGood('charge'), foundNothing('charge'));
  const ended = after(done('reserve'), refused('charge'), undone('reserve'));
  const completed = after(done('reserve'), done('charge'), done('ship'));
  const withSkip = after(done('reserve'), failedForGood('charge'), example.bug());

  test.each<[string, ReturnType<typeof after>, example.ReplyEvent, LateReply | undefined]>([
    ['the repeat of a success', going, done('reserve'), 'duplicate'],
    ['a refusal of what was built upon', going, refused('reserve'), 'contradicts'],
    ['the answer that is waited for', going, done('ship'), undefined],
    ['a passing word', going, busy('reserve'), undefined],
    ['S17: a success whose undo is running', undoing, done('charge'), 'covered'],
    ['a success whose undo found nothing', emptied, done('charge'), 'needs-undo'],
    ['a refusal whose undo found nothing', emptied, refused('charge'), 'duplicate'],
    ['a success of what was refused before', ended, done('charge'), 'needs-undo'],
    ['S35: the repeat after the end', ended, undone('reserve'), 'duplicate'],
    ['an undo refused after it was done', ended, undoRefused('reserve'), 'contradicts'],
    ['S35: the repeat after completion', completed, done('ship'), 'duplicate'],
    ['a refusal after completion', completed, refused('charge'), 'contradicts'],
    ['a success while a person is waited for', withSkip, done('charge'), 'covered'],
  ])('%s is told apart, and changes nothing', (_what, state, event, verdict) => {
    expect(sagaProtocol(order).classifyLate?.(state, event)).toBe(verdict);
    if (verdict !== undefined) expect(sagaMachine.transition(order, state, event).state).toBe(state);
  });

  test('S95: contradicts what a person has skipped or set', () => {
    const stuck = [done('reserve'), ...silence];
    const set = tell(withPolicy('ask'), ...stuck, example.resultSet('charge', 7)).state;
    expect(sagaProtocol(order).classifyLate?.(set, done('charge'))).toBe('duplicate');
    expect(sagaProtocol(order).classifyLate?.(set, refused('charge'))).toBe('contradicts');
    const skip = tell(withPolicy('ask'), ...stuck, skipped('charge')).state;
    expect(sagaProtocol(order).classifyLate?.(skip, done('charge'))).toBe('contradicts');
  });
});
