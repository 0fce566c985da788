/**
 * Goal: `npm start` keeps its promises, also through kill -9. Method: the real process with its own Postgres, a thousand
 * orders of mixed fate by a client that knows only REST, and then the audit of every row, the providers' and the client's
 * included. E2E_SEED draws another mix.
 */
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import { join } from 'node:path';
import { planOrders } from './fates.js';
import { OrdersClient, surprises } from './orders.client.js';
import { runAudit, stackProcess, type StackProcess } from './stack.process.js';

jest.setTimeout(480_000);
const seed = Number(process.env['E2E_SEED'] ?? 20_260_101);
const stack = stackProcess('apps/local/src/main.ts', ['--no-story', '--port', '0']);
const log = join(stack.directory, 'client.jsonl');
let passed = false;

afterEach(() => {
  if (!passed) process.stdout.write(`seed ${seed}; the stack's last words:\n${stack.tail()}\n`);
  passed = false;
});
afterAll(() => stack.dispose(), 60_000);

describe('the stack in one process', () => {
  test('I07: a thousand orders end as they were asked for, and no row contradicts another', async () => {
    await stack.start();
    const client = new OrdersClient({ place: stack.place, log });
    const ends = await client.rescue(await client.run(planOrders({ seed, orders: 1_000, run: 'first' })));
    await client.readAgain(ends);

    expect(surprises(ends)).toEqual([]);
    expect(await runAudit(stack.directory, log)).toEqual({
      code: 0,
      output: expect.stringMatching(/, 0 violations\n$/),
    });
    passed = true;
  });

  test('I38: after a kill -9 in the middle of 300 orders all of them end, and nobody helped', async () => {
    const orders = 300;
    const killed = Promise.withResolvers<void>();
    let kills = 0;
    const client = new OrdersClient({
      place: stack.place,
      log,
      onAcknowledged: (count) => {
        if (count === orders / 2 && kills++ === 0) void restarted(stack).then(killed.resolve, killed.reject);
      },
    });
    const planned = planOrders({
      seed: seed + 1,
      orders,
      run: 'second',
      among: ({ parks }) => parks !== true,
    });
    const [ends] = await Promise.all([client.run(planned), killed.promise]);
    await client.readAgain(ends);

    expect(kills).toBe(1);
    expect(surprises(ends)).toEqual([]);
    expect(await runAudit(stack.directory, log)).toEqual({
      code: 0,
      output: expect.stringMatching(/, 0 violations\n$/),
    });
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

async function restarted({ killAll, start }: StackProcess): Promise<void> {
  await killAll();
  await start();
}
