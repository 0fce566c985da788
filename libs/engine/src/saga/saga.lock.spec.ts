/**
 * Goal: a saga stands before a lock until it is told, holds it until its very end, and turns around when it must.
 * Method: facts as data in, state, commands and claims as data out.
 */
import { describe, expect, test } from '@jest/globals';
import type { LockAnswer } from '../locks/lock.js';
import type { TransactionEvent } from '../transaction.js';
import { saga, type LockOptions } from './saga.definition.js';
import {
  bug,
  cancelled,
  done,
  operationOf,
  passed,
  paused,
  refused,
  resumed,
  start,
  tell,
  terminated,
  undone,
} from './saga.example.js';
import { lint } from './saga.lint.js';
import { claimsOf } from './saga.lock.js';
import { sagaProtocol } from './saga.protocol.js';
import { timelineOf } from './saga.timeline.js';

const locking = (options: LockOptions = {}) =>
  saga<{ orderId: string }>('locking', { version: 1 })
    .step('reserve', operationOf('reserve'), () => 1)
    .lock('order-lock', ({ input }) => `order/${input.orderId}`, options)
    .step('change', operationOf('change'), ({ results }) => results['order-lock'])
    .define();
const answered = (answer: LockAnswer, at = 200): TransactionEvent => {
  return { type: 'lock-answered', at, branchId: 'order-lock', answer };
};
const granted = answered({ outcome: 'granted', version: 42 });
const held = answered({ outcome: 'held', by: ['another'] });
const cycle = [
  { transactionId: 'a-transaction', key: 'order/an-order', holder: 'another' },
  { transactionId: 'another', key: 'order/other', holder: 'a-transaction' },
];
const claim = { key: 'order/an-order', branchId: 'order-lock', policy: 'wait', canYield: true };
const order = locking();
const claimed = (...events: readonly TransactionEvent[]) => claimsOf(order, tell(order, ...events).state);

describe('a lock', () => {
  test('S101: is asked for when it is reached, and what is behind it begins once it is granted', () => {
    expect(claimed()).toEqual([]);
    expect(tell(order, done('reserve')).commands).toEqual([]);
    expect(claimed(done('reserve'))).toEqual([{ ...claim, isAwaited: true }]);
    expect(tell(order, done('reserve'), granted).commands).toEqual(['do change']);
    expect(claimed(done('reserve'), granted)).toEqual([{ ...claim, isAwaited: false }]);
  });

  test('S30: hands its version to the steps behind it, and their undo carries it too', () => {
    const forward = tell(order, done('reserve'), granted);
    expect(forward.raw).toMatchObject([{ payload: { key: 'order/an-order', version: 42 } }]);
    const back = tell(order, done('reserve'), granted, cancelled(), done('change'));
    expect(back.raw).toMatchObject([{ operation: 'compensation', payload: { input: { version: 42 } } }]);
  });

  test('S101: is held while the saga is parked or goes back, and free with its end, whichever that is', () => {
    const held1 = [{ ...claim, isAwaited: false }];
    const refusedLater = [done('reserve'), granted, refused('change')];
    expect(claimed(done('reserve'), granted, bug())).toEqual(held1);
    expect(claimed(...refusedLater)).toEqual(held1);
    expect(claimed(...refusedLater, undone('reserve'))).toEqual([]);
    expect(claimed(done('reserve'), granted, done('change'))).toEqual([]);
    expect(claimed(done('reserve'), granted, terminated())).toEqual([]);
  });

  test('S32: who terminates is told which locks were held', () => {
    const { state } = tell(order, done('reserve'), granted, terminated());
    expect(state).toMatchObject({ status: 'terminated', reason: { locks: ['order/an-order'] } });
  });

  test('S101: that fails turns the saga around, and says who held it', () => {
    const { commands, state } = tell(locking({ policy: 'fail' }), done('reserve'), held);
    expect(commands).toEqual(['undo reserve']);
    const refusal = { code: 'locked', details: { key: 'order/an-order', by: ['another'] } };
    expect(state).toMatchObject({ reason: { kind: 'refused', branchId: 'order-lock', refusal } });
    expect(claimsOf(order, state)).toEqual([]);
  });

  test('S102: that gives way turns the saga around, and the circle is in its history', () => {
    const { commands, state } = tell(order, done('reserve'), answered({ outcome: 'deadlock', cycle }));
    expect(commands).toEqual(['undo reserve']);
    expect(state).toMatchObject({ reason: { refusal: { code: 'deadlock', details: { cycle } } } });
  });

  test('is not waited for beyond its time', () => {
    const definition = locking({ deadlineMs: 50 });
    expect(sagaProtocol(definition).dueAt(tell(definition, done('reserve')).state)).toBe(150);
    expect(tell(definition, done('reserve'), passed(150)).commands).toEqual(['undo reserve']);
    expect(tell(definition, done('reserve'), granted, passed(250)).commands).toEqual([]);
  });

  test('is not waited for any more once the saga goes back, and a grant that comes then changes nothing', () => {
    expect(claimed(done('reserve'), cancelled())).toEqual([]);
    const { state } = tell(order, done('reserve'), cancelled());
    expect(sagaProtocol(order).transition(state, granted).state).toBe(state);
  });

  test('is granted once: a repeated answer changes nothing', () => {
    const { state } = tell(order, done('reserve'), granted);
    expect(sagaProtocol(order).transition(state, granted).state).toBe(state);
  });

  test('S96: that is granted while a person holds the saga is taken, and nothing is sent before it goes on', () => {
    const heard = [done('reserve'), paused(), granted];
    expect(tell(order, ...heard).commands).toEqual([]);
    expect(claimed(...heard)).toEqual([{ ...claim, isAwaited: false }]);
    expect(tell(order, ...heard, resumed()).commands).toEqual(['do change']);
  });

  test('has its line in the timeline', () => {
    const lines = (...events: readonly TransactionEvent[]) =>
      timelineOf(order, start, events).map(({ name, outcome }) => `${name} ${outcome}`);
    expect(lines(done('reserve'))).toContain('order-lock pending');
    expect(lines(done('reserve'), granted)).toContain('order-lock succeeded');
    expect(lines(done('reserve'), held)).toContain('order-lock refused');
  });
});

describe('where nothing can be undone', () => {
  const after = (options: LockOptions) =>
    saga<unknown>('late', { version: 1 })
      .step('confirm', operationOf('confirm', false), () => 1, { pivot: true })
      .lock('late-lock', () => 'a-key', options);

  test('a lock that may be refused is unsound', () => {
    expect(() => after({ policy: 'fail' }).define()).toThrow('late/late-lock: a lock that may be refused');
    expect(() => after({ deadlineMs: 5 }).define()).toThrow('late/late-lock: a lock that may be refused');
    const forward = saga<unknown>('forward', { version: 1, recovery: 'forward' });
    expect(() => forward.lock('a-lock', () => 'k', { policy: 'fail' }).define()).toThrow('forward/a-lock');
  });

  test('S102: a lock that waits is found, for it cannot give way', () => {
    const definition = after({}).define();
    expect(lint(definition).map(({ code, step }) => `${code} ${step}`)).toEqual([
      'lock-after-pivot late-lock',
    ]);
    const { state } = tell(definition, done('confirm'));
    expect(claimsOf(definition, state)).toMatchObject([{ canYield: false, isAwaited: true }]);
  });
});

test('a saga without locks says nothing of them, so its host asks for nothing', () => {
  const plain = saga<unknown>('plain', { version: 1 })
    .step('a', operationOf('a'), () => 1)
    .define();
  expect(sagaProtocol(plain).claims).toBeUndefined();
});
