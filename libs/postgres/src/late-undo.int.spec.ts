/**
 * Goal: an undo that comes late never puts back a value that somebody newer has replaced (S30).
 * Method: a saga that changes a row, is overtaken by one that rereads, and then must go back; the real coordinator and
 * participant over the real database, a bus in memory.
 */
import { afterAll, afterEach, expect, jest, test } from '@jest/globals';
import {
  refused,
  saga,
  sagaProtocol,
  succeeded,
  type LockPolicy,
  type Reply,
  type Undo,
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
  type Tx,
} from '@sagamore/runtime';
import { setTimeout as pause } from 'node:timers/promises';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { transactionOne, transactionTwo, trusted } from '../../../test/support/runtime.js';
import { postgres } from './barrier.js';
import { statement } from './statement.js';

jest.setTimeout(60_000);

interface Change {
  readonly value: string;
  readonly version: number;
}

const create = statement('test-create', 'create table sheet (value text not null, version bigint not null)');
const fill = statement('test-fill', `insert into sheet values ('before', 0)`);
const read = statement('test-read', 'select value, version::float8 from sheet');
// The countermeasure is this condition: who was overtaken changes nothing.
const write = statement(
  'test-write',
  `update sheet set value = $1, version = $2
   from (select value as before from sheet for update) as old where version <= $2 returning old.before`,
);

const change = operation('sheet.write', {
  input: trusted<Change>(),
  output: trusted<{ before: string }>(),
  undo: 'restore',
});
const check = operation('sheet.check', {
  input: trusted<{ isWrong: boolean }>(),
  output: trusted<unknown>(),
});

interface Wish {
  readonly value: string;
  readonly isWrong: boolean;
}

let overtaken: PromiseWithResolvers<null>;

const define = (policy: LockPolicy) =>
  saga<Wish>(`change-${policy}`, { version: 1 })
    .lock('sheet-lock', () => 'sheet/1', { policy })
    .step('write', change, ({ input, results }) => ({
      value: input.value,
      version: results['sheet-lock'].version,
    }))
    .local('overtaken', () => overtaken.promise)
    .step('check', check, ({ input }) => ({ isWrong: input.isWrong }), { nothingToUndo: true })
    .define();

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(async () => (await testPostgres()).stop());

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline;) {
    if (await isTrue()) return;
    await pause(5);
  }
  throw new Error('what was waited for did not come within 15 s');
}

async function put(tx: Tx, { value, version }: Change): Promise<string | undefined> {
  const [row] = await postgres(tx).query<{ before: string }>(write, [value, version]);
  return row?.before;
}

async function act(tx: Tx, asked: Change): Promise<Reply> {
  const before = await put(tx, asked);
  return before === undefined ? refused('overtaken') : succeeded({ before });
}

async function restore(tx: Tx, undo: Undo<Change, { before: string }>): Promise<Reply> {
  if (undo.output === undefined) return refused('unknown');
  const before = await put(tx, { value: undo.output.before, version: undo.input.version });
  return before === undefined ? refused('overtaken') : succeeded(null);
}

async function start(): Promise<{ readonly ports: PostgresPorts; readonly bus: MemoryBus }> {
  const ports = await openPostgresPorts();
  closing.push(() => ports.close());
  for (const prepare of [create, fill]) await ports.database.read(prepare);
  const broker = new MemoryBroker();
  const [clock, bus] = [new SystemClock(), new MemoryBus({ clock: new SystemClock(), broker })];
  await bus.ensureTopics([{ topic: inboxTopic, partitions: 1 }]);
  const { database, barrier, intents, journal, outbox } = ports;
  const participant = new Participant(
    { database, barrier, intents, bus, clock },
    {
      service: 'sheet',
      owner: 'sheet',
      shardCount: 1,
      handlers: [
        {
          effect: 'local',
          half: 'action',
          operation: change,
          handle: async ([command], tx) => [await act(tx, command?.payload as Change)],
        },
        {
          effect: 'local',
          half: 'compensation',
          operation: change,
          handle: async ([command], tx) => [
            await restore(tx, command?.payload as Undo<Change, { before: string }>),
          ],
        },
        {
          effect: 'local',
          half: 'action',
          operation: check,
          handle: async (commands) =>
            commands.map(({ payload }) =>
              (payload as { isWrong: boolean }).isWrong ? refused('wrong') : succeeded(null),
            ),
        },
      ],
    },
  );
  const relay = new OutboxRelay(outbox, bus, clock, { owner: 'one' });
  const definitions = new Definitions([sagaProtocol(define('wait')), sagaProtocol(define('reread'))]);
  const coordinator = new Coordinator(
    { journal, relay, bus, clock, random: seededRandom(1) },
    { owner: 'one', definitions, shardCount: 1 },
  );
  await participant.start();
  closing.push(() => participant.stop());
  await coordinator.start();
  closing.push(() => coordinator.stop());
  return { ports, bus };
}

test('S30: the late undo of a saga that was overtaken is refused, and a person sees it; the newer value stays', async () => {
  overtaken = Promise.withResolvers<null>();
  const { ports, bus } = await start();
  const begin = (transactionId: string, policy: LockPolicy, input: Wish) => {
    const data = { transactionId, definition: `change-${policy}`, input };
    const envelope = { type: startType, source: 'test', topic: inboxTopic, partition: 0, occurredAt: 0 };
    return bus.send([{ ...envelope, id: `${transactionId}/start`, key: transactionId, data }]);
  };
  const value = async () => (await ports.database.read<{ value: string }>(read))[0]?.value;
  const stored = async (id: string) => (await ports.journal.load([id]))[0];
  await begin(transactionOne, 'wait', { value: 'of the first', isWrong: true });
  await until(async () => (await value()) === 'of the first');
  await begin(transactionTwo, 'reread', { value: 'of the second', isWrong: false });
  await until(async () => (await value()) === 'of the second');
  overtaken.resolve(null);
  await until(async () => (await stored(transactionOne))?.phase === 'parked');
  await until(async () => (await stored(transactionTwo))?.status === 'completed');
  expect(await value()).toBe('of the second');
  const { reason } = (await stored(transactionOne))!;
  expect(reason).toMatchObject({ kind: 'undo-refused', branchId: 'write', refusal: { code: 'overtaken' } });
  // At rest it keeps its lock, for nobody has settled it.
  expect(await ports.journal.listLocks({ keysMax: 5 })).toMatchObject([{ transactionId: transactionOne }]);
});
