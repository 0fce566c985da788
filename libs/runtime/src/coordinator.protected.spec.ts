/**
 * Goal: a participant that is ill or slow is spared, its transactions lose nothing by waiting, and nobody waits for ever.
 * Method: coordinators over the ports in memory; the test is the participant, and time is moved by hand.
 */
import {
  failed,
  refused,
  saga,
  sagaProtocol,
  succeeded,
  type Reply,
  type TransactionEvent,
} from '@sagamore/engine';
import { MemoryJournal, MemoryOutbox, MemoryTrials } from '@sagamore/memory';
import { firstUuidAt, seededRandom } from '@sagamore/primitives';
import { RuntimeRig, trusted } from '../../../test/support/runtime.js';
import { Coordinator } from './coordinator.js';
import { Definitions } from './definitions.js';
import { startType } from './inbox.js';
import { cancelMessage } from './wish.js';
import {
  commandTopic,
  deadLetterTopic,
  inboxTopic,
  type CommandData,
  type Message,
  type StartData,
} from './message.js';
import { operation } from './operation.js';
import { OutboxRelay } from './outbox-relay.js';
import type { WindowPolicy } from './participant-window.js';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

const take = operation('stock.take', {
  input: trusted<unknown>(),
  output: trusted<unknown>(),
  undo: 'return',
});
const retry = { attemptsMax: 3, baseMs: 10, maxMs: 20 };
const definition = saga<unknown>('one-step', { version: 1 })
  .step('take', take, ({ input }) => input, { timeoutMs: 1_000, retry, undoRetry: retry })
  .define();

let rig: RuntimeRig;
let commands: Message<CommandData>[];
let running: Coordinator[] = [];

beforeEach(async () => {
  rig = new RuntimeRig();
  await rig.process().bus.ensureTopics([{ topic: inboxTopic, partitions: 2 }]);
  commands = (await rig.listen(commandTopic('stock'))) as Message<CommandData>[];
});

afterEach(async () => {
  await Promise.all(running.map((each) => each.stop()));
  running = [];
});

interface Started {
  readonly coordinator: Coordinator;
  readonly phases: string[];
  die(): void;
}

async function start(owner: string, window: Partial<WindowPolicy> = {}, shardsHeld = 2): Promise<Started> {
  const { database, bus, clock } = rig.process();
  const outbox = new MemoryOutbox(database);
  const relay = new OutboxRelay(outbox, bus, clock, { owner });
  const journal = new MemoryJournal(database, outbox);
  const phases: string[] = [];
  const coordinator = new Coordinator(
    { journal, relay, bus, clock, random: seededRandom(1), trials: new MemoryTrials(database) },
    {
      owner,
      definitions: new Definitions([sagaProtocol(definition)]),
      shardCount: 2,
      takeoverGraceMs: 500,
      window,
      hooks: { onBreaker: (_participant, phase) => phases.push(phase) },
    },
  );
  await coordinator.start();
  await rig.until(() => coordinator.holding.shards.length >= shardsHeld);
  running.push(coordinator);
  const die = () => {
    running = running.filter((each) => each !== coordinator);
    database.crash();
    bus.crash();
  };
  return { coordinator, phases, die };
}

let started = 0;

function startsOf(count: number, extra: Partial<StartData> = {}): readonly Message<StartData>[] {
  return Array.from({ length: count }, () => {
    const transactionId = firstUuidAt(1_763_800_000_000 + started++);
    const data = { transactionId, definition: 'one-step', input: {}, ...extra };
    return { ...envelope(transactionId, started % 2), id: `${transactionId}/start`, type: startType, data };
  });
}

function envelope(key: string, partition: number) {
  return { key, partition, source: 'test', topic: inboxTopic, occurredAt: 0 };
}

async function send(messages: readonly Message[]): Promise<void> {
  await rig.process().bus.send(messages);
  await rig.settle();
}

async function answer(asked: readonly Message<CommandData>[], reply: Reply = succeeded({})): Promise<void> {
  await send(
    asked.map(({ id, key, data }) => {
      const { transactionId, branchId, operation: half, generation, attempt, replyTo } = data;
      const body = { transactionId, branchId, operation: half, generation, attempt, reply };
      return { ...envelope(key, replyTo.partition), id: `${id}/${reply.outcome}`, type: 'reply', data: body };
    }),
  );
}

/** In steps as small as the coordinator's own looks. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) await rig.clock.advanceAsync(50);
  await rig.settle();
}

function eventsOf({ key }: Message): readonly TransactionEvent[] {
  return rig.store
    .committed<{ event: TransactionEvent }>('journal')
    .filter(([name]) => name.startsWith(key))
    .map(([, { event }]) => event);
}

/** Five that were met with silence. */
async function openBreaker(): Promise<readonly Message<StartData>[]> {
  const starts = startsOf(5);
  await send(starts);
  await rig.until(() => commands.length === 5);
  await pass(1_100);
  return starts;
}

test('S83, I36: while the breaker is open nothing is sent and no attempt is spent, however long it takes', async () => {
  const { phases } = await start('a');
  await openBreaker();
  const late = startsOf(1);
  await send(late);
  await pass(55_000);
  expect(phases).toEqual(['open']);
  expect(commands).toHaveLength(5);
  expect(eventsOf(late[0]!)).toEqual([]);
  await rig.until(() => commands.length > 5, 50);
  const trials = commands.slice(5);
  expect(trials).toHaveLength(3);
  await answer(trials);
  await pass(500);
  expect(phases).toEqual(['open', 'half-open', 'closed']);
  const last = commands.slice(8);
  // Five had spent one attempt each before it opened; the one that came later none.
  expect(commands.slice(5).map(({ data }) => data.attempt)).toEqual([2, 2, 2, 2, 2, 1]);
  await answer(last);
  await rig.until(() => statuses().every((status) => status === 'completed'));
  expect(eventsOf(late[0]!).map(({ type }) => type)).toEqual(['replied']);
});

function statuses(): readonly string[] {
  return rig.store.committed<{ status: string }>('transaction').map(([, { status }]) => status);
}

test('S84: half open, of 100 due in two processes three go out, and one that is answered frees both', async () => {
  const one = await start('a');
  const two = await start('b', {}, 1);
  await rig.until(() => one.coordinator.holding.shards.length === 1);
  await send(startsOf(20));
  await rig.until(() => commands.length === 20);
  await pass(1_100);
  await send(startsOf(80));
  expect([one.phases, two.phases]).toEqual([['open'], ['open']]);
  await pass(59_800);
  expect(commands).toHaveLength(20);
  await pass(1_500);
  const trials = commands.slice(20);
  expect(trials).toHaveLength(3);
  await answer(trials);
  for (let rounds = 0, answered = 23; rounds < 200 && answered < 120; rounds++) {
    await pass(500);
    await answer(commands.slice(answered));
    answered = commands.length;
  }
  await rig.until(() => statuses().filter((status) => status === 'completed').length === 100);
  expect([one.phases.at(-1), two.phases.at(-1)]).toEqual(['closed', 'closed']);
});

test('S86: refusals without end leave it closed', async () => {
  const { phases } = await start('a');
  await send(startsOf(50));
  await rig.until(() => commands.length === 50);
  await answer(commands, refused('sold-out'));
  await rig.until(() => statuses().every((status) => status === 'compensated'));
  await send(startsOf(1));
  await rig.until(() => commands.length === 51);
  expect(phases).toEqual([]);
});

test('S86: whoever finds others in the way is well: conflicts leave it closed', async () => {
  const { phases } = await start('a');
  await send(startsOf(20));
  await rig.until(() => commands.length === 20);
  await answer(commands, failed({ code: 'SERIALIZATION_CONFLICT', message: 'a lock', retryable: true }));
  expect(phases).toEqual([]);
});

test('what waits at a crash is asked for by the next owner, through a window of its own', async () => {
  const first = await start('a', { outstandingMax: 3, keptForUndo: 1 });
  await send(startsOf(6));
  expect(commands).toHaveLength(2);
  first.die();
  await start('b', { outstandingMax: 3, keptForUndo: 1 });
  await rig.settle();
  for (let answered = 2; answered < commands.length;) {
    const batch = commands.slice(answered);
    expect(batch.length).toBeLessThanOrEqual(2);
    answered = commands.length;
    await answer(batch);
  }
  await rig.until(() => statuses().filter((status) => status === 'completed').length === 6);
});

test('S31: one that is called off while it waits loses nothing: it is asked once there is room, and undone', async () => {
  await start('a', { outstandingMax: 2, keptForUndo: 1 });
  const [first, waiting] = startsOf(2);
  await send([first!]);
  await send([waiting!]);
  const { key: transactionId, partition: shard = 0 } = waiting!;
  const cancel = { transactionId, actor: 'ann', reason: 'changed her mind' };
  await send([cancelMessage(cancel, { source: 'test', shard, at: 0 })]);
  await pass(500);
  const asked = () => commands.filter(({ key }) => key === transactionId);
  expect(asked()).toEqual([]);
  await answer(commands.slice(0, 1));
  await rig.until(() => asked().length === 1, 50);
  await answer(asked());
  await rig.until(() => asked().length === 2, 50);
  expect(asked().map(({ data }) => [data.operation, data.attempt])).toEqual([
    ['action', 1],
    ['compensation', 1],
  ]);
});

/** Answers whatever is asked, two commands at a time, until `isEnough`; names their transactions in the order of asking. */
async function serveUntil(isEnough: (served: readonly string[]) => boolean): Promise<readonly string[]> {
  for (let answered = 0; ;) {
    const served = commands.map(({ key }) => key);
    if (isEnough(served) || answered === commands.length) return served;
    const batch = commands.slice(answered, answered + 2);
    answered += batch.length;
    await answer(batch);
  }
}

test('S90: one tenant starts very many, another one: it is served as if it were alone with one of them', async () => {
  await start('a', { outstandingMax: 10, keptForUndo: 2 });
  const crowd = startsOf(1_000, { tenant: 'crowd', priority: 9 });
  await send(crowd);
  await rig.until(() => statuses().length === 1_000);
  const [single] = startsOf(1, { tenant: 'single' });
  await send([single!]);
  await rig.until(() => statuses().length === 1_001);
  const before = commands.length;
  const served = await serveUntil((keys) => keys.includes(single!.key));
  expect(served.indexOf(single!.key) - before).toBeLessThanOrEqual(2);
});

test('S89: who is urgent goes first, also at the next owner', async () => {
  const policy = { outstandingMax: 2, keptForUndo: 1, ageingMs: 100 };
  const first = await start('a', policy);
  await send(startsOf(1));
  const [low] = startsOf(1, { priority: 0 });
  const [high] = startsOf(1, { priority: 9 });
  await send([low!]);
  await send([high!]);
  await rig.until(() => statuses().length === 3);
  first.die();
  await start('b', policy);
  await rig.until(() => commands.length === 2);
  const asked = await serveUntil((keys) => keys.includes(low!.key));
  expect(asked.indexOf(high!.key)).toBeLessThan(asked.indexOf(low!.key));
});

test.each([
  { priority: 10 },
  { priority: -1 },
  { priority: 0.5 },
  { priority: '9' },
  { tenant: 7 },
  { tenant: 'x'.repeat(101) },
])('B96: a start that says %j is no start', async (said) => {
  const letters = await rig.listen(deadLetterTopic(inboxTopic));
  await start('a');
  await send(startsOf(1, said as Partial<StartData>));
  await rig.until(() => letters.length === 1);
  expect(statuses()).toEqual([]);
});
