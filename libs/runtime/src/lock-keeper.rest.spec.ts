/**
 * Goal: a transaction that rests keeps its place and its locks, and once it goes on it hears what it missed.
 * Method: an orchestrator over the memory ports; people's wishes come through a door, as a request's would.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { failed, saga, sagaProtocol, succeeded, type Reply } from '@sagamore/engine';
import { Orchestration } from '../../../test/support/orchestration.js';
import { transactionOne, transactionTwo, trusted } from '../../../test/support/runtime.js';
import { Definitions } from './definitions.js';
import type { CommandData } from './message.js';
import { operation } from './operation.js';

const take = operation('stock.take', {
  input: trusted<unknown>(),
  output: trusted<unknown>(),
  undo: 'return',
});
const look = operation('stock.look', { input: trusted<unknown>(), output: trusted<unknown>() });
const retry = { attemptsMax: 1 };

/** Holds the key until its answer comes. */
const holder = saga<unknown>('holder', { version: 1 })
  .lock('a-lock', () => 'a-key')
  .step('hold', take, () => 1, { retry, timeoutMs: 7_200_000 })
  .define();
/** Waits for the key, and parks beside it. */
const waiter = saga<unknown>('waiter', { version: 1 })
  .parallel((group) =>
    group
      .chain((own) => own.lock('a-lock', () => 'a-key').step('change', take, () => 1, { retry }))
      .step('look', look, () => 1, { retry, nothingToUndo: true, onUnknown: 'ask' }),
  )
  .define();

let house: Orchestration;
let asked: readonly CommandData[];
let answer: (command: CommandData) => Reply | undefined;

beforeEach(async () => {
  house = new Orchestration();
  await house.open();
  answer = ({ branchId, generation }) => {
    if (branchId === 'hold') return undefined;
    if (branchId === 'look' && generation === 1) return failed({ code: 'X', message: 'x', retryable: false });
    return succeeded({});
  };
  asked = await house.participate('stock.commands', (command) => answer(command));
  await house.start('a', { definitions: new Definitions([sagaProtocol(holder), sagaProtocol(waiter)]) });
  await house.begin(transactionOne, 'holder');
  await house.rig.until(() => asked.some(({ branchId }) => branchId === 'hold'));
  await house.begin(transactionTwo, 'waiter');
  await house.reaches(transactionTwo, 'parked');
});
afterEach(() => house.close());

const claims = () => house.rig.store.committed('semantic_lock').length;
const hasChanged = () => asked.some(({ branchId }) => branchId === 'change');
const free = () => house.send(house.replyTo(transactionOne, 'hold', succeeded({})));

test('S101: who parked while it waited is told once it goes on, though the key was free before', async () => {
  expect(claims()).toBe(2);
  await free();
  await house.reaches(transactionOne, 'completed', 25);
  // Some looks at the queue, at none of which it can hear anything.
  for (let looks = 0; looks < 20; looks++) await house.rig.clock.advanceAsync(250);
  expect([claims(), hasChanged()]).toEqual([1, false]);
  await house.resume(transactionTwo);
  await house.reaches(transactionTwo, 'completed', 25);
  expect([claims(), hasChanged()]).toEqual([0, true]);
});

test('S101: who parked while it waited, and goes on while the key is held, waits on', async () => {
  await house.resume(transactionTwo);
  await house.reaches(transactionTwo, 'executing', 25);
  for (let looks = 0; looks < 20; looks++) await house.rig.clock.advanceAsync(250);
  expect(hasChanged()).toBe(false);
  await free();
  await house.reaches(transactionTwo, 'completed', 25);
  expect(hasChanged()).toBe(true);
});

test('S101: a wait longer than anything is kept in memory for still ends with the lock', async () => {
  await house.resume(transactionTwo);
  await house.reaches(transactionTwo, 'executing', 25);
  await house.rig.clock.advanceAsync(180_000);
  await free();
  await house.reaches(transactionTwo, 'completed', 25);
});

test('S32: who terminates is told which locks were held, and they are free', async () => {
  await house.wish(transactionOne, { type: 'terminate-requested' });
  await house.reaches(transactionOne, 'terminated', 25);
  expect(house.row(transactionOne)?.reason).toMatchObject({ kind: 'terminated', locks: ['a-key'] });
  expect(claims()).toBe(1);
});
