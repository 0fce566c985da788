/**
 * Goal: the way forward, its attempts, and when it turns around or parks.
 * Method: facts as data in, state and commands as data out; no host, no clock but the instants in the facts.
 */
import { describe, expect, test } from '@jest/globals';
import { replay } from '../machine.js';
import type { Operation } from '../operation.js';
import { saga } from './saga.definition.js';
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
  tell,
} from './saga.example.js';
import { sagaMachine } from './saga.machine.js';

const patience = { timeoutMs: 1_000, retry: { attemptsMax: 3 }, inProgressPollMs: 50 } as const;
const reserve = { name: 'reserve', ...patience };
const charge = { name: 'charge', ...patience };
const confirm = { name: 'confirm', ...patience, undoable: false, pivot: true, retriable: true };
const ship = { name: 'ship', ...patience, undoable: false, retriable: true };
const order = sketch([reserve, charge, confirm, ship], { name: 'reject' });
const boldPivot = sketch([reserve, { ...confirm, retriable: false }]);

const dueAt = (state: example.Told['state']) => sagaMachine.dueAt(order, state);
const outstanding = (state: example.Told['state']) =>
  sagaMachine.outstanding(order, state).map(example.inWords);
const toConfirm = [done('reserve'), done('charge')];

describe('going forward', () => {
  test('a start asks for the first step, once', () => {
    const { state, raw } = tell(order);
    expect(state.status).toBe('executing');
    expect(raw).toEqual([
      {
        type: 'send',
        participant: 'reserve-service',
        messageType: 'reserve.do',
        branchId: 'reserve',
        operation: 'action',
        generation: 1,
        attempt: 1,
        payload: { of: 'reserve', seen: [] },
      },
    ]);
  });

  test('a success asks for the next step, which sees the results of those before it', () => {
    expect(tell(order, done('reserve')).raw).toMatchObject([
      { branchId: 'charge', attempt: 1, generation: 1, payload: { of: 'charge', seen: ['reserve'] } },
    ]);
    expect(tell(order, ...toConfirm).raw).toMatchObject([
      { payload: { of: 'confirm', seen: ['charge', 'reserve'] } },
    ]);
  });

  test('a step is computed from the very outputs that were answered', () => {
    const operation: Operation<string, number> = {
      participant: 'p',
      action: 'p.do',
      compensation: 'p.undo',
      effect: 'local',
    };
    const sum = saga<{ word: string }>('sum', { version: 1 })
      .step('one', operation, ({ input }) => input.word)
      .step('two', operation, ({ input, results }) => `${input.word}+${results.one}`)
      .define();
    const { state } = sagaMachine.begin(sum, { ...start, input: { word: 'x' } });
    const reply = example.replied('one', 'action', { outcome: 'succeeded', output: 7 });
    expect(sagaMachine.transition(sum, state, reply).commands).toMatchObject([{ payload: 'x+7' }]);
  });

  test('the last success completes and says so, once', () => {
    const { state, raw, all } = tell(order, ...toConfirm, done('confirm'), done('ship'));
    expect(state).toMatchObject({ status: 'completed' });
    expect(raw).toEqual([{ type: 'announce', outcome: 'completed' }]);
    expect(all).toEqual(['do reserve', 'do charge', 'do confirm', 'do ship', 'announce completed']);
  });

  test('S35: nothing that arrives after the end changes anything', () => {
    const ended = tell(order, ...toConfirm, done('confirm'), done('ship'));
    for (const event of [
      done('ship'),
      refused('ship'),
      example.undone('charge'),
      passed(1e9),
      resumed(),
      bug(),
    ]) {
      const after = sagaMachine.transition(order, ended.state, event);
      expect(after.state).toBe(ended.state);
      expect(after.commands).toEqual([]);
    }
    expect(dueAt(ended.state)).toBeUndefined();
    expect(outstanding(ended.state)).toEqual([]);
  });

  test.each([
    ['the repeat of an earlier answer', done('reserve')],
    ['an answer of a later step', done('confirm')],
    ['an answer of no step at all', done('elsewhere')],
    ['an answer of the other half', example.undone('charge')],
    ['an answer of another generation', refused('charge', { generation: 2 })],
    ['time before its due instant', passed(1_099)],
    ['a resumption of what is not parked', resumed()],
  ])('%s changes nothing', (_what, event) => {
    const before = tell(order, done('reserve'));
    const after = sagaMachine.transition(order, before.state, event);
    expect(after.state).toBe(before.state);
    expect(after.commands).toEqual([]);
  });
});

describe('attempts', () => {
  test('an attempt is due one time-out after it was sent', () => {
    expect(dueAt(tell(order).state)).toBe(1_000);
    expect(dueAt(tell(order, done('reserve', { at: 70 })).state)).toBe(1_070);
  });

  test('R15: a failed attempt is followed by the next at the instant the host drew, not before', () => {
    const waiting = tell(order, failedFor('reserve', { at: 10, retryAt: 300 }));
    expect(waiting.commands).toEqual([]);
    expect([dueAt(waiting.state), outstanding(waiting.state)]).toEqual([300, []]);
    expect(sagaMachine.transition(order, waiting.state, passed(299)).state).toBe(waiting.state);
    const again = tell(order, failedFor('reserve', { at: 10, retryAt: 300 }), passed(305));
    expect(again.commands).toEqual(['do reserve attempt 2']);
    expect([dueAt(again.state), outstanding(again.state)]).toEqual([1_305, ['do reserve attempt 2']]);
  });

  test('a host that draws no instant retries at once', () => {
    expect(dueAt(tell(order, failedFor('reserve', { at: 10 })).state)).toBe(10);
    expect(dueAt(tell(order, passed(1_000)).state)).toBe(1_000);
  });

  test('an instant that is none changes nothing, or is taken for the present one', () => {
    const { state } = tell(order);
    expect(sagaMachine.transition(order, state, done('reserve', { at: Number.NaN })).state).toBe(state);
    expect(sagaMachine.transition(order, state, passed(Infinity)).state).toBe(state);
    expect(dueAt(tell(order, failedFor('reserve', { at: 10, retryAt: Number.NaN })).state)).toBe(10);
  });

  test('silence is followed by the next attempt, with the same payload', () => {
    const { raw } = tell(order, passed(1_000, 1_200), passed(1_200));
    expect(raw).toMatchObject([
      { branchId: 'reserve', attempt: 2, generation: 1, payload: { of: 'reserve', seen: [] } },
    ]);
  });

  test('S81: a restart during a back-off keeps the attempt number and the due instant', () => {
    const events = [
      failedFor('reserve', { retryAt: 300 }),
      passed(300),
      failedFor('reserve', { retryAt: 900 }),
    ];
    const state = replay(sagaMachine, order, start, events);
    expect(dueAt(state)).toBe(900);
    expect(sagaMachine.transition(order, state, passed(900)).commands.map(example.inWords)).toEqual([
      'do reserve attempt 3',
    ]);
  });

  test('the late success of an attempt given up for lost is a success', () => {
    expect(tell(order, passed(1_000, 1_200), done('reserve', { attempt: 1 })).commands).toEqual([
      'do charge',
    ]);
    expect(tell(order, passed(1_000), passed(1_200), done('reserve', { attempt: 1 })).commands).toEqual([
      'do charge',
    ]);
  });

  test('the repeat of a failure spends no second attempt', () => {
    const failure = failedFor('reserve', { attempt: 1, retryAt: 300 });
    const once = tell(order, failure);
    expect(sagaMachine.transition(order, once.state, failure).state).toBe(once.state);
    const again = tell(order, failure, passed(300));
    expect(sagaMachine.transition(order, again.state, failure).state).toBe(again.state);
  });

  test('I33: beyond the last attempt nothing is sent again', () => {
    const failures = [1, 2].flatMap((n) => [failedFor('reserve', { retryAt: n * 300 }), passed(n * 300)]);
    const { all, state } = tell(order, ...failures, failedFor('reserve', { retryAt: 950 }));
    expect(all).toEqual(['do reserve', 'do reserve attempt 2', 'do reserve attempt 3', 'undo reserve']);
    expect(state).toMatchObject({ status: 'compensating', reason: { kind: 'failed', branchId: 'reserve' } });
  });

  test('S79: an error that no retry helps is asked once, and then undone as unknown', () => {
    const { raw, state } = tell(order, failedForGood('reserve', { retryAt: 300 }));
    expect(raw).toMatchObject([{ messageType: 'reserve.undo', payload: { outcome: 'unknown' } }]);
    expect(state).toMatchObject({ reason: { kind: 'failed', failure: { code: 'DATA_REJECTED' } } });
  });

  test('S80: in-progress is asked again at a fixed interval and spends no attempt', () => {
    const polls = [1, 2, 3, 4, 5, 6].flatMap((n) => [busy('reserve', { at: n * 100 }), passed(n * 100 + 50)]);
    const { all, state } = tell(order, ...polls);
    expect(all).toEqual(Array.from({ length: 7 }, () => 'do reserve'));
    expect(state).toMatchObject({ active: [{ attempt: 1, waitingFor: 'reply', due: 1_650 }] });
    const waiting = tell(order, busy('reserve', { at: 10 }));
    expect([dueAt(waiting.state), outstanding(waiting.state), waiting.commands]).toEqual([60, [], []]);
    expect(sagaMachine.transition(order, waiting.state, busy('reserve', { at: 20 })).state).toBe(
      waiting.state,
    );
  });

  test('S80: after a poll the whole budget of failures is still there', () => {
    const { commands } = tell(
      order,
      busy('reserve'),
      passed(150),
      failedFor('reserve', { retryAt: 200 }),
      passed(200),
    );
    expect(commands).toEqual(['do reserve attempt 2']);
  });
});

describe('turning around', () => {
  test('S13: a refusal undoes the steps before it, the last one first, and only then tells of it', () => {
    const long = sketch([reserve, charge, { name: 'pack' }, { name: 'book' }], { name: 'reject' });
    const forth = [done('reserve'), done('charge'), done('pack'), refused('book')];
    const back = [
      example.undone('pack'),
      example.undone('charge'),
      example.undone('reserve'),
      done('reject'),
    ];
    expect(tell(long, ...forth, ...back).all.slice(4)).toEqual([
      'undo pack',
      'undo charge',
      'undo reserve',
      'do reject',
      'announce compensated',
    ]);
  });

  test('S11: the refused step itself is not undone', () => {
    expect(tell(order, done('reserve'), refused('charge')).commands).toEqual(['undo reserve']);
  });

  test('S16, S18: a step without an answer is undone first, for it may have happened', () => {
    const attempts = [1, 2, 3].flatMap((n) => [passed(n * 2_000, n * 2_000), passed(n * 2_000)]);
    const { all, raw, state } = tell(order, done('reserve'), ...attempts.slice(0, 5));
    expect(all.slice(1)).toEqual(['do charge', 'do charge attempt 2', 'do charge attempt 3', 'undo charge']);
    expect(raw).toMatchObject([
      { payload: { input: { of: 'charge', seen: ['reserve'] }, outcome: 'unknown' } },
    ]);
    expect(state).toMatchObject({
      status: 'compensating',
      reason: { kind: 'timed-out', branchId: 'charge' },
    });
    expect(
      sagaMachine.transition(order, state, example.undone('charge')).commands.map(example.inWords),
    ).toEqual(['undo reserve']);
  });

  test('a pivot that says no has not happened: everything before it is undone', () => {
    expect(tell(boldPivot, done('reserve'), refused('confirm')).commands).toEqual(['undo reserve']);
  });
});

describe('from the pivot on', () => {
  test('S26: a step that fails after the pivot is repeated, then waits for a person; no undo is ever sent', () => {
    const failures = [1, 2, 3].flatMap((n) => [failedFor('ship', { retryAt: n * 300 }), passed(n * 300)]);
    const { all, state } = tell(order, ...toConfirm, done('confirm'), ...failures);
    expect(all.slice(3)).toEqual(['do ship', 'do ship attempt 2', 'do ship attempt 3', 'announce parked']);
    expect(state).toMatchObject({ status: 'parked', reason: { kind: 'failed', branchId: 'ship' } });
  });

  test('a retriable step that is refused waits for a person', () => {
    const { raw, state } = tell(order, ...toConfirm, refused('confirm'));
    const reason = { kind: 'refused', branchId: 'confirm', refusal: example.refusal };
    expect(state).toMatchObject({ status: 'parked', reason });
    expect(raw).toEqual([{ type: 'announce', outcome: 'parked', reason }]);
  });

  test('S27, R23: a pivot whose outcome is unknown is neither undone nor passed', () => {
    const silence = [passed(2_000), passed(2_000), passed(4_000), passed(4_000), passed(6_000)];
    for (const [definition, before] of [
      [order, toConfirm],
      [boldPivot, [done('reserve')]],
    ] as const) {
      const { all, state } = tell(definition, ...before, ...silence);
      expect(all.at(-1)).toBe('announce parked');
      expect(all.filter((command) => command.startsWith('undo'))).toEqual([]);
      expect(state).toMatchObject({ status: 'parked', reason: { kind: 'timed-out', branchId: 'confirm' } });
    }
  });

  test('R23: a pivot that failed for good may have happened, so it is not undone either', () => {
    const { state } = tell(boldPivot, done('reserve'), failedForGood('confirm'));
    expect(state).toMatchObject({ status: 'parked', reason: { kind: 'failed', branchId: 'confirm' } });
  });
});

describe('parked', () => {
  const parked = tell(order, ...toConfirm, refused('confirm'));

  test('it waits for a person alone', () => {
    for (const event of [done('confirm'), refused('confirm'), passed(1e9), bug()]) {
      expect(sagaMachine.transition(order, parked.state, event).state).toBe(parked.state);
    }
    expect([dueAt(parked.state), outstanding(parked.state)]).toEqual([undefined, []]);
  });

  test('R4: a resumption asks the same half again under the next generation, from attempt 1', () => {
    const { commands, state } = tell(order, ...toConfirm, refused('confirm'), resumed(500));
    expect(commands).toEqual(['do confirm generation 2']);
    expect(outstanding(state)).toEqual(['do confirm generation 2']);
    const twice = [refused('confirm', { generation: 2 }), resumed(900)];
    expect(tell(order, ...toConfirm, refused('confirm'), resumed(), ...twice).commands).toEqual([
      'do confirm generation 3',
    ]);
  });

  test('R4: after a resumption the answers of the older generation change nothing', () => {
    const { state } = tell(order, ...toConfirm, refused('confirm'), resumed());
    expect(sagaMachine.transition(order, state, refused('confirm')).state).toBe(state);
    const next = sagaMachine.transition(order, state, done('confirm', { generation: 2 }));
    expect(next.commands.map(example.inWords)).toEqual(['do ship']);
  });

  test('S106: the time-out of a resumed step counts from the resumption', () => {
    expect(dueAt(tell(order, ...toConfirm, refused('confirm'), resumed(70_000)).state)).toBe(71_000);
  });

  test('a resumption gives the whole budget of attempts back', () => {
    const spent = [1, 2, 3].flatMap((n) => [failedFor('ship', { retryAt: n * 300 }), passed(n * 300)]);
    const again = [failedFor('ship', { generation: 2, retryAt: 2_000 }), passed(2_000)];
    const { commands } = tell(order, ...toConfirm, done('confirm'), ...spent, resumed(1_500), ...again);
    expect(commands).toEqual(['do ship attempt 2 generation 2']);
  });
});

describe('R2: a broken rule', () => {
  test('parks the transaction with the reason bug, and a resumption goes on with what was in hand', () => {
    const { state, commands } = tell(order, done('reserve'), bug());
    expect(commands).toEqual(['announce parked']);
    expect(state).toMatchObject({
      status: 'parked',
      reason: { kind: 'bug', branchId: 'charge', failure: { message: 'a rule broke', retryable: false } },
    });
    const going = tell(order, done('reserve'), bug(), resumed());
    expect(going.commands).toEqual(['do charge']);
    expect(going.state).toMatchObject({
      status: 'executing',
      active: [{ attempt: 1, generation: 1, due: 1_500 }],
    });
  });

  test('forgets no answer that was on its way when it was found', () => {
    expect(tell(order, bug(), resumed(), done('reserve')).commands).toEqual(['do charge']);
  });

  test('I14: leaves the generation alone, so that the tombstone of an undo meets every action still on its way', () => {
    const silence = [1, 2, 3].flatMap((n) => [passed(n * 5_000), passed(n * 5_000)]);
    const { raw } = tell(order, bug(), resumed(), ...silence.slice(0, 5));
    expect(raw).toMatchObject([
      { messageType: 'reserve.undo', generation: 1, payload: { outcome: 'unknown' } },
    ]);
  });

  test('during a back-off is resumed by the next attempt, at once', () => {
    const { commands } = tell(order, failedFor('reserve', { retryAt: 9_000 }), bug(), resumed());
    expect(commands).toEqual(['do reserve attempt 2']);
  });

  test('in a function of the definition is thrown, and nothing has happened', () => {
    const operation: Operation<string, string> = {
      participant: 'p',
      action: 'p.do',
      compensation: 'p.undo',
      effect: 'local',
    };
    const broken = saga<string>('broken', { version: 1 })
      .step('one', operation, ({ input }) => input)
      .step('two', operation, () => {
        throw new Error('no such field');
      })
      .define();
    const { state } = sagaMachine.begin(broken, start);
    expect(() => sagaMachine.transition(broken, state, done('one'))).toThrow('no such field');
    const parked = sagaMachine.transition(broken, state, bug()).state;
    const going = sagaMachine.transition(broken, parked, resumed());
    expect(going.commands.map(example.inWords)).toEqual(['do one']);
  });
});
