/**
 * Goal: on a real database too, an open transaction is told from one that will never be, and neither waits for the other.
 * Method: the sender's own transaction is kept open on one connection while its handler is asked on another.
 */
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { refused, succeeded, twoPhaseMessage } from '@sagamore/engine';
import { MemoryBus } from '@sagamore/memory';
import {
  checkBackHandler,
  inboxTopic,
  operation,
  Participant,
  SystemClock,
  TwoPhaseSender,
  type Message,
} from '@sagamore/runtime';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { command, replyOf, transactionOne, trusted } from '../../../test/support/runtime.js';
import { postgres } from './barrier.js';
import { statement } from './statement.js';

jest.setTimeout(30_000);

const shape = { input: trusted<object>(), output: trusted<unknown>() };
const isSaved = operation('order.is-saved', shape);
const definition = twoPhaseMessage<object>('tell-mail', { version: 1 })
  .sender('save-order', isSaved)
  .deliver('send-mail', operation('mail.send', shape), (input) => input)
  .define();
const message = { definition, transactionId: transactionOne, input: {} };
const create = statement('test-create', 'create table saved (id integer primary key)');
const save = statement('test-save', 'insert into saved values (1)');
const count = statement('test-count', 'select count(*)::integer as rows from saved');

let ports: PostgresPorts;
let sender: TwoPhaseSender;
let ask: () => Promise<unknown>;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  ports = await openPostgresPorts();
  await ports.database.read(create);
  const { database, barrier, intents } = ports;
  const clock = new SystemClock();
  const bus = new MemoryBus({ clock });
  await bus.ensureTopics([{ topic: inboxTopic, partitions: 1 }]);
  const participant = new Participant(
    { database, barrier, intents, bus, clock },
    { service: 'order', owner: 'order', handlers: [checkBackHandler(isSaved, barrier)] },
  );
  await participant.start();
  closing.push(
    () => ports.close(),
    () => bus.stop(),
    () => participant.stop(),
  );
  sender = new TwoPhaseSender({ database, barrier, bus }, { service: 'order', shardCount: 1, onFault: fail });
  ask = asker(bus);
});

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(async () => (await testPostgres()).stop());

function fail(error: unknown): void {
  throw error;
}

function asker(bus: MemoryBus): () => Promise<unknown> {
  let answered: ((reply: Message) => void) | undefined;
  const handle = async (batch: readonly { readonly message: Message }[]) => {
    for (const { message: told } of batch) if (told.causationId !== undefined) answered?.(told);
  };
  const listening = bus.subscribe({ topic: inboxTopic, group: 'test', handle });
  let generation = 0;
  return async () => {
    await listening;
    const { promise, resolve } = Promise.withResolvers<Message>();
    answered = resolve;
    generation += 1;
    await bus.send([command({ type: 'order.is-saved', branchId: 'save-order', generation })]);
    return replyOf(await promise);
  };
}

const saved = async () => (await ports.database.read<{ rows: number }>(count))[0]?.rows;

describe('a check-back', () => {
  test('S74: of a transaction that committed is a yes', async () => {
    await sender.send(message, (tx) => postgres(tx).query(save));
    expect([await ask(), await saved()]).toEqual([succeeded({}), 1]);
  });

  test('S75: while the transaction is open is not yet, and waits for nobody; afterwards it is a yes', async () => {
    const meanwhile = await sender.send(message, async (tx) => {
      await postgres(tx).query(save);
      return ask();
    });
    expect(meanwhile).toEqual({ outcome: 'in-progress' });
    expect([await ask(), await saved()]).toEqual([succeeded({}), 1]);
  });

  test('S75: of a transaction that rolled back is a no, and only then', async () => {
    const undone = sender.send(message, async (tx) => {
      await postgres(tx).query(save);
      expect(await ask()).toEqual({ outcome: 'in-progress' });
      throw new RangeError('no such customer');
    });
    await expect(undone).rejects.toThrow('no such customer');
    expect([await ask(), await saved()]).toEqual([refused('rolled-back'), 0]);
  });

  test('S76: that came first is a no, whatever its generation, and the transaction can not commit any more', async () => {
    expect([await ask(), await ask()]).toEqual([refused('rolled-back'), refused('rolled-back')]);
    const sent = sender.send(message, (tx) => postgres(tx).query(save));
    await expect(sent).rejects.toMatchObject({ code: 'MESSAGE_DISCARDED' });
    expect([await ask(), await saved()]).toEqual([refused('rolled-back'), 0]);
  });
});
