/**
 * Goal: five services over a real Kafka survive the kill -9 of each process, the broker and the databases' server
 * included, with nobody's help. Method: the supervised stack as a user starts it; a thousand orders by a client that
 * knows only REST; each process killed once, at moments and in an order drawn from the seed; then the audit of every row.
 * E2E_SEED draws another run.
 */
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import { readStack } from '@sagamore/local';
import { missingForBroker } from '../../deploy/local/kafka/jars.js';
import { repeatEverything } from '../drills/repeat.js';
import { placeOrders, victimsOf } from '../orders/orders.js';
import { stackProcess } from './stack.process.js';

jest.setTimeout(600_000);
const seed = Number(process.env['E2E_SEED'] ?? 20_260_101);
const missing = process.env['KAFKA_BROKERS'] ? undefined : missingForBroker();

function describeStack(define: () => void): void {
  if (missing === undefined) return describe('the stack over Kafka', define);
  describe(`the stack over Kafka (needs a broker: ${missing})`, () => {
    const declare = process.env['CI'] === 'true' ? test : test.skip;
    declare('is not tried', () => {
      throw new Error(missing);
    });
  });
}

describeStack(() => {
  const stack = stackProcess('deploy/local/kafka/main.ts', ['--port', '0']);
  let passed = false;
  afterEach(() => {
    if (!passed) process.stdout.write(`seed ${seed}; the stack's last words:\n${stack.tail()}\n`);
    passed = false;
  });
  afterAll(() => stack.dispose(), 90_000);

  test('I38: each process is killed once in the middle of a thousand orders, and no row contradicts another', async () => {
    await stack.start();
    const victims = victimsOf(stack);
    const verdict = await placeOrders(stack, { seed, orders: 1_000, run: 'kafka', atOnce: 64, victims });

    expect(verdict.killed.toSorted()).toEqual(victims.toSorted());
    expect(verdict.problems).toEqual([]);
    expect(verdict.audit).toEqual({ code: 0, output: expect.stringMatching(/, 0 violations\n$/) });
    const pids = Object.values(stack.pids());
    expect(new Set(pids).size).toBe(pids.length);
    passed = true;
  });

  test('B99, I12: all that was ever said on the broker is said once more, and no effect comes twice', async () => {
    const repeated = await repeatEverything(readStack(stack.directory)?.brokers ?? '');
    expect(Object.values(repeated).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(5_000);
    // They stand behind the repeats on every partition: once they have ended, the repeats have been heard.
    const verdict = await placeOrders(stack, { seed: seed + 1, orders: 100, run: 'again', atOnce: 24 });

    expect(verdict.problems).toEqual([]);
    expect(verdict.audit).toEqual({ code: 0, output: expect.stringMatching(/, 0 violations\n$/) });
    passed = true;
  });
});
