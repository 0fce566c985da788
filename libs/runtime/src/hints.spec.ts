/**
 * Goal: a hint only hastens; when hints stop coming, what was saved is picked up within the polling floor, and it is told.
 * Method: a real coordinator over the memory ports; the hint of a wish that was saved is lost behind the back of everybody, so
 * that no error tells of it. Time is moved by hand.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { saga, sagaProtocol } from '@sagamore/engine';
import { Orchestration } from '../../../test/support/orchestration.js';
import { transactionOne, trusted } from '../../../test/support/runtime.js';
import { Definitions } from './definitions.js';
import { operation } from './operation.js';

const wishSweepMs = 6_000;
const reserve = operation('stock.reserve', {
  input: trusted<object>(),
  output: trusted<unknown>(),
  undo: 'release',
});
const order = sagaProtocol(
  saga<object>('order', { version: 1 })
    .step('reserve', reserve, ({ input }) => input, { timeoutMs: 600_000 })
    .define(),
);

let orchestration: Orchestration;

beforeEach(async () => {
  orchestration = new Orchestration(1);
  await orchestration.open();
});
afterEach(() => orchestration.close());

test('S57: a wish whose hint vanished without an error is heard within the floor, and the loss is told', async () => {
  const lost: number[] = [];
  await orchestration.start('a', {
    definitions: new Definitions([order]),
    hooks: { onHintsLost: (count) => lost.push(count) },
    more: { wishSweepMs },
  });
  await orchestration.begin(transactionOne, 'order');
  await orchestration.reaches(transactionOne, 'executing');
  await orchestration.rig.clock.advanceAsync(wishSweepMs);
  expect(lost).toEqual([]);

  const { outcome } = await orchestration.wish(transactionOne, { type: 'terminate-requested' }, true);
  expect(outcome).toBe('accepted');
  const wishedAt = orchestration.rig.clock.now();
  await orchestration.reaches(transactionOne, 'terminated', 100);
  // A wish counts as unheard at a third of the pause, so the look behind that one finds it at the latest.
  expect(orchestration.rig.clock.now() - wishedAt).toBeLessThanOrEqual(wishSweepMs * (1 + 1 / 3) + 200);
  expect(lost).toEqual([1]);
});

test('S57: a hint that arrives is no loss', async () => {
  const lost: number[] = [];
  await orchestration.start('a', {
    definitions: new Definitions([order]),
    hooks: { onHintsLost: (count) => lost.push(count) },
    more: { wishSweepMs },
  });
  await orchestration.begin(transactionOne, 'order');
  await orchestration.reaches(transactionOne, 'executing');
  await orchestration.wish(transactionOne, { type: 'terminate-requested' });
  await orchestration.reaches(transactionOne, 'terminated');
  await orchestration.rig.clock.advanceAsync(wishSweepMs * 2);
  expect(lost).toEqual([]);
});
