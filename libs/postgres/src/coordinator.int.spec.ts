/**
 * Goal: what one call of the coordinator's handler does to one transaction, however often, is one commit that waits for nobody,
 * least of all for itself.
 * Method: the real coordinator over the real database; a bus in memory hands over all messages of one transaction together.
 */
import { afterAll, afterEach, expect, jest, test } from '@jest/globals';
import { saga, sagaProtocol, succeeded } from '@sagamore/engine';
import { MemoryBus } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import {
  cancelMessage,
  Coordinator,
  Definitions,
  inboxTopic,
  operation,
  OutboxRelay,
  SystemClock,
} from '@sagamore/runtime';
import { setTimeout as pause } from 'node:timers/promises';
import { answerTo, startOf } from '../../../test/support/coordinator.js';
import { openPostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { command, transactionOne, trusted } from '../../../test/support/runtime.js';

jest.setTimeout(60_000);

const anything = { input: trusted<object>(), output: trusted<unknown>() };
const twoAtOnce = sagaProtocol(
  saga<object>('two-at-once', { version: 1 })
    .parallel((group) =>
      group
        .step('left', operation('stock.left', { ...anything, undo: 'left-back' }), ({ input }) => input)
        .step('right', operation('stock.right', { ...anything, undo: 'right-back' }), ({ input }) => input),
    )
    .define(),
);

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(async () => (await testPostgres()).stop());

test('S64: one handler updates the same saga many times in one call and does not deadlock with itself', async () => {
  const ports = await openPostgresPorts();
  closing.push(() => ports.close());
  const clock = new SystemClock();
  const bus = new MemoryBus({ clock });
  await bus.ensureTopics([{ topic: inboxTopic, partitions: 1 }]);
  const { journal, outbox } = ports;
  const relay = new OutboxRelay(outbox, bus, clock, { owner: 'one' });
  const batches: number[] = [];
  const faults: unknown[] = [];
  const coordinator = new Coordinator(
    { journal, relay, bus, clock, random: seededRandom(1) },
    {
      owner: 'one',
      shardCount: 1,
      definitions: new Definitions([twoAtOnce]),
      hooks: {
        onBatch: (transactions) => batches.push(transactions),
        onFault: (error) => faults.push(error),
      },
    },
  );
  await coordinator.start();
  closing.push(() => coordinator.stop());

  const reply = (branchId: string) => {
    const asked = command({ type: `stock.${branchId}`, branchId });
    return answerTo(asked, succeeded({}));
  };
  const wish = { transactionId: transactionOne, actor: 'ada', reason: 'changed her mind' };
  // All in one send, so in one delivery: it begins, is answered twice, is called off, and everything comes again.
  const told = [
    startOf(transactionOne, 'two-at-once'),
    ...['left', 'right', 'left'].map(reply),
    cancelMessage(wish, { source: 'spec', shard: 0, at: 0 }),
    startOf(transactionOne, 'two-at-once'),
  ];
  await bus.send(told);

  const stored = async () => (await journal.load([transactionOne]))[0];
  for (const deadline = performance.now() + 10_000; (await stored())?.phase !== 'final'; await pause(5))
    if (performance.now() > deadline) throw new Error('it did not end within 10 s');
  const { events, status } = (await stored())!;
  expect(status).toBe('completed');
  expect(events.map(({ type }) => type)).toEqual(['replied', 'replied']);
  expect([batches.filter((count) => count > 0), faults]).toEqual([[1], []]);
});
