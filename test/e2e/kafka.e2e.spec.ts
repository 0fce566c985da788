/**
 * Goal: five services over a real Kafka survive the kill -9 of each process, the broker and the databases' server
 * included, with nobody's help. Method: the supervised stack as a user starts it; a thousand orders by a client that
 * knows only REST; each process killed once, at moments and in an order drawn from the seed; then the audit of every row.
 * E2E_SEED draws another run.
 */
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '@sagamore/primitives';
import { missingForBroker } from '../../deploy/local/kafka/jars.js';
import { planOrders } from './fates.js';
import { OrdersClient, surprises } from './orders.client.js';
import { runAudit, stackProcess } from './stack.process.js';

jest.setTimeout(600_000);
const seed = Number(process.env['E2E_SEED'] ?? 20_260_101);
const orders = 1_000;
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
  const log = join(stack.directory, 'client.jsonl');
  let passed = false;
  afterEach(() => {
    if (!passed) process.stdout.write(`seed ${seed}; the stack's last words:\n${stack.tail()}\n`);
  });
  afterAll(() => stack.dispose(), 90_000);

  test('I38: each process is killed once in the middle of a thousand orders, and no row contradicts another', async () => {
    await stack.start();
    const victims = Object.keys(stack.pids());
    const kills = drawKills(victims);
    const killed: string[] = [];
    const client = new OrdersClient({
      place: stack.place,
      log,
      atOnce: 64,
      onAcknowledged: (count) => {
        const name = kills.get(count);
        const pid = name === undefined ? undefined : stack.pids()[name];
        if (name === undefined || pid === undefined) return;
        process.kill(pid, 'SIGKILL');
        killed.push(name);
      },
    });
    const ends = await client.rescue(await client.run(planOrders({ seed, orders, run: 'kafka' })));
    await client.readAgain(ends);

    expect(killed.toSorted()).toEqual(victims.toSorted());
    expect(surprises(ends)).toEqual([]);
    await untilAllAnswer();
    expect(await runAudit(stack.directory, log)).toEqual({
      code: 0,
      output: expect.stringMatching(/, 0 violations\n$/),
    });
    passed = true;
  });

  /** A process that was killed last may still be coming back. */
  async function untilAllAnswer(): Promise<void> {
    const deadline = performance.now() + 30_000;
    const pids = Object.values(stack.pids());
    expect(new Set(pids).size).toBe(pids.length);
    for (const url of [stack.place.orderUrl(), stack.place.orchestratorUrl()]) {
      while (!(await isReady(`${url}/health/ready`))) {
        if (performance.now() > deadline) throw new Error(`${url} does not answer`);
        await pause(100);
      }
    }
  }
});

/** After how many acknowledged orders which process dies: spread over the run, in a drawn order. */
function drawKills(victims: readonly string[]): ReadonlyMap<number, string> {
  const random = seededRandom(seed + 7);
  const order = victims
    .map((name) => ({ name, luck: random.next() }))
    .toSorted((one, other) => one.luck - other.luck);
  const share = orders / (victims.length + 1);
  return new Map(order.map(({ name }, index) => [Math.floor(share * (index + 0.5 + random.next())), name]));
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
