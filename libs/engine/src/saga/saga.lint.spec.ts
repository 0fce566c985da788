/**
 * Goal: what is unwise in a saga is told before any transaction runs under it, all of it at once.
 * Method: definitions as data in, findings as data out.
 */
import { describe, expect, test } from '@jest/globals';
import { saga, type StepOptions } from './saga.definition.js';
import { operationOf, sketch } from './saga.example.js';
import { lint } from './saga.lint.js';

const one = () => 1;
const begin = () => saga<{ n: number }>('linted', { version: 1 });
const external = { ...operationOf('charge'), effect: 'external' } as const;
const codes = (...given: Parameters<typeof lint>) =>
  lint(...given).map(({ code, step }) => `${code} ${step}`);

test('a sound saga is found without fault', () => {
  const order = sketch(
    [
      { name: 'reserve' },
      { name: 'charge' },
      { name: 'confirm', undoable: false, pivot: true, retriable: true },
    ],
    { name: 'reject' },
  );
  const handled = new Set([
    'reserve.do',
    'reserve.undo',
    'charge.do',
    'charge.undo',
    'confirm.do',
    'reject.do',
  ]);
  expect(lint(order, { handled })).toEqual([]);
});

test('S22: an action or an undo that nobody handles is an error, the closing step included', () => {
  const order = sketch([{ name: 'reserve' }, { name: 'charge' }], { name: 'reject' });
  expect(lint(order, { handled: new Set(['reserve.do', 'charge.do', 'charge.undo']) })).toEqual([
    {
      severity: 'error',
      code: 'undo-without-consumer',
      saga: 'sketch',
      step: 'reserve',
      message: 'no participant handles reserve.undo, so nobody will ever answer',
    },
    expect.objectContaining({ code: 'action-without-consumer', step: 'reject' }),
  ]);
});

test('who is called over HTTP, or is no participant at all, is not looked for', () => {
  const definition = begin()
    .step('call', { ...operationOf('call'), transport: 'http' }, one)
    .local('here', one)
    .define();
  expect(lint(definition, { handled: new Set() })).toEqual([]);
});

describe('after the pivot', () => {
  const beyond = (undoable: boolean, options: StepOptions) =>
    begin()
      .step('confirm', operationOf('confirm', false), one, { pivot: true })
      .step('ship', operationOf('ship', undoable), one, { retriable: true, ...options })
      .define();

  test('a deadline is found', () => {
    expect(codes(beyond(false, { deadlineMs: 5 }))).toEqual(['deadline-after-pivot ship']);
  });

  test('an undo is found', () => {
    expect(codes(beyond(true, {}))).toEqual(['undo-after-pivot ship']);
  });

  test('a child with a deadline of its own is found', () => {
    const child = saga<unknown>('child', { version: 1, deadlineMs: 5 })
      .step('a', operationOf('a', false), one, { pivot: true })
      .define();
    const definition = begin()
      .step('confirm', operationOf('confirm', false), one, { pivot: true })
      .subSaga('rest', child, one, { retriable: true })
      .define();
    expect(codes(definition)).toEqual(['deadline-after-pivot rest']);
  });
});

test('an external effect before a step that may refuse and holds nothing is found', () => {
  const check = operationOf('check', false);
  const late = begin()
    .step('charge', external, one)
    .step('check', check, one, { nothingToUndo: true })
    .define();
  expect(codes(late)).toEqual(['external-before-refusal check']);
  const early = begin()
    .step('check', check, one, { nothingToUndo: true })
    .step('charge', external, one)
    .define();
  expect(codes(early)).toEqual([]);
});

test('a branch whose condition looks at nothing and is false is found', () => {
  const definition = begin()
    .when(
      () => false,
      (branch) => branch.step('never', operationOf('never'), one),
    )
    .when(
      () => true,
      (branch) => branch.step('always', operationOf('always'), one),
    )
    .when(
      ({ input }) => input.n > 0,
      (branch) => branch.step('maybe', operationOf('maybe'), one),
    )
    .define();
  expect(codes(definition)).toEqual(['unreachable-branch never']);
});

test('an undo that needs the output is found where an unknown outcome is undone', () => {
  const charge = (options: StepOptions) =>
    begin()
      .step('charge', external, one, { undoNeedsOutput: true, ...options })
      .define();
  expect(codes(charge({}))).toEqual(['blind-undo charge']);
  expect(codes(charge({ onUnknown: 'probe' }))).toEqual([]);
});

test('every finding is told at once', () => {
  const definition = begin()
    .step('charge', external, one, { undoNeedsOutput: true })
    .when(
      () => false,
      (branch) => branch.step('never', operationOf('never'), one),
    )
    .define();
  expect(codes(definition, { handled: new Set(['charge.do', 'never.do', 'never.undo']) })).toEqual([
    'undo-without-consumer charge',
    'unreachable-branch never',
    'blind-undo charge',
  ]);
});
