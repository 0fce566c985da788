/**
 * Goal: time, signals and people's decisions each act once, and never against the pivot.
 * Method: facts as data in, state and commands as data out; races are two orders of the same facts.
 */
import { describe, expect, test } from '@jest/globals';
import type { TransactionEvent } from '../transaction.js';
import { saga, type SagaOptions } from './saga.definition.js';
import * as example from './saga.example.js';
import {
  bug,
  cancelled,
  done,
  failedFor,
  operationOf,
  passed,
  paused,
  refused,
  resultSet,
  resumed,
  signalled,
  sketch,
  skipped,
  tell,
  terminated,
  undone,
} from './saga.example.js';
import { sagaMachine } from './saga.machine.js';
import { judgeCancel } from './saga.people.js';
import { sagaProtocol } from './saga.protocol.js';
import { judgeSignal } from './saga.signal.js';
import type { SagaDefinition } from './saga.definition.js';

const order = sketch(
  [
    { name: 'reserve', timeoutMs: 1_000 },
    { name: 'charge', timeoutMs: 1_000, retry: { attemptsMax: 2 } },
    { name: 'confirm', undoable: false, pivot: true, timeoutMs: 1_000 },
    { name: 'ship', undoable: false, retriable: true, timeoutMs: 1_000 },
  ],
  { name: 'reject' },
);
const toConfirm = [done('reserve'), done('charge')];
const unchanged = (definition: SagaDefinition, before: example.Told, event: TransactionEvent) =>
  sagaMachine.transition(definition, before.state, event).state === before.state;

describe('cancel', () => {
  test('S31: stops going forward, awaits what runs, undoes to the end; a second one changes nothing', () => {
    const { commands, state } = tell(order, done('reserve'), cancelled());
    expect(commands).toEqual([]);
    expect(state).toMatchObject({
      status: 'compensating',
      reason: { kind: 'cancelled', actor: 'ada', because: 'wanted' },
    });
    const back = [done('charge'), undone('charge'), cancelled(), undone('reserve'), done('reject')];
    const { all, raw } = tell(order, done('reserve'), cancelled(), ...back);
    expect(all.slice(2)).toEqual(['undo charge', 'undo reserve', 'do reject', 'announce compensated']);
    expect(raw).toMatchObject([{ outcome: 'compensated', reason: { kind: 'cancelled' } }]);
    expect(unchanged(order, tell(order, done('reserve'), cancelled()), cancelled())).toBe(true);
  });

  test('S31: tells the closing step why', () => {
    const { raw } = tell(order, cancelled(), refused('reserve'));
    expect(raw).toMatchObject([{ branchId: 'reject', payload: { reason: { code: 'cancelled' } } }]);
  });

  test('S33, S109: once the pivot was asked for, it is too late, and the machine says so', () => {
    const before = tell(order, ...toConfirm);
    expect(unchanged(order, before, cancelled())).toBe(true);
    expect(judgeCancel(order, before.state)).toBe('too-late');
    const beyond = tell(order, ...toConfirm, done('confirm'));
    expect([judgeCancel(order, beyond.state), unchanged(order, beyond, cancelled())]).toEqual([
      'too-late',
      true,
    ]);
    expect(judgeCancel(order, tell(order).state)).toBe('cancels');
    expect(judgeCancel(order, tell(order, cancelled()).state)).toBe('already-undoing');
    expect(judgeCancel(order, tell(order, refused('reserve'), done('reject')).state)).toBe('ended');
  });

  test('S33: racing with the last success leaves exactly one end, by the order in which they are recorded', () => {
    const short = sketch([{ name: 'reserve' }]);
    expect(tell(short, done('reserve'), cancelled()).state.status).toBe('completed');
    const first = tell(short, cancelled(), done('reserve'), undone('reserve'));
    expect(first.all).toEqual(['do reserve', 'undo reserve', 'announce compensated']);
  });

  test('S107: reaches what is parked, whose unheard answers are undone as unknown', () => {
    const stuck = [done('reserve'), bug()];
    const { all, raw } = tell(order, ...stuck, cancelled(), undone('charge'));
    expect(all.slice(2)).toEqual(['announce parked', 'undo charge', 'undo reserve']);
    expect(raw).toMatchObject([{ payload: { outcome: 'succeeded' } }]);
    expect(tell(order, ...stuck, cancelled()).raw).toMatchObject([{ payload: { outcome: 'unknown' } }]);
  });

  test('S107: reaches what is paused, which is undone once it is resumed', () => {
    const held = tell(order, done('reserve'), paused(), cancelled(), done('charge'));
    expect([held.state.status, held.commands]).toEqual(['compensating', []]);
    const going = tell(order, done('reserve'), paused(), cancelled(), done('charge'), resumed());
    expect(going.commands).toEqual(['undo charge']);
  });
});

describe('S32: terminate', () => {
  test('asks nobody, names what is left as it was and who gave it up, and is the end', () => {
    const ended = tell(order, done('reserve'), terminated());
    const reason = { kind: 'terminated', actor: 'ada', because: 'wanted', abandoned: ['reserve', 'charge'] };
    expect(ended.raw).toEqual([{ type: 'announce', outcome: 'terminated', reason }]);
    expect(sagaProtocol(order).standing(ended.state)).toEqual({
      status: 'terminated',
      phase: 'final',
      reason,
    });
    for (const event of [done('charge'), passed(1e9), resumed(), cancelled(), terminated()])
      expect(unchanged(order, ended, event)).toBe(true);
  });

  test('reaches what is parked and what goes back', () => {
    expect(tell(order, done('reserve'), bug(), terminated()).commands).toEqual(['announce terminated']);
    const back = tell(order, ...toConfirm, refused('confirm'), undone('charge'), terminated());
    expect(back.state).toMatchObject({ reason: { abandoned: ['reserve'] } });
    expect(unchanged(order, tell(order, refused('reserve'), done('reject')), terminated())).toBe(true);
  });
});

describe('the deadline of the whole', () => {
  const within = (deadlineMs: number, options: Partial<SagaOptions> = {}) =>
    saga<unknown>('timely', { version: 1, deadlineMs, ...options })
      .step('a', operationOf('a'), () => 1, { timeoutMs: 9_000 })
      .step('b', operationOf('b', false), () => 1, { pivot: true, timeoutMs: 9_000 })
      .step('c', operationOf('c', false), () => 1, { retriable: true, timeoutMs: 9_000 })
      .define();
  const timely = within(5_000);

  test('before the pivot undoes everything, when what runs has answered', () => {
    expect(sagaMachine.dueAt(timely, tell(timely).state)).toBe(5_000);
    const { all, state } = tell(timely, passed(5_000), done('a', { at: 5_100 }));
    expect(all).toEqual(['do a', 'undo a']);
    expect(state).toMatchObject({ status: 'compensating', reason: { kind: 'timed-out' } });
    expect(sagaMachine.dueAt(timely, tell(timely, passed(5_000)).state)).toBe(9_000);
  });

  test.each([
    ['S27: while the pivot is asked for', [done('a')]],
    ['S28: after the pivot', [done('a'), done('b')]],
  ])('%s alarms, once, and undoes nothing', (_what, events) => {
    const { commands, state } = tell(timely, ...events, passed(5_000));
    expect(commands).toEqual(['alarm deadline-passed']);
    expect(state.status).toBe('executing');
    expect(sagaMachine.dueAt(timely, state)).toBe(9_100);
    expect(sagaMachine.transition(timely, state, passed(5_000)).state).toBe(state);
  });

  test('S38: an early clock changes nothing', () => {
    expect(unchanged(timely, tell(timely), passed(4_999))).toBe(true);
  });
});

describe('a durable timer', () => {
  const monthMs = 30 * 86_400_000;
  const renewal = saga<{ until: number }>('renewal', { version: 1 })
    .step('charge', operationOf('charge'), () => 1)
    .wait('a-month', monthMs)
    .wait('the-day', ({ input }) => input.until)
    .step('again', operationOf('again'), () => 1)
    .define();
  const from = { ...example.start, input: { until: 2 * monthMs } };

  test('waits for its instant, has nothing outstanding meanwhile, and goes on once', () => {
    const { state } = example.tellFrom(renewal, from, done('charge'));
    expect([sagaMachine.dueAt(renewal, state), sagaMachine.outstanding(renewal, state)]).toEqual([
      monthMs + 100,
      [],
    ]);
    const { all } = example.tellFrom(
      renewal,
      from,
      done('charge'),
      passed(monthMs + 150),
      passed(2 * monthMs),
    );
    expect(all).toEqual(['do charge', 'do again']);
  });

  test('needs no answer and no undo when the saga turns around', () => {
    const { all } = example.tellFrom(renewal, from, done('charge'), cancelled(), undone('charge'));
    expect(all).toEqual(['do charge', 'undo charge', 'announce compensated']);
  });

  test('has its line in the timeline', () => {
    const lines = sagaProtocol(renewal).timeline(from, [done('charge'), passed(monthMs + 150)]);
    expect(lines.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['charge', 'succeeded'],
      ['a-month', 'succeeded'],
      ['the-day', 'pending'],
    ]);
  });
});

describe('a signal', () => {
  const waiting = (onDeadline: 'refuse' | 'continue' = 'refuse') =>
    saga<unknown>('signal', { version: 1 })
      .step('ask', operationOf('ask'), () => 1)
      .signal<{ word: string }, 'answer', 'refuse' | 'continue'>('answer', { deadlineMs: 1_000, onDeadline })
      .step('use', operationOf('use'), ({ results }) => results.answer?.word ?? 'nobody')
      .define();
  const definition = waiting();
  const word = { word: 'yes' };

  test('that is waited for is delivered, and its payload is the result', () => {
    expect(tell(definition, done('ask'), signalled('answer', word)).raw).toMatchObject([{ payload: 'yes' }]);
  });

  test('S39: that comes before the wait is reached is delivered at once when it is', () => {
    const early = tell(definition, signalled('answer', word, 10));
    expect([
      early.commands,
      judgeSignal(definition, early.state, { name: 'answer', id: 's-1', at: 20 }),
    ]).toEqual([[], 'repeated']);
    expect(tell(definition, signalled('answer', word, 10), done('ask')).raw).toMatchObject([
      { payload: 'yes' },
    ]);
  });

  test('S40: that comes twice is delivered once', () => {
    const once = tell(definition, done('ask'), signalled('answer', word));
    expect(unchanged(definition, once, signalled('answer', word))).toBe(true);
    const early = tell(definition, signalled('answer', word));
    expect(unchanged(definition, early, signalled('answer', word))).toBe(true);
    expect(unchanged(definition, early, signalled('answer', { word: 'no' }, 110, 's-2'))).toBe(true);
    expect(judgeSignal(definition, early.state, { name: 'answer', id: 's-2', at: 110 })).toBe('too-late');
  });

  test('S34: recorded after the deadline loses to it, whichever is handled first', () => {
    const inOrder = tell(definition, done('ask'), passed(1_100), signalled('answer', word, 1_101));
    const overtaking = tell(definition, done('ask'), signalled('answer', word, 1_101), passed(1_100));
    expect(inOrder.all).toEqual(['do ask', 'undo ask']);
    expect(overtaking.all).toEqual(inOrder.all);
    expect(overtaking.state).toMatchObject({ reason: { kind: 'timed-out', branchId: 'answer' } });
    const before = tell(definition, done('ask')).state;
    expect(judgeSignal(definition, before, { name: 'answer', id: 's-1', at: 1_100 })).toBe('too-late');
    expect(judgeSignal(definition, before, { name: 'answer', id: 's-1', at: 1_099 })).toBe('delivered');
  });

  test('may be done without', () => {
    const { raw } = tell(waiting('continue'), done('ask'), passed(1_100));
    expect(raw).toMatchObject([{ branchId: 'use', payload: 'nobody' }]);
  });

  test('of a name that nobody waits for is not kept', () => {
    const before = tell(definition);
    expect(unchanged(definition, before, signalled('other', word))).toBe(true);
    expect(judgeSignal(definition, before.state, { name: 'other', id: 'x', at: 1 })).toBe('unknown');
  });

  test('that comes while the saga is parked is kept for its resumption', () => {
    const events = [done('ask'), bug(), signalled('answer', word, 450), resumed(9_000)];
    const { state } = tell(definition, ...events);
    expect(sagaMachine.dueAt(definition, state)).toBe(450);
    expect(tell(definition, ...events, passed(9_001)).raw).toMatchObject([
      { branchId: 'use', payload: 'yes' },
    ]);
  });
});

describe('an approval', () => {
  const trip = saga<unknown>('trip', { version: 1 })
    .step('book', operationOf('book'), () => 1)
    .approval('manager', { deadlineMs: 1_000 })
    .step('pay', operationOf('pay'), ({ results }) => results.manager.by ?? 'somebody')
    .define();
  const yes = signalled('manager', { approved: true, by: 'eve' }, 500);
  const no = signalled('manager', { approved: false }, 500);

  test('that is given goes on, and says by whom', () => {
    expect(tell(trip, done('book'), yes).raw).toMatchObject([{ branchId: 'pay', payload: 'eve' }]);
  });

  test('that is denied is a refusal, also when it was denied before it was asked for', () => {
    const denied = tell(trip, done('book'), no);
    expect(denied.commands).toEqual(['undo book']);
    expect(denied.state).toMatchObject({
      reason: { kind: 'refused', branchId: 'manager', refusal: { code: 'rejected' } },
    });
    const early = tell(trip, signalled('manager', { approved: false }, 50), done('book'), passed(100));
    expect(early.commands).toEqual(['undo book']);
  });

  test('S41: races with its expiry to one outcome, and the loser can be told which', () => {
    const expired = tell(trip, done('book'), passed(1_100));
    expect(expired.commands).toEqual(['undo book']);
    expect(unchanged(trip, expired, signalled('manager', { approved: true }, 1_099))).toBe(true);
    expect(judgeSignal(trip, expired.state, { name: 'manager', id: 'x', at: 1_200 })).toBe('too-late');
    const approved = tell(trip, done('book'), yes);
    expect(unchanged(trip, approved, passed(1_100))).toBe(true);
  });
});

describe('S94: a branch settled by hand', () => {
  const stuck = [...toConfirm, done('confirm'), refused('ship')];

  test('lets the saga go on with what the person says came of it, once', () => {
    const set = tell(order, done('reserve'), resultSet('charge', { paid: 1 }));
    expect(set.commands).toEqual(['do confirm']);
    expect(set.state).toMatchObject({ done: { id: 'charge', outcome: 'set', output: { paid: 1 } } });
    expect(unchanged(order, set, resultSet('charge', { paid: 2 }))).toBe(true);
    expect(tell(order, ...stuck, resultSet('ship', 1)).commands).toEqual(['announce completed']);
    expect(tell(order, ...stuck, skipped('ship')).commands).toEqual(['announce completed']);
  });

  test('is undone as unknown, for nobody but a person vouches for it', () => {
    const back = tell(order, done('reserve'), resultSet('charge', { paid: 1 }), refused('confirm'));
    expect(back.raw).toMatchObject([
      { branchId: 'charge', payload: { outcome: 'unknown', output: { paid: 1 } } },
    ]);
    const skip = tell(order, done('reserve'), skipped('charge'), refused('confirm'));
    expect(skip.raw).toMatchObject([{ branchId: 'charge', payload: { outcome: 'unknown' } }]);
  });

  test('may be an undo that does not work: the way back goes on', () => {
    const blocked = [...toConfirm, refused('confirm'), example.undoRefused('charge')];
    expect(tell(order, ...blocked, skipped('charge', 'compensation')).commands).toEqual(['undo reserve']);
  });

  test.each([
    ['one that is not in hand', skipped('ship')],
    ['the other half', skipped('charge', 'compensation')],
    ['one that is done', skipped('reserve')],
  ])('is never %s', (_what, event) => {
    expect(unchanged(order, tell(order, done('reserve')), event)).toBe(true);
  });
});

describe('S96: a paused saga', () => {
  test('records what is answered, sends nothing, lets no time pass, and has nothing outstanding', () => {
    const held = tell(order, paused(), done('reserve'));
    expect([
      held.commands,
      sagaMachine.outstanding(order, held.state),
      sagaMachine.dueAt(order, held.state),
    ]).toEqual([[], [], undefined]);
    expect(held.state).toMatchObject({ active: [{ id: 'charge' }], done: { id: 'reserve' } });
    expect(unchanged(order, held, passed(1e9))).toBe(true);
    expect(unchanged(order, held, paused())).toBe(true);
    expect(sagaProtocol(order).retryOf(held.state, passed(1e9))).toBeUndefined();
  });

  test('asks on resumption for what was withheld, and its time runs from then', () => {
    const going = tell(order, paused(), done('reserve'), resumed(9_000));
    expect(going.commands).toEqual(['do charge']);
    expect(sagaMachine.dueAt(order, going.state)).toBe(10_000);
  });

  test('lets what fell due meanwhile fall due once, after the resumption', () => {
    const failed = [
      done('reserve'),
      failedFor('charge', { at: 200, retryAt: 400 }),
      paused(),
      resumed(9_000),
    ];
    const { state, commands } = tell(order, ...failed);
    expect([commands, sagaMachine.dueAt(order, state)]).toEqual([[], 400]);
    const { all } = tell(order, ...failed, passed(9_001), passed(9_001));
    expect(all).toEqual(['do reserve', 'do charge', 'do charge attempt 2']);
  });

  test('may come to its end without sending anything', () => {
    const short = sketch([{ name: 'reserve' }]);
    expect(tell(short, paused(), done('reserve')).commands).toEqual(['announce completed']);
  });
});
