/**
 * Goal: an undo finds the truth after its action has crashed: nothing, where nothing was committed (S6), and something
 * to take back, where only the books of a call to the outside were lost (S7).
 * Method: the real participant over the real database; the crash is a backend that the server ends, and a record that
 * the database refuses.
 */
import { afterAll, afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { succeeded, type Half, type Reply } from '@sagamore/engine';
import { MemoryBroker, MemoryBus } from '@sagamore/memory';
import {
  inboxTopic,
  operation,
  Participant,
  SystemClock,
  type Handler,
  type Message,
  type ReplyData,
} from '@sagamore/runtime';
import { setTimeout as pause } from 'node:timers/promises';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { command, replyOf, trusted } from '../../../test/support/runtime.js';
import { postgres } from './barrier.js';
import { statement } from './statement.js';

jest.setTimeout(60_000);

const create = statement('test-create', 'create table effect (what text primary key)');
const write = statement('test-write', 'insert into effect values ($1)');
const count = statement('test-count', 'select count(*)::int as rows from effect');
const backendOf = statement('test-backend', 'select pg_backend_pid() as pid');
const endBackend = statement('test-end', 'select pg_terminate_backend($1)');

const work = operation('desk.work', {
  input: trusted<object>(),
  output: trusted<object>(),
  undo: 'undo-work',
});

let ports: PostgresPorts;
let bus: MemoryBus;
let replies: Message[];
let participant: Participant | undefined;

beforeEach(async () => {
  ports = await openPostgresPorts();
  await ports.database.read(create);
  bus = new MemoryBus({ clock: new SystemClock(), broker: new MemoryBroker() });
  replies = [];
  const handle = async (batch: readonly { readonly message: Message }[]) => {
    replies.push(...batch.map(({ message }) => message));
  };
  await bus.subscribe({ topic: inboxTopic, group: 'test', handle });
});

afterEach(async () => {
  await participant?.stop();
  await ports.close();
});
afterAll(async () => (await testPostgres()).stop());

async function serve(...handlers: readonly Handler[]): Promise<void> {
  const { database, barrier, intents } = ports;
  participant = new Participant(
    { database, barrier, intents, bus, clock: new SystemClock() },
    // The sweep claims a lapsed intent again: it must leave the undo time to find it lapsed, as it does by default.
    { service: 'desk', owner: 'desk', handlers, claimMs: 200, sweepMs: 5_000, undoPatienceMs: 0 },
  );
  await participant.start();
}

async function ask(half: Half): Promise<Reply> {
  // An intent whose books cannot be written is driven again and again, and says so each time: only answers to this half count.
  const answers = () => replies.filter(({ data }) => (data as ReplyData).operation === half);
  const before = answers().length;
  const payload = half === 'action' ? {} : { input: {}, outcome: 'unknown' };
  await bus.send([command({ type: half === 'action' ? 'desk.work' : 'desk.undo-work', half, payload })]);
  await until(() => answers().length > before);
  return replyOf(answers().at(-1));
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline;) {
    if (isTrue()) return;
    await pause(5);
  }
  throw new Error('what was waited for did not come within 15 s');
}

const effects = async () => (await ports.database.read<{ rows: number }>(count))[0]?.rows;

test('S6: an action that crashed before its commit is undone as empty, and done by nobody afterwards', async () => {
  const ran: Half[] = [];
  const handler = (half: 'action' | 'compensation'): Handler => ({
    effect: 'local',
    half,
    operation: work,
    handle: async (commands) => {
      ran.push(half);
      return commands.map(() => succeeded({}));
    },
  });
  await serve(handler('action'), handler('compensation'));
  // Another process had the action in hand: what it wrote died with its connection.
  const dying = ports.database.transaction(async (tx) => {
    await postgres(tx).query(write, ['an effect']);
    const [backend] = await postgres(tx).query<{ pid: number }>(backendOf);
    await ports.database.read(endBackend, [backend?.pid]);
  });
  await expect(dying).rejects.toMatchObject({ name: 'Fault' });
  expect(await ask('compensation')).toMatchObject({ outcome: 'succeeded', empty: true });
  expect(await ask('action')).toEqual({ outcome: 'refused', refusal: { code: 'cancelled-before' } });
  expect(ran).toEqual([]);
  expect(await effects()).toBe(0);
});

test('S7: a call that went out is taken back though the books of it were lost, for the intent stood before it', async () => {
  const outside: string[] = [];
  await ports.database.read(write, ['taken']);
  await serve(
    {
      effect: 'external',
      half: 'action',
      operation: work,
      call: async () => {
        outside.push('done');
        return succeeded({});
      },
      // The row is there already, so every commit of this effect is rolled back.
      record: async (_settled, tx) => postgres(tx).last(write, ['taken']),
    },
    {
      effect: 'external',
      half: 'compensation',
      operation: work,
      call: async () => {
        outside.push('undone');
        return succeeded({});
      },
      record: async () => {},
    },
  );
  expect(await ask('action')).toMatchObject({ outcome: 'failed' });
  const undone = await askUntilSettled('compensation');
  expect(undone).toEqual(succeeded({}));
  expect(outside[0]).toBe('done');
  // A repeat of the action's call may still follow; the provider's key makes it harmless (R8).
  expect(outside).toContain('undone');
  expect(await effects()).toBe(1);
});

/** Asks as the coordinator does, which comes back for as long as the answer is `in-progress`. */
async function askUntilSettled(half: Half): Promise<Reply> {
  for (let round = 0; round < 50; round++) {
    const reply = await ask(half);
    if (reply.outcome !== 'in-progress') return reply;
    await pause(50);
  }
  throw new Error('fifty rounds were not enough');
}
