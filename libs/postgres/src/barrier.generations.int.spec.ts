/**
 * Goal: what a person had asked again meets what is left of the first asking, and its undo, in one row: of the two only
 * one is recorded (R4, S5, I12, I14). Method: two processes of one service over one real database, each asked one of the
 * two at the same moment, many times.
 */
import { afterAll, afterEach, expect, jest, test } from '@jest/globals';
import { refused, succeeded, type Half, type Reply } from '@sagamore/engine';
import { MemoryBroker, MemoryBus } from '@sagamore/memory';
import { uuidv7 } from '@sagamore/primitives';
import {
  inboxTopic,
  operation,
  Participant,
  SystemClock,
  type HandledCommand,
  type Tx,
} from '@sagamore/runtime';
import { setTimeout as pause } from 'node:timers/promises';
import { openPostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { command, trusted } from '../../../test/support/runtime.js';
import { postgres } from './barrier.js';
import { statement } from './statement.js';

jest.setTimeout(60_000);

const take = operation('stock.take', {
  input: trusted<unknown>(),
  output: trusted<unknown>(),
  undo: 'return',
});
const create = statement('test-create', 'create table taken (transaction_id uuid, half text)');
const insert = statement('test-insert', 'insert into taken values ($1, $2)');
const findAll = statement(
  'test-find',
  `select transaction_id as id, array_agg(half order by half) as halves from taken group by transaction_id`,
);

/** Asked for at one moment, after `before` was settled: halves with their generations. `allowed`: the effects that may
 *  then stand in the books. */
interface Race {
  readonly name: string;
  readonly before: readonly Half[];
  readonly isBeforeRefused?: boolean;
  readonly one: readonly [Half, number];
  readonly two: readonly [Half, number];
  readonly allowed: readonly (readonly Half[])[];
}

const races: readonly Race[] = [
  {
    name: 'S5, I14: an action that was asked again, and the undo of an action of which nothing is known',
    before: [],
    one: ['action', 2],
    two: ['compensation', 1],
    allowed: [[], ['action', 'compensation']],
  },
  {
    name: 'S5, I14: an action that was asked again because it was refused, and its undo',
    before: ['action'],
    isBeforeRefused: true,
    one: ['action', 2],
    two: ['compensation', 1],
    allowed: [[], ['action', 'compensation']],
  },
  {
    name: 'R4, I12: an action that comes late, and the same one asked again',
    before: [],
    one: ['action', 1],
    two: ['action', 2],
    allowed: [['action']],
  },
  {
    name: 'R4, I12: an action that was asked again, twice',
    before: ['action'],
    isBeforeRefused: true,
    one: ['action', 2],
    two: ['action', 3],
    allowed: [['action']],
  },
  {
    name: 'S8, R4: an undo that comes late, and the same one asked again',
    before: ['action'],
    one: ['compensation', 1],
    two: ['compensation', 2],
    allowed: [['action', 'compensation']],
  },
];

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(async () => (await testPostgres()).stop());

/** Whether the first generation of an action is refused. */
let isRefusing = false;

async function work(commands: readonly HandledCommand[], tx: Tx): Promise<readonly Reply[]> {
  if (isRefusing) return commands.map(() => refused('no'));
  for (const { transactionId, operationId } of commands)
    await postgres(tx).query(insert, [transactionId, operationId.split('/').at(-1)]);
  return commands.map(() => succeeded({}));
}

/** One process of the service with a broker of its own, so that the test says which process is asked what. */
async function serve(url?: string) {
  const ports = await openPostgresPorts(url === undefined ? {} : { url });
  closing.push(() => ports.close());
  if (url === undefined) await ports.database.read(create);
  const bus = new MemoryBus({ clock: new SystemClock(), broker: new MemoryBroker() });
  const heard = { answers: 0 };
  await bus.subscribe({
    topic: inboxTopic,
    group: 'test',
    handle: async (batch) => void (heard.answers += batch.length),
  });
  const halves = ['action', 'compensation'] as const;
  const { database, barrier, intents } = ports;
  const participant = new Participant(
    { database, barrier, intents, bus, clock: new SystemClock() },
    {
      service: 'stock',
      owner: 'a',
      handlers: halves.map((half) => ({ effect: 'local', operation: take, half, handle: work })),
    },
  );
  await participant.start();
  closing.push(() => participant.stop());
  const ask = async (half: Half, generation: number, ids: readonly string[]): Promise<void> => {
    const awaited = heard.answers + ids.length;
    const type = half === 'action' ? 'stock.take' : 'stock.return';
    const payload = half === 'action' ? {} : { input: {}, outcome: 'unknown' };
    await bus.send(ids.map((transactionId) => command({ type, transactionId, half, generation, payload })));
    for (const deadline = Date.now() + 20_000; heard.answers < awaited; await pause(2))
      if (Date.now() > deadline) throw new Error('not every answer came within 20 s');
  };
  const effects = async (): Promise<ReadonlyMap<string, readonly Half[]>> => {
    const rows = await ports.database.read<{ readonly id: string; readonly halves: readonly Half[] }>(
      findAll,
    );
    return new Map(rows.map(({ id, halves: found }) => [id, found]));
  };
  return { url: ports.url, ask, effects };
}

test.each(races)('$name', async ({ before, isBeforeRefused = false, one, two, allowed }) => {
  const first = await serve();
  const second = await serve(first.url);
  const ids = Array.from({ length: 200 }, () => uuidv7(Date.now()));
  isRefusing = isBeforeRefused;
  for (const half of before) await first.ask(half, 1, ids);
  isRefusing = false;
  for (let at = 0; at < ids.length; at += 5) {
    const portion = ids.slice(at, at + 5);
    await Promise.all([first.ask(...one, portion), second.ask(...two, portion)]);
  }
  const effects = await first.effects();
  for (const id of ids) expect(allowed).toContainEqual(effects.get(id) ?? []);
});
