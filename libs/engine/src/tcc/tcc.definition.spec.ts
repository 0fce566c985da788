/**
 * Goal: a definition that compiles and passes `define()` can always be confirmed or cancelled.
 * Method: sound and unsound definitions as data; the compile-time half stands or falls with `tsc`, which reports every
 * `@ts-expect-error` that has nothing to expect.
 */
import { describe, expect, test } from '@jest/globals';
import type { Operation } from '../operation.js';
import { tcc, type TccOperation } from './tcc.definition.js';
import { operationOf, sketch } from './tcc.example.js';

interface OrderInput {
  readonly orderId: string;
  readonly quantity: number;
}

const hold: TccOperation<{ orderId: string; quantity: number }, { holdId: string }> = {
  participant: 'inventory',
  effect: 'local',
  action: 'inventory.hold',
  confirm: 'inventory.deduct',
  compensation: 'inventory.let-go',
};
const authorize: TccOperation<{ orderId: string }, { authorizationId: string }> = {
  participant: 'payment',
  effect: 'external',
  action: 'payment.authorize',
  confirm: 'payment.capture',
  compensation: 'payment.void',
};
const reject: Operation<{ orderId: string; reason: { code: string } }, object> = {
  participant: 'order',
  effect: 'local',
  action: 'order.reject',
};
const reserve: Operation<{ orderId: string }, object> = {
  participant: 'inventory',
  effect: 'local',
  action: 'inventory.reserve',
  compensation: 'inventory.release',
};

const start = () => tcc<OrderInput>('place-order', { version: 1 });

test('a sound definition keeps its branches, fills in every default, and is frozen', () => {
  const definition = start()
    .branch('reserve-inventory', hold, (input) => input)
    .branch('charge-payment', authorize, ({ orderId }) => ({ orderId }), {
      timeoutMs: 20_000,
      confirm: ({ results }) => ({ hold: results['reserve-inventory'].holdId }),
    })
    .onCancelled('reject-order', reject, ({ input, reason }) => ({ orderId: input.orderId, reason }))
    .define();
  expect(definition.branches.map(({ name }) => name)).toEqual(['reserve-inventory', 'charge-payment']);
  expect(definition.branches[0]).toMatchObject({
    timeoutMs: 10_000,
    inProgressPollMs: 1_000,
    retry: { attemptsMax: 3, baseMs: 200, maxMs: 10_000 },
    settleRetry: { attemptsMax: 10, baseMs: 200, maxMs: 10_000 },
  });
  expect(definition.branches[1]?.timeoutMs).toBe(20_000);
  expect(definition.onCancelled).toMatchObject({ name: 'reject-order', settleRetry: { attemptsMax: 10 } });
  const parts = [definition, definition.branches, definition.branches[0], definition.onCancelled];
  expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
});

test('a beginning may be shared', () => {
  const beginning = start().branch('reserve-inventory', hold, (input) => input);
  const longer = beginning.branch('charge-payment', authorize, (input) => input).define();
  expect([beginning.define().branches.length, longer.branches.length]).toEqual([1, 2]);
});

describe('define() refuses', () => {
  const withPatience = (options: object) => () => sketch([{ name: 'a', ...options }]);
  const bare = (operation: object) => () =>
    start()
      .branch('a', { ...hold, ...operation }, (input) => input)
      .define();

  test.each([
    ['no branches', () => start().define(), /at least one branch/],
    ['a name that is not kebab-case', () => tcc('Place_Order', { version: 1 }).define(), /kebab-case/],
    ['a branch that is not kebab-case', () => sketch([{ name: 'Reserve' }]), /kebab-case, found "Reserve"/],
    ['a version that is none', () => tcc('a', { version: 0.5 }).define(), /positive whole number/],
    ['two branches of one name', () => sketch([{ name: 'a' }, { name: 'a' }]), /used twice/],
    ['a closing of the same name', () => sketch([{ name: 'a' }], { name: 'a' }), /used twice/],
    ['no time to answer', withPatience({ timeoutMs: 0 }), /timeoutMs is positive/],
    ['no time between polls', withPatience({ inProgressPollMs: Number.NaN }), /inProgressPollMs is positive/],
    ['no attempts', withPatience({ retry: { attemptsMax: 0 } }), /retry.attemptsMax/],
    ['no attempts to settle', withPatience({ settleRetry: { attemptsMax: 1.5 } }), /settleRetry.attemptsMax/],
    ['a back-off of nothing', withPatience({ retry: { baseMs: 0 } }), /retry.baseMs is positive/],
    ['an operation without a confirm', bare({ confirm: undefined }), /inventory.hold has no confirm/],
    ['an operation without an undo', bare({ compensation: undefined }), /inventory.hold has no undo/],
  ])('%s', (_what, define, message) => {
    expect(define).toThrow(message);
  });
});

test('the types refuse what could not be settled, or is not known yet', () => {
  // @ts-expect-error: an operation without a confirm cannot be tried.
  start().branch('a', reserve, (input) => input);
  // @ts-expect-error: the input has no such field.
  start().branch('a', hold, ({ orderId, amount }) => ({ orderId, quantity: amount }));
  start().branch('a', hold, (input) => input, {
    // @ts-expect-error: a branch that is not told has no results.
    confirm: ({ results }) => results['charge-payment'],
  });
  const twice = start().branch('a', hold, (input) => input);
  // @ts-expect-error: a name is used once.
  twice.branch('a', hold, (input) => input);
  expect(operationOf('a').confirm).toBe('a.keep');
});

test('define() refuses a participant that is called over HTTP, the closing one included', () => {
  const overHttp = start().branch('hold', { ...hold, transport: 'http' }, (input) => input);
  expect(() => overHttp.define()).toThrow(/place-order\/hold: inventory.hold is called over HTTP/);
  const closing = start()
    .branch('hold', hold, (input) => input)
    .onCancelled('reject', { ...reject, transport: 'http' }, ({ input, reason }) => ({
      orderId: input.orderId,
      reason,
    }));
  expect(() => closing.define()).toThrow(/place-order\/reject: order.reject is called over HTTP/);
});
