/**
 * Goal: `npm start` keeps its promises, also through kill -9. Method: the real process with its own Postgres, a thousand
 * orders of mixed fate by a client that knows only REST, and then the audit of every row, the providers' and the client's
 * included. E2E_SEED draws another mix.
 */
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import { join } from 'node:path';
import { placeOrders, victimsOf } from '../orders/orders.js';
import { runAudit, stackProcess } from './stack.process.js';

jest.setTimeout(480_000);
const seed = Number(process.env['E2E_SEED'] ?? 20_260_101);
const stack = stackProcess('apps/local/src/main.ts', ['--no-story', '--port', '0']);
const log = join(stack.directory, 'client.jsonl');
const atOnce = 24;
/** What the audit says when it finds nothing. */
const sound = { code: 0, output: expect.stringMatching(/, 0 violations\n$/) };
let passed = false;

afterEach(() => {
  if (!passed) process.stdout.write(`seed ${seed}; the stack's last words:\n${stack.tail()}\n`);
  passed = false;
});
afterAll(() => stack.dispose(), 60_000);

describe('the stack in one process', () => {
  test('I07: a thousand orders end as they were asked for, and no row contradicts another', async () => {
    await stack.start();
    const verdict = await placeOrders(stack, { seed, orders: 1_000, run: 'first', atOnce });

    expect(verdict.problems).toEqual([]);
    expect(verdict.audit).toEqual(sound);
    passed = true;
  });

  test('I38: after a kill -9 in the middle of 300 orders all of them end, and nobody helped', async () => {
    const verdict = await placeOrders(stack, {
      seed: seed + 1,
      orders: 300,
      run: 'second',
      atOnce,
      victims: victimsOf(stack),
      among: ({ parks }) => parks !== true,
    });

    expect(verdict).toMatchObject({ killed: ['local'], helped: 0, problems: [] });
    expect(verdict.audit).toEqual(sound);
    passed = true;
  });

  test('the audit of a stack that has ended starts its Postgres again', async () => {
    await stack.stop();
    const ended = await runAudit(stack.directory, log);

    expect(ended).toEqual({
      code: 0,
      output: expect.stringMatching(/starting its Postgres again[^]+, 0 violations\n$/),
    });
    passed = true;
  });
});
