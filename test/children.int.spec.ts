/**
 * Goal: on the real Postgres a child's row keeps its parent, is held, answers after its end, and meets a start and an undo that
 * come at the same moment. Method: a coordinator over Postgres and a bus in memory; the test is every participant.
 */
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { refused, saga, sagaProtocol, succeeded, type Reply } from '@sagamore/engine';
import { MemoryBus } from '@sagamore/memory';
import { statement } from '@sagamore/postgres';
import { seededRandom, shardOf, uuidv7 } from '@sagamore/primitives';
import {
  childIdOf,
  Coordinator,
  Definitions,
  inboxTopic,
  operation,
  OutboxRelay,
  startType,
  SystemClock,
  type ChildData,
  type CommandData,
  type Message,
  type ReplyData,
  type StoredTransaction,
} from '@sagamore/runtime';
import { openPostgresPorts, type PostgresPorts } from './support/postgres-ports.js';
import { testPostgres } from './support/postgres.js';
import { trusted } from './support/runtime.js';

jest.setTimeout(60_000);

const shardCount = 3;
const work = (name: `${string}.${string}`) =>
  operation(name, { input: trusted<unknown>(), output: trusted<string>(), undo: 'undo' });
const pack = saga<{ sku: string }>('pack', { version: 1 })
  .step('box', work('depot.box'), () => 1)
  .step('label', work('depot.label'), () => 1)
  .returns(({ input }) => ({ packed: input.sku }))
  .define();
const ship = saga<{ sku: string }>('ship', { version: 1 })
  .subSaga('pack', pack, ({ input }) => input)
  .step('send', work('carrier.send'), ({ results }) => results.pack)
  .define();

let ports: PostgresPorts;
let bus: MemoryBus;
let relay: OutboxRelay;
let coordinator: Coordinator;
/** Every command, as `<branch> <half>`, by transaction. */
let asked: Map<string, string[]>;
let answerOfSend: Reply;
/** What was said to a parent that is no transaction of ours. */
let said: ReplyData[];

beforeEach(async () => {
  ports = await openPostgresPorts();
  bus = new MemoryBus({ clock: new SystemClock() });
  await bus.ensureTopics([{ topic: inboxTopic, partitions: shardCount }]);
  [asked, said, answerOfSend] = [new Map(), [], succeeded('sent')];
  for (const topic of ['depot.commands', 'carrier.commands'])
    await bus.subscribe({
      topic,
      group: 'participant',
      handle: async (batch) =>
        bus.send(batch.map(({ message }) => answered(message as Message<CommandData>))),
    });
  await bus.subscribe({
    topic: inboxTopic,
    group: 'listener',
    handle: async (batch) =>
      void said.push(
        ...batch
          .filter(
            ({ message }) => message.type.startsWith('transaction.') && message.type.includes('-child.'),
          )
          .map(({ message }) => message.data as ReplyData),
      ),
  });
  const { journal, outbox } = ports;
  const clock = new SystemClock();
  relay = new OutboxRelay(outbox, bus, clock, { owner: 'one' });
  relay.start();
  coordinator = new Coordinator(
    { journal, relay, bus, clock, random: seededRandom(1) },
    {
      owner: 'one',
      definitions: new Definitions([pack, ship].map((each) => sagaProtocol(each))),
      shardCount,
    },
  );
  await coordinator.start();
});

afterEach(async () => {
  await coordinator.stop();
  await relay.stop();
  await bus.stop();
  await ports.close();
});
afterAll(async () => (await testPostgres()).stop());

function answered({ id, key, data }: Message<CommandData>): Message {
  const { transactionId, branchId, operation: half, generation, attempt, replyTo } = data;
  asked.set(transactionId, [...(asked.get(transactionId) ?? []), `${branchId} ${half}`]);
  const reply = branchId === 'send' ? answerOfSend : succeeded('done');
  return message(`${id}/r`, 'reply', {
    key,
    partition: replyTo.partition,
    data: { transactionId, branchId, operation: half, generation, attempt, reply },
  });
}

function message(
  id: string,
  type: string,
  rest: { readonly key: string; readonly partition: number; readonly data: unknown },
): Message {
  return { id, type, source: 'test', topic: inboxTopic, occurredAt: 0, ...rest };
}

async function begin(): Promise<string> {
  const transactionId = uuidv7(Date.now());
  const data = { transactionId, definition: 'ship', input: { sku: 'tea' } };
  const partition = shardOf(transactionId, shardCount);
  await bus.send([message(`${transactionId}/start`, startType, { key: transactionId, partition, data })]);
  return transactionId;
}

/** What the owner of a parent would ask. */
function asking(parentId: string, half: 'action' | 'compensation', generation = 1): Message {
  const transactionId = childIdOf(parentId, 'pack');
  const parent = { transactionId: parentId, branchId: 'pack', operation: half, generation, shard: 0 };
  const data: ChildData = { transactionId, definition: 'pack', version: 1, input: { sku: 'tea' }, parent };
  const partition = shardOf(transactionId, shardCount);
  const type = `transaction.${half === 'action' ? 'start' : 'undo'}-child`;
  return message(`${transactionId}/${half}/${generation}`, type, { key: transactionId, partition, data });
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 20_000; performance.now() < deadline;) {
    if (await isTrue()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('what was waited for did not come');
}

const rowOf = async (id: string): Promise<StoredTransaction | undefined> =>
  (await ports.journal.load([id]))[0];
const reaches = (id: string, status: string) => until(async () => (await rowOf(id))?.status === status);
const childrenOf = statement(
  'test-children',
  `select transaction_id::text as id, phase from transaction where parent ->> 'transactionId' = $1`,
);

describe('a child on Postgres', () => {
  test('S24: is held under its parent, found from above, and undone as one when the parent turns around', async () => {
    const done = await begin();
    await reaches(done, 'completed');
    const childId = childIdOf(done, 'pack');
    expect(await ports.database.read(childrenOf, [done])).toEqual([{ id: childId, phase: 'held' }]);
    const parent = { transactionId: done, branchId: 'pack', operation: 'action', generation: 1 };
    expect(await rowOf(childId)).toMatchObject({ status: 'completed', output: { packed: 'tea' }, parent });
    answerOfSend = refused('no-road');
    const refusedOne = await begin();
    await reaches(refusedOne, 'compensated');
    const other = childIdOf(refusedOne, 'pack');
    expect(asked.get(other)).toEqual([
      'box action',
      'label action',
      'label compensation',
      'box compensation',
    ]);
    expect(await ports.database.read(childrenOf, [refusedOne])).toEqual([{ id: other, phase: 'final' }]);
  });

  test('R16, I31: answers again after its end, and its row and its story stay as they are', async () => {
    const parentId = uuidv7(Date.now());
    const childId = childIdOf(parentId, 'pack');
    await bus.send([asking(parentId, 'action')]);
    await reaches(childId, 'completed');
    await bus.send([asking(parentId, 'compensation')]);
    await reaches(childId, 'compensated');
    const before = await rowOf(childId);
    await bus.send([asking(parentId, 'compensation', 2)]);
    await until(async () => said.some(({ generation }) => generation === 2));
    expect(said.at(-1)).toMatchObject({ transactionId: parentId, reply: { outcome: 'succeeded' } });
    expect(await rowOf(childId)).toEqual(before);
  });

  test('R6, I14: of a start and an undo at the same moment nothing is left, whichever was first', async () => {
    const parents = Array.from({ length: 60 }, (_, index) => uuidv7(Date.now() + index));
    const pairs = parents.flatMap((id, index) => {
      const pair = [asking(id, 'action'), asking(id, 'compensation')];
      return index % 2 === 0 ? [pair] : [pair.toReversed()];
    });
    await Promise.all(pairs.map((pair) => Promise.all(pair.map((each) => bus.send([each])))));
    const children = parents.map((id) => childIdOf(id, 'pack'));
    await until(async () => {
      const rows = await ports.journal.load(children);
      return rows.length === children.length && rows.every(({ phase }) => phase === 'final');
    });
    await until(async () => coordinator.holding.transactions === 0);
    for (const id of children) {
      const lines = asked.get(id) ?? [];
      const actions = lines.filter((line) => line.endsWith(' action'));
      const undos = lines.filter((line) => line.endsWith(' compensation'));
      expect([id, undos.length]).toEqual([id, actions.length]);
      expect(lines).toEqual([...actions, ...undos]);
    }
    const planted = (await ports.journal.load(children)).filter(
      ({ parent }) => parent?.operation === 'compensation',
    );
    expect(planted).toHaveLength(30);
    expect(
      planted.every(({ transactionId, events }) => events.length === 0 && !asked.has(transactionId)),
    ).toBe(true);
  });
});
