/**
 * Goal: a definition that compiles and passes `define()` can always be undone or finished.
 * Method: sound and unsound definitions as data; the compile-time half stands or falls with `tsc`, which reports every
 * `@ts-expect-error` that has nothing to expect.
 */
import { describe, expect, test } from '@jest/globals';
import type { Operation } from '../operation.js';
import { saga, type StepOptions } from './saga.definition.js';

interface OrderInput {
  readonly orderId: string;
  readonly quantity: number;
}

const local = { participant: 'inventory', effect: 'local' } as const;
const reserve: Operation<{ orderId: string; quantity: number }, { reservationId: string }> = {
  ...local,
  action: 'inventory.reserve',
  compensation: 'inventory.release',
};
const charge: Operation<{ orderId: string; reservationId: string }, { chargeId: string }> = {
  participant: 'payment',
  effect: 'external',
  action: 'payment.charge',
  compensation: 'payment.refund',
};
const confirm: Operation<{ orderId: string }, object> = {
  ...local,
  participant: 'order',
  action: 'order.confirm',
};
const reject: Operation<{ orderId: string; reason: { code: string } }, object> = {
  ...local,
  participant: 'order',
  action: 'order.reject',
};

const start = () => saga<OrderInput>('place-order', { version: 1 });
const reserved = (options?: StepOptions) =>
  start().step('reserve-stock', reserve, ({ input }) => input, options);

describe('a sound definition', () => {
  const definition = reserved()
    .step('charge-card', charge, ({ input, results }) => ({
      orderId: input.orderId,
      reservationId: results['reserve-stock'].reservationId,
    }))
    .step('confirm-order', confirm, ({ input }) => ({ orderId: input.orderId }), {
      pivot: true,
      retriable: true,
    })
    .onCompensated('reject-order', reject, ({ input, reason }) => ({ orderId: input.orderId, reason }))
    .define();

  test('keeps the steps in the order they were told', () => {
    expect(definition.steps.map((step) => step.name)).toEqual([
      'reserve-stock',
      'charge-card',
      'confirm-order',
    ]);
    expect(definition.onCompensated?.name).toBe('reject-order');
  });

  test('fills in every default', () => {
    expect(definition.steps[0]).toMatchObject({
      timeoutMs: 10_000,
      retry: { attemptsMax: 5, baseMs: 200, maxMs: 10_000 },
      undoRetry: { attemptsMax: 10, baseMs: 200, maxMs: 10_000 },
      inProgressPollMs: 1_000,
      pivot: false,
      retriable: false,
      nothingToUndo: false,
    });
    expect(definition.onCompensated?.retry.attemptsMax).toBe(10);
  });

  test('keeps what the step says about itself', () => {
    const [step] = reserved({
      timeoutMs: 15_000,
      retry: { attemptsMax: 2 },
      undoRetry: { maxMs: 99 },
    }).define().steps;
    expect(step).toMatchObject({
      timeoutMs: 15_000,
      retry: { attemptsMax: 2, baseMs: 200, maxMs: 10_000 },
      undoRetry: { attemptsMax: 10, baseMs: 200, maxMs: 99 },
    });
  });

  test('is frozen, steps and policies included', () => {
    const frozen = [
      definition,
      definition.steps,
      definition.steps[0],
      definition.steps[0]?.retry,
      definition.onCompensated,
    ];
    expect(frozen.map((part) => Object.isFrozen(part))).toEqual([true, true, true, true, true]);
  });

  test('is not changed by another one that was told from the same beginning', () => {
    const beginning = reserved();
    const longer = beginning.step('confirm-order', confirm, ({ input }) => input, { pivot: true }).define();
    expect([beginning.define().steps.length, longer.steps.length]).toEqual([1, 2]);
  });
});

describe('define() refuses', () => {
  const pivot = { pivot: true } as const;
  const confirmed = (options: StepOptions) =>
    reserved().step('confirm-order', confirm, ({ input }) => input, options);
  const asRead = reserved().step('read-order', confirm, ({ input }) => input, { nothingToUndo: true });

  test.each([
    ['a saga without steps', () => start().define(), /at least one step/],
    [
      'a name that is not kebab-case',
      () => saga('Place_Order', { version: 1 }).define(),
      /kebab-case, found "Place_Order"/,
    ],
    ['a version that is no positive whole number', () => saga('x', { version: 0 }).define(), /found 0/],
    [
      'a step name that is not kebab-case',
      () =>
        start()
          .step('reserveStock', reserve, ({ input }) => input)
          .define(),
      /place-order: a step's name is kebab-case, found "reserveStock"/,
    ],
    [
      'two steps of one name',
      () =>
        reserved()
          .step('reserve-stock' as 'other', confirm, ({ input }) => input, pivot)
          .define(),
      /"reserve-stock" is used twice/,
    ],
    [
      'a closing step named like a step',
      () =>
        reserved()
          .onCompensated('reserve-stock', reject, ({ input, reason }) => ({ ...input, reason }))
          .define(),
      /"reserve-stock" is used twice/,
    ],
    [
      'two pivots',
      () =>
        confirmed(pivot)
          .step('again', confirm, ({ input }) => input, { ...pivot, retriable: true })
          .define(),
      /place-order\/again: a saga has one pivot, and "confirm-order" is it/,
    ],
    [
      'S26: a step after the pivot that is not retriable',
      () =>
        confirmed(pivot)
          .step('charge-late', reserve, ({ input }) => input)
          .define(),
      /charge-late: a step after the pivot must be retriable/,
    ],
    [
      'a step without undo before the pivot',
      () =>
        start()
          .step('mark', confirm, ({ input }) => input)
          .step('confirm-order', confirm, ({ input }) => input, pivot)
          .define(),
      /place-order\/mark: order.confirm has no undo/,
    ],
    [
      'a step without undo where there is no pivot',
      () => confirmed({ retriable: true }).define(),
      /confirm-order: order.confirm has no undo/,
    ],
    [
      'an undo that is said not to be needed',
      () => reserved({ nothingToUndo: true }).define(),
      /which has an undo/,
    ],
    [
      'a time-out that is not positive',
      () => reserved({ timeoutMs: 0 }).define(),
      /timeoutMs is positive, found 0/,
    ],
    ['a time-out without end', () => reserved({ timeoutMs: Infinity }).define(), /found Infinity/],
    [
      'a poll that is not positive',
      () => reserved({ inProgressPollMs: -1 }).define(),
      /inProgressPollMs is positive, found -1/,
    ],
    [
      'no attempt at all',
      () => reserved({ retry: { attemptsMax: 0 } }).define(),
      /retry.attemptsMax .* found 0/,
    ],
    [
      'half an attempt',
      () => reserved({ undoRetry: { attemptsMax: 1.5 } }).define(),
      /undoRetry.attemptsMax .* found 1.5/,
    ],
    [
      'a back-off that is not positive',
      () => reserved({ retry: { baseMs: 0 } }).define(),
      /retry.baseMs is positive, found 0/,
    ],
    [
      'a cap that is no number',
      () => reserved({ retry: { maxMs: NaN } }).define(),
      /retry.maxMs is positive, found NaN/,
    ],
    [
      'a step that runs beside the pivot',
      () =>
        start()
          .parallel((group) =>
            group
              .step('reserve-stock', reserve, ({ input }) => input)
              .step('confirm-order', confirm, ({ input }) => input, pivot),
          )
          .define(),
      /reserve-stock: nothing runs beside the pivot, and "confirm-order" is it/,
    ],
    [
      'a pivot that is not on every way',
      () =>
        start()
          .when(
            () => true,
            (branch) => branch.step('confirm-order', confirm, ({ input }) => input, pivot),
          )
          .define(),
      /a pivot stands on every way through the saga/,
    ],
    [
      'S28: an approval after the pivot, for it may say no',
      () => confirmed(pivot).approval('manager').define(),
      /manager: nothing after the pivot may refuse/,
    ],
    [
      'R23: a pivot that is undone when its outcome is unknown',
      () => confirmed({ ...pivot, onUnknown: 'compensate' }).define(),
      /a pivot is never undone/,
    ],
    [
      'R6: a retriable step that is probed, for behind "not done" nothing can be repeated',
      () => reserved({ retriable: true, onUnknown: 'probe' }).define(),
      /a retriable step is repeated/,
    ],
    [
      'a wait for a late answer without end',
      () => reserved({ onUnknown: 'wait' }).define(),
      /needs a deadlineMs/,
    ],
    [
      'a loop without room for a pass',
      () =>
        start()
          .forEach(
            'each',
            () => [],
            reserve,
            ({ input }: { input: OrderInput }) => input,
            { atOnce: 0 },
          )
          .define(),
      /atOnce is a positive whole number, found 0/,
    ],
    [
      'a deadline that is not positive',
      () =>
        saga<OrderInput>('late', { version: 1, deadlineMs: 0 })
          .step('a', reserve, ({ input }) => input)
          .define(),
      /late: deadlineMs is positive, found 0/,
    ],
    [
      'a child that cannot be undone where it may have to be',
      () =>
        start()
          .subSaga('child', confirmed(pivot).define(), ({ input }) => input)
          .define(),
      /child: transaction.start has no undo/,
    ],
  ])('%s', (_what, define, message) => {
    expect(define).toThrow(message);
  });

  test('no step that leaves nothing behind', () => {
    expect(asRead.define().steps[1]?.nothingToUndo).toBe(true);
  });
});

test('the types run from end to end', () => {
  // Compiled, never run: each refusal below is the compiler's.
  const neverRun = () => {
    // @ts-expect-error a field that the step's input needs is missing
    start().step('reserve-stock', reserve, ({ input }) => ({ orderId: input.orderId }));
    // @ts-expect-error a field of the step's input has another type
    start().step('reserve-stock', reserve, ({ input }) => ({ orderId: input.orderId, quantity: 'one' }));
    // @ts-expect-error the transaction's input has no such field
    start().step('reserve-stock', reserve, ({ input }) => ({ orderId: input.number, quantity: 1 }));
    start().step('charge-card', charge, ({ input, results }) => ({
      orderId: input.orderId,
      // @ts-expect-error the result of a step that has not run before this one
      reservationId: results['reserve-stock'].reservationId,
    }));
    reserved().step('charge-card', charge, ({ input, results }) => ({
      orderId: input.orderId,
      // @ts-expect-error a result has no such field
      reservationId: results['reserve-stock'].reservation,
    }));
    // @ts-expect-error a name that is taken
    reserved().step('reserve-stock', confirm, ({ input }) => input);
    // @ts-expect-error the closing step's input lacks its reason
    reserved().onCompensated('reject-order', reject, ({ input }) => ({ orderId: input.orderId }));
    const closed = reserved().onCompensated('reject-order', reject, ({ input, reason }) => ({
      ...input,
      reason,
    }));
    // @ts-expect-error nothing comes after the closing step but the end
    closed.step('confirm-order', confirm, ({ input }: { input: OrderInput }) => input);
    reserved().step('confirm-order', confirm, ({ input, results }) => {
      // @ts-expect-error a result is not for writing
      results['reserve-stock'] = { reservationId: '' };
      return input;
    });
  };
  expect(neverRun).toBeInstanceOf(Function);
});
