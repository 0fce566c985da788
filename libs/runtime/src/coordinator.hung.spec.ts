/**
 * Goal: a participant that hangs slows nobody but those that need it, and loses nothing of what it could not take (I37).
 * Method: two sagas, each with a participant of its own; one answers after a while, the other not at all until it is mended.
 * Time is moved by hand, so that latencies are those of the runtime and not of the machine.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { saga, sagaProtocol, succeeded } from '@sagamore/engine';
import { MemoryJournal, MemoryOutbox } from '@sagamore/memory';
import { firstUuidAt, seededRandom } from '@sagamore/primitives';
import { RuntimeRig, trusted } from '../../../test/support/runtime.js';
import { Coordinator } from './coordinator.js';
import { Definitions } from './definitions.js';
import { startType } from './inbox.js';
import {
  commandTopic,
  inboxTopic,
  transactionEventsTopic,
  type CommandData,
  type Message,
} from './message.js';
import { operation } from './operation.js';
import { OutboxRelay } from './outbox-relay.js';

const answerMs = 40;
const windowMax = 50;
const hungCount = 400;

/** A saga whose one step waits for its participant for as long as it takes. */
function waitingFor(service: string) {
  const work = operation(`${service}.work`, {
    input: trusted<object>(),
    output: trusted<object>(),
    undo: 'undo',
  });
  const retry = { attemptsMax: 1_000, baseMs: 100, maxMs: 500 };
  return sagaProtocol(
    saga<object>(service, { version: 1 })
      .step('work', work, ({ input }) => input, { timeoutMs: 2_000, retry })
      .define(),
  );
}

let rig: RuntimeRig;
let coordinator: Coordinator;
let asked: Readonly<Record<'hung' | 'well', Message<CommandData>[]>>;
let ended: Message[];

beforeEach(async () => {
  rig = new RuntimeRig();
  const { database, bus, clock } = rig.process();
  await bus.ensureTopics([{ topic: inboxTopic, partitions: 1 }]);
  asked = {
    hung: (await rig.listen(commandTopic('hung'))) as Message<CommandData>[],
    well: (await rig.listen(commandTopic('well'))) as Message<CommandData>[],
  };
  ended = await rig.listen(transactionEventsTopic);
  const outbox = new MemoryOutbox(database);
  const relay = new OutboxRelay(outbox, bus, clock, { owner: 'one' });
  coordinator = new Coordinator(
    { journal: new MemoryJournal(database, outbox), relay, bus, clock, random: seededRandom(1) },
    {
      owner: 'one',
      definitions: new Definitions([waitingFor('hung'), waitingFor('well')]),
      shardCount: 1,
      window: { outstandingMax: windowMax, keptForUndo: 5, resetMs: 1_000 },
    },
  );
  await coordinator.start();
  await rig.until(() => coordinator.holding.shards.length === 1);
});

afterEach(() => coordinator.stop());

let made = 0;

async function start(service: 'hung' | 'well', count: number): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, () => firstUuidAt(1_763_800_000_000 + made++));
  await send(
    ids.map((key) => ({
      ...envelope(key),
      id: `${key}/start`,
      type: startType,
      data: { transactionId: key, definition: service, input: {} },
    })),
  );
  return ids;
}

function envelope(key: string) {
  return { key, partition: 0, source: 'test', topic: inboxTopic, occurredAt: 0 };
}

async function send(messages: readonly Message[]): Promise<void> {
  await rig.process().bus.send(messages);
  await rig.settle();
}

async function answerAll(commands: Message<CommandData>[]): Promise<void> {
  await send(
    commands.splice(0).map(({ id, key, data }) => {
      const { transactionId, branchId, operation: half, generation, attempt } = data;
      const body = { transactionId, branchId, operation: half, generation, attempt, reply: succeeded({}) };
      return { ...envelope(key), id: `${id}/succeeded`, type: 'reply', data: body };
    }),
  );
}

const hasEnded = (id: string) => ended.some(({ key }) => key === id);

/** The longest of a hundred, one after the other, ms. Each answers after `answerMs`. */
async function longestOfTheWell(): Promise<number> {
  let longest = 0;
  for (let round = 0; round < 100; round++) {
    const from = rig.clock.now();
    const [id = ''] = await start('well', 1);
    await rig.clock.advanceAsync(answerMs);
    await answerAll(asked.well);
    await rig.until(() => hasEnded(id), 5);
    longest = Math.max(longest, rig.clock.now() - from);
  }
  return longest;
}

test('I37: while a participant hangs, others are at most twice as slow, and what it cannot take waits and is done at last', async () => {
  const usual = await longestOfTheWell();
  const waiting = await start('hung', hungCount);
  expect(asked.hung.length).toBeGreaterThan(0);
  expect(asked.hung.length).toBeLessThanOrEqual(windowMax);
  expect(await longestOfTheWell()).toBeLessThanOrEqual(2 * usual);
  // All are there, whether they were sent or wait for room, and none was given up.
  expect(coordinator.holding.transactions).toBe(hungCount);
  expect(waiting.some(hasEnded)).toBe(false);
  for (let rounds = 0; rounds < 2_000 && !waiting.every(hasEnded); rounds++) {
    await answerAll(asked.hung);
    await rig.clock.advanceAsync(50);
  }
  expect(waiting.every(hasEnded)).toBe(true);
});
