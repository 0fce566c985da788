/**
 * Goal: a definition that compiles and passes `define()` can always be committed or rolled back.
 * Method: sound and unsound definitions as data.
 */
import { describe, expect, test } from '@jest/globals';
import type { Operation } from '../operation.js';
import { twoPhaseCommit } from './two-phase-commit.definition.js';
import { sketch } from './two-phase-commit.example.js';

const deduct: Operation<{ orderId: string }, object> = {
  participant: 'inventory',
  effect: 'local',
  action: 'inventory.deduct',
};
const start = () => twoPhaseCommit<{ orderId: string }>('place-order', { version: 2 });
const withOperation = (operation: Operation) => () =>
  start()
    .participant('a', operation, (input) => input)
    .define();

test('a sound definition keeps its participants, fills in every default, and is frozen', () => {
  const beginning = start().participant('deduct-stock', deduct, (input) => input, { timeoutMs: 3_000 });
  const definition = beginning
    .participant('confirm-order', deduct, (input) => input)
    .onAborted('reject-order', deduct, ({ input }) => input)
    .define();
  expect(beginning.define().branches).toHaveLength(1);
  expect(definition).toMatchObject({ name: 'place-order', version: 2, onAborted: { name: 'reject-order' } });
  expect(definition.branches[0]).toMatchObject({ timeoutMs: 3_000, retry: { attemptsMax: 3 } });
  const parts = [definition, definition.branches, definition.branches[1], definition.onAborted];
  expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
});

test('R20: the decision is repeated without an end; telling of an abort is not', () => {
  const { branches, onAborted } = sketch([{ name: 'a' }], { name: 'closing' });
  expect(branches[0]?.settleRetry.attemptsMax).toBe(Number.MAX_SAFE_INTEGER);
  expect(onAborted?.settleRetry.attemptsMax).toBe(10);
});

describe('define() refuses', () => {
  test.each([
    ['no participants', () => start().define(), /at least one branch/],
    ['a name that is not kebab-case', () => sketch([{ name: 'A' }]), /kebab-case/],
    ['two of one name', () => sketch([{ name: 'a' }, { name: 'a' }]), /used twice/],
    ['no attempts', () => sketch([{ name: 'a', retry: { attemptsMax: 0 } }]), /attemptsMax/],
    [
      'R21: a call to the outside that cannot be taken back or made final',
      withOperation({ ...deduct, effect: 'external', compensation: 'inventory.undo' }),
      /calls the outside, so it needs a confirm/,
    ],
    [
      'a participant that is called over HTTP',
      withOperation({ ...deduct, transport: 'http' }),
      /place-order\/a: inventory.deduct is called over HTTP/,
    ],
    [
      'R21: a confirm without an undo',
      withOperation({ ...deduct, confirm: 'inventory.keep' }),
      /has a confirm, so it needs an undo/,
    ],
  ])('%s', (_what, define, message) => {
    expect(define).toThrow(message);
  });
});
