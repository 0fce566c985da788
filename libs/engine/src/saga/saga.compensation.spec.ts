/**
 * Goal: the way back undoes what was done, or says aloud that it could not.
 * Method: facts as data in, state and commands as data out, from the moment the saga turns around.
 */
import { describe, expect, test } from '@jest/globals';
import * as example from './saga.example.js';
import {
  bug,
  done,
  failedForGood,
  foundNothing,
  passed,
  refused,
  resumed,
  sketch,
  tell,
  undoFailed,
  undone,
  undoRefused,
} from './saga.example.js';
import { sagaMachine } from './saga.machine.js';

const undoRetry = { attemptsMax: 3 } as const;
const reserve = { name: 'reserve', timeoutMs: 1_000, undoRetry };
const charge = { name: 'charge', timeoutMs: 1_000, undoRetry, inProgressPollMs: 50 };
const ship = { name: 'ship', timeoutMs: 1_000 };
const reject = { name: 'reject', timeoutMs: 1_000, retry: { attemptsMax: 2 } };
const order = sketch([reserve, charge, ship], reject);

/** `charge` is being undone, then `reserve`. */
const turned = [done('reserve'), done('charge'), refused('ship')];
const after = (...events: Parameters<typeof tell> extends [unknown, ...infer E] ? E : never) =>
  tell(order, ...turned, ...events);

describe('an undo', () => {
  test('carries what it undoes: the input, and the output of what succeeded', () => {
    expect(after().raw).toMatchObject([
      {
        participant: 'charge-service',
        messageType: 'charge.undo',
        operation: 'compensation',
        payload: {
          input: { of: 'charge', seen: ['reserve'] },
          outcome: 'succeeded',
          output: 'charge-output',
        },
      },
    ]);
  });

  test('of a step without an answer says so, and has no output', () => {
    const [command] = tell(order, done('reserve'), failedForGood('charge')).raw;
    expect(command).toHaveProperty('payload', {
      input: { of: 'charge', seen: ['reserve'] },
      outcome: 'unknown',
    });
  });

  test('is asked one at a time: the earlier step waits for the answer', () => {
    expect(after().all.slice(3)).toEqual(['undo charge']);
    expect(after(undone('charge')).all.slice(3)).toEqual(['undo charge', 'undo reserve']);
  });

  test('is skipped for a step that leaves nothing behind', () => {
    const read = { name: 'read', undoable: false, nothingToUndo: true };
    const reading = sketch([reserve, read, ship], reject);
    expect(tell(reading, done('reserve'), done('read'), refused('ship')).commands).toEqual(['undo reserve']);
    expect(tell(sketch([read, ship]), done('read'), refused('ship')).commands).toEqual([
      'announce compensated',
    ]);
  });

  test('S17: the late success of the forward step changes nothing, for its undo covers it', () => {
    const { state } = tell(order, done('reserve'), failedForGood('charge'));
    expect(sagaMachine.transition(order, state, done('charge')).state).toBe(state);
  });

  test('S80: in progress is asked again and spends no attempt', () => {
    const polls = [1, 2, 3, 4, 5].flatMap((n) => [
      example.undoBusy('charge', { at: n * 100 }),
      passed(n * 100 + 50),
    ]);
    expect(after(...polls).all.slice(3)).toEqual(Array.from({ length: 6 }, () => 'undo charge'));
  });

  test('R5: of an unknown step may find nothing to undo', () => {
    const { commands } = tell(order, done('reserve'), failedForGood('charge'), foundNothing('charge'));
    expect(commands).toEqual(['undo reserve']);
  });

  test('R5: of a step that is known to have succeeded must find it, else it parks', () => {
    const { state, commands } = after(foundNothing('charge'));
    expect(state).toMatchObject({ status: 'parked', reason: { kind: 'undo-lost', branchId: 'charge' } });
    expect(commands).toEqual(['announce parked']);
  });
});

describe('an undo that does not work', () => {
  test('S19: is retried below its limit, and the later undos run after it', () => {
    const hiccups = [
      undoFailed('charge', { retryAt: 300 }),
      passed(300),
      passed(1_300, 1_500),
      passed(1_500),
    ];
    const { all, state } = after(...hiccups, undone('charge'), undone('reserve'), done('reject'));
    expect(all.slice(3)).toEqual([
      'undo charge',
      'undo charge attempt 2',
      'undo charge attempt 3',
      'undo reserve',
      'do reject',
      'announce compensated',
    ]);
    expect(state.status).toBe('compensated');
  });

  test('S20: beyond its limit parks, says so once, and the undos after it have not run', () => {
    const failures = [1, 2, 3].flatMap((n) => [undoFailed('charge', { retryAt: n * 300 }), passed(n * 300)]);
    const { all, state } = after(...failures, undoFailed('charge'), passed(1e6));
    expect(all.slice(3)).toEqual([
      'undo charge',
      'undo charge attempt 2',
      'undo charge attempt 3',
      'announce parked',
    ]);
    expect(state).toMatchObject({
      reason: { kind: 'undo-failed', branchId: 'charge', failure: { retryable: true } },
    });
  });

  test('S20: silence beyond its limit parks too', () => {
    const silence = [1, 2, 3].flatMap((n) => [passed(n * 5_000), passed(n * 5_000)]);
    expect(after(...silence).state).toMatchObject({
      status: 'parked',
      reason: { kind: 'undo-failed', branchId: 'charge' },
    });
  });

  test('S21: when it is refused it is not retried; a person decides', () => {
    const { all, state } = after(undoRefused('charge', { retryAt: 300 }), passed(1e6));
    expect(all.slice(3)).toEqual(['undo charge', 'announce parked']);
    expect(state).toMatchObject({
      reason: { kind: 'undo-refused', branchId: 'charge', refusal: example.refusal },
    });
  });

  test('when no retry helps, parks after one attempt', () => {
    expect(after(example.undoFailedForGood('charge')).state).toMatchObject({
      status: 'parked',
      reason: { kind: 'undo-failed', failure: { code: 'DATA_REJECTED' } },
    });
  });

  test.each([
    ['refused', undoRefused('charge')],
    ['lost', foundNothing('charge')],
  ])('R4: %s, is asked again under the next generation, and the way back goes on', (_what, stopped) => {
    const again = after(stopped, resumed());
    expect(again.commands).toEqual(['undo charge generation 2']);
    expect(again.state.status).toBe('compensating');
    const rescued = after(
      stopped,
      resumed(),
      undone('charge', { generation: 2 }),
      undone('reserve'),
      done('reject'),
    );
    expect(rescued.all.slice(-4)).toEqual([
      'undo charge generation 2',
      'undo reserve',
      'do reject',
      'announce compensated',
    ]);
  });
});

test('R2: a bug on the way back is resumed by the same undo', () => {
  const again = after(bug(), resumed());
  expect(again.commands).toEqual(['undo charge']);
  expect(again.state).toMatchObject({
    status: 'compensating',
    reason: { kind: 'refused', branchId: 'ship' },
  });
});

describe('the end of the way back', () => {
  const back = [undone('charge'), undone('reserve')];

  test('R28: is told to the closing step with the business reason, and announced with it', () => {
    const { raw } = after(...back);
    expect(raw).toMatchObject([
      { branchId: 'reject', operation: 'action', payload: { of: 'reject', reason: example.refusal } },
    ]);
    const { raw: announced, state } = after(...back, done('reject'));
    const reason = { kind: 'refused', branchId: 'ship', refusal: example.refusal };
    expect(announced).toEqual([{ type: 'announce', outcome: 'compensated', reason }]);
    expect(state).toMatchObject({ status: 'compensated', reason });
  });

  test('R28: is told also when the first step is refused', () => {
    expect(tell(order, refused('reserve')).all).toEqual(['do reserve', 'do reject']);
  });

  test('without a closing step is announced at once', () => {
    const { commands, state } = tell(
      sketch([reserve, ship]),
      done('reserve'),
      refused('ship'),
      undone('reserve'),
    );
    expect(commands).toEqual(['announce compensated']);
    expect(state.status).toBe('compensated');
  });

  test.each([
    ['the code of the failure', [failedForGood('reserve')], 'DATA_REJECTED'],
    [
      'that nobody answered',
      [1, 2, 3, 4, 5].flatMap((n) => [passed(n * 5_000), passed(n * 5_000)]).slice(0, 9),
      'timed-out',
    ],
  ])('tells %s where nobody refused', (_what, events, code) => {
    const { raw } = tell(order, ...events, undone('reserve'));
    expect(raw).toMatchObject([{ branchId: 'reject', payload: { of: 'reject', reason: { code } } }]);
  });

  test('R28: the closing step is repeated, then waits for a person, and never loses why', () => {
    const silence = [passed(5_000), passed(5_000), passed(9_000)];
    const stuck = after(...back, ...silence);
    expect(stuck.all.slice(-3)).toEqual(['do reject', 'do reject attempt 2', 'announce parked']);
    expect(stuck.state).toMatchObject({
      status: 'parked',
      reason: { kind: 'timed-out', branchId: 'reject' },
    });
    const rescued = after(...back, ...silence, resumed(), done('reject', { generation: 2 }));
    expect(rescued.state).toMatchObject({
      status: 'compensated',
      reason: { kind: 'refused', branchId: 'ship' },
    });
  });

  test('a closing step that is refused waits for a person', () => {
    expect(after(...back, refused('reject')).state).toMatchObject({
      status: 'parked',
      reason: { kind: 'refused', branchId: 'reject' },
    });
  });

  test('S35: nothing that arrives after the end changes anything', () => {
    const { state } = after(...back, done('reject'));
    for (const event of [undone('charge'), done('reject'), done('ship'), passed(1e9), resumed(), bug()]) {
      expect(sagaMachine.transition(order, state, event).state).toBe(state);
    }
  });
});
