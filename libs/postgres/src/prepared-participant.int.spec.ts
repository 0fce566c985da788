/**
 * Goal: a participant whose work the database keeps in doubt votes, is settled, and answers, however often and in
 * whatever order it is asked; and a two-phase commit over two databases ends the same in both.
 * Method: the real participant and coordinator, real databases, and a bus in memory.
 */
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  messageTypeFor,
  refused,
  succeeded,
  twoPhaseCommit,
  twoPhaseCommitProtocol,
  type Half,
  type Reply,
} from '@sagamore/engine';
import { MemoryBroker, MemoryBus } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import {
  Coordinator,
  Definitions,
  inboxTopic,
  operation,
  OutboxRelay,
  Participant,
  startType,
  SystemClock,
  type Message,
} from '@sagamore/runtime';
import { setTimeout as pause } from 'node:timers/promises';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { command, replyOf, transactionOne, trusted } from '../../../test/support/runtime.js';
import { postgres } from './barrier.js';
import { PreparedTransactions } from './prepared-transaction.js';
import { statement } from './statement.js';

jest.setTimeout(60_000);

const create = statement('test-create', 'create table stock (sku text primary key, taken integer not null)');
const fill = statement('test-fill', `insert into stock values ('a', 0)`);
const take = statement('test-take', `update stock set taken = taken + 1 where sku = 'a'`);
const count = statement('test-count', 'select taken from stock');

interface Input {
  /** The service that votes no. */
  readonly no?: string;
}

interface Service {
  readonly ports: PostgresPorts;
  readonly prepared: PreparedTransactions;
  taken(): Promise<number | undefined>;
}

let broker: MemoryBroker;
let alarms: string[];
const closing: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  broker = new MemoryBroker();
  alarms = [];
});

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(async () => (await testPostgres()).stop());

const newBus = () => new MemoryBus({ clock: new SystemClock(), broker });
const operationOf = (service: string) =>
  operation(`${service}.take`, { input: trusted<Input>(), output: trusted<unknown>() });

async function serve(service: string): Promise<Service> {
  const ports = await openPostgresPorts();
  closing.push(() => ports.close());
  for (const prepare of [create, fill]) await ports.database.read(prepare);
  const prepared = await PreparedTransactions.open(ports.database, { lockTimeoutMs: 300 });
  const { database, barrier, intents } = ports;
  const participant = new Participant(
    { database, barrier, intents, prepared, bus: newBus(), clock: new SystemClock() },
    {
      service,
      owner: service,
      shardCount: 1,
      onAlarm: ({ type }) => void alarms.push(type),
      handlers: [
        {
          effect: 'prepared',
          half: 'prepare',
          operation: operationOf(service),
          work: async ({ payload }, tx) => {
            await postgres(tx).query(take);
            const { no } = payload as Input;
            return no === service ? refused('out-of-stock') : succeeded({ by: service });
          },
        },
      ],
    },
  );
  await participant.start();
  closing.push(() => participant.stop());
  return { ports, prepared, taken: async () => (await database.read<{ taken: number }>(count))[0]?.taken };
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline;) {
    if (await isTrue()) return;
    await pause(5);
  }
  throw new Error('what was waited for did not come within 15 s');
}

describe('a participant', () => {
  let stock: Service;
  let replies: Message[];
  const declared = operationOf('stock');

  beforeEach(async () => {
    const bus = newBus();
    await bus.ensureTopics([{ topic: inboxTopic, partitions: 1 }]);
    replies = [];
    const handle = async (batch: readonly { readonly message: Message }[]) => {
      // On a slow machine the participant also asks about what it left in doubt.
      replies.push(...batch.map(({ message }) => message).filter(({ type }) => type.startsWith('stock.')));
    };
    await bus.subscribe({ topic: inboxTopic, group: 'test', handle });
    stock = await serve('stock');
  });

  async function ask(half: Half, input: Input = {}, attempt = 1): Promise<Reply> {
    const before = replies.length;
    const type = messageTypeFor(declared, half) ?? '';
    const payload = half === 'prepare' || half === 'action' ? input : { input, outcome: 'unknown' };
    await newBus().send([command({ type, half, attempt, payload })]);
    await until(() => replies.length > before);
    return replyOf(replies.at(-1));
  }

  test('votes yes and keeps its work in doubt; the decision makes it seen', async () => {
    expect(await ask('prepare')).toEqual(succeeded({ by: 'stock' }));
    expect([await stock.taken(), (await stock.prepared.inDoubt('stock:')).length]).toEqual([0, 1]);
    expect(await ask('commit')).toEqual(succeeded({}));
    expect([await stock.taken(), (await stock.prepared.inDoubt('stock:')).length]).toEqual([1, 0]);
  });

  test('S1, R19: asked again it votes again, commits again, and has one effect', async () => {
    await ask('prepare');
    expect((await ask('prepare', {}, 2)).outcome).toBe('succeeded');
    await ask('commit');
    expect(await ask('commit', {}, 2)).toEqual(succeeded({}));
    expect((await ask('prepare', {}, 3)).outcome).toBe('succeeded');
    expect([await stock.taken(), (await stock.prepared.inDoubt('stock:')).length]).toEqual([1, 0]);
  });

  test('a no is answered the same to a repeat, and nothing is left in doubt', async () => {
    expect(await ask('prepare', { no: 'stock' })).toEqual(refused('out-of-stock'));
    expect(await ask('prepare', {}, 2)).toEqual(refused('out-of-stock'));
    expect([await stock.taken(), (await stock.prepared.inDoubt('stock:')).length]).toEqual([0, 0]);
  });

  test('S3, S4: a rollback that comes first is empty, and the prepare that comes after it is late', async () => {
    expect(await ask('rollback')).toMatchObject({ outcome: 'succeeded', empty: true });
    expect(await ask('prepare')).toEqual(refused('cancelled-before'));
    expect(await stock.taken()).toBe(0);
  });

  test('S8: a rollback is done once, and a late repeat of the prepare stays out', async () => {
    await ask('prepare');
    expect(await ask('rollback')).toEqual(succeeded({}));
    expect((await ask('rollback', {}, 2)).outcome).toBe('succeeded');
    expect((await ask('prepare', {}, 2)).outcome).toBe('refused');
    expect((await stock.prepared.inDoubt('stock:')).length).toBe(0);
  });

  test('S12, S71: what was settled otherwise is refused, and raises an alarm', async () => {
    await ask('prepare');
    await ask('commit');
    expect(await ask('rollback')).toEqual(refused('settled-otherwise'));
    expect(alarms).toEqual(['stock.rollback-prepared']);
    expect(await stock.taken()).toBe(1);
  });

  test('R20: a commit of what is not there any more is no success', async () => {
    expect(await ask('commit')).toEqual(refused('settled-otherwise'));
    expect(alarms).toEqual(['stock.commit-prepared']);
  });

  test('asked alone it commits in one phase', async () => {
    expect(await ask('action')).toEqual(succeeded({ by: 'stock' }));
    expect([await stock.taken(), (await stock.prepared.inDoubt('stock:')).length]).toEqual([1, 0]);
  });
});

describe('I18, I19: two databases and a coordinator', () => {
  const patience = { timeoutMs: 3_000, settleRetry: { baseMs: 20, maxMs: 100 } };
  const definition = twoPhaseCommit<Input>('two-databases', { version: 1 })
    .participant('take-stock', operationOf('stock'), (input) => input, patience)
    .participant('take-card', operationOf('card'), (input) => input, patience)
    .define();

  async function run(input: Input) {
    await newBus().ensureTopics([{ topic: inboxTopic, partitions: 1 }]);
    const [stock, card] = [await serve('stock'), await serve('card')];
    const { journal, outbox, close } = await openPostgresPorts();
    closing.push(close);
    const [bus, clock] = [newBus(), new SystemClock()];
    const relay = new OutboxRelay(outbox, bus, clock, { owner: 'one' });
    const definitions = new Definitions([twoPhaseCommitProtocol(definition)]);
    const coordinator = new Coordinator(
      { journal, relay, bus, clock, random: seededRandom(1) },
      { owner: 'one', definitions, shardCount: 1 },
    );
    await coordinator.start();
    closing.push(() => coordinator.stop());
    const data = { transactionId: transactionOne, definition: 'two-databases', input };
    const start = { id: 'start', type: startType, source: 'test', topic: inboxTopic, partition: 0 };
    await newBus().send([{ ...start, key: transactionOne, occurredAt: 0, data }]);
    const read = async () => (await journal.load([transactionOne]))[0];
    await until(async () => (await read())?.phase === 'final');
    const inDoubt = await Promise.all([stock, card].map(({ prepared }) => prepared.inDoubt('')));
    return {
      stored: await read(),
      taken: [await stock.taken(), await card.taken()],
      inDoubt: inDoubt.flat().length,
    };
  }

  test('both commit, after a decision that stands in the journal', async () => {
    const { stored, taken, inDoubt } = await run({});
    expect([stored?.status, taken, inDoubt]).toEqual(['committed', [1, 1], 0]);
    expect(stored?.events.map(({ type }) => type)).toContain('decided');
  });

  test('neither does where one votes no', async () => {
    const { stored, taken, inDoubt } = await run({ no: 'card' });
    expect([stored?.status, taken, inDoubt]).toEqual(['aborted', [0, 0], 0]);
  });
});
