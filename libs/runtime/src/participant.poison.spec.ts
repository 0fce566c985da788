/**
 * Goal: what anybody can write to a topic costs its writer an answer at most; nobody else waits for it (R2, B96).
 * Method: a real participant over the memory adapters; the poison arrives in one batch with honest commands.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { succeeded, type Half, type Reply } from '@sagamore/engine';
import {
  ManualClock,
  MemoryBarrier,
  MemoryBus,
  MemoryDatabase,
  MemoryIntents,
  MemoryStore,
} from '@sagamore/memory';
import { uuidv7 } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import type { ExternalHandler, Handler, LocalHandler } from './handler.js';
import { commandTopic, deadLetterTopic, inboxTopic } from './message.js';
import type { CommandData, Message, ReplyData } from './message.js';
import type { DeclaredOperation } from './operation.js';
import { Participant } from './participant.js';
import type { Bus, Intent, StoredBarrierRow, Tx } from './ports.js';

const operation = {
  participant: 'payment',
  action: 'payment.charge',
  compensation: 'payment.refund',
  effect: 'external',
  input: { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } },
  output: { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } },
} satisfies DeclaredOperation<unknown, unknown>;

/** Text that Postgres can never keep in a column. */
const unwritable = 'charge\u0000';

function refuseUnwritable(rows: readonly { readonly branchId: string }[]): void {
  if (!rows.some(({ branchId }) => branchId === unwritable)) return;
  throw new Fault('DATA_REJECTED', 'the database answered 22021', { retryable: false });
}

class StrictIntents extends MemoryIntents {
  override insert(tx: Tx, intents: readonly Intent[]): Promise<void> {
    refuseUnwritable(intents);
    return super.insert(tx, intents);
  }
}

class StrictBarrier extends MemoryBarrier {
  override insert(tx: Tx, rows: readonly StoredBarrierRow[]): Promise<void> {
    refuseUnwritable(rows);
    return super.insert(tx, rows);
  }
}

let clock: ManualClock;
let store: MemoryStore;
let bus: MemoryBus;
let participant: Participant | undefined;
let replies: ReplyData[];
let letters: Message[];
let faults: unknown[];
let deliveries: number;

beforeEach(async () => {
  clock = new ManualClock(1_000);
  store = new MemoryStore();
  bus = new MemoryBus({ clock });
  replies = [];
  letters = [];
  faults = [];
  deliveries = 0;
  const topics = [inboxTopic, commandTopic('payment'), deadLetterTopic(commandTopic('payment'))];
  await bus.ensureTopics(topics.map((topic) => ({ topic, partitions: 1 })));
  await listen(inboxTopic, (message) => replies.push(message.data as ReplyData));
  await listen(deadLetterTopic(commandTopic('payment')), (message) => letters.push(message));
});

afterEach(async () => {
  await participant?.stop();
  await bus.stop();
});

async function listen(topic: string, hear: (message: Message) => void): Promise<void> {
  const handle = async (batch: readonly { readonly message: Message }[]) =>
    batch.forEach(({ message }) => hear(message));
  await bus.subscribe({ topic, group: 'test', handle });
}

async function start(handlers: readonly Handler[], through: Bus = bus): Promise<void> {
  const database = new MemoryDatabase({ clock, store });
  const ports = { database, barrier: new StrictBarrier(), intents: new StrictIntents(database), clock };
  participant = new Participant(
    { ...ports, bus: through },
    { service: 'payment', owner: 'one', handlers, onFault: (error) => faults.push(error) },
  );
  await participant.start();
}

function local(handle: LocalHandler['handle']): Handler {
  return { effect: 'local', operation, half: 'action', handle };
}

function external(half: Half, call: ExternalHandler['call'], record?: ExternalHandler['record']): Handler {
  return { effect: 'external', operation, half, call, record: record ?? (async () => {}) };
}

function command(overrides: Partial<CommandData> = {}): Message<CommandData> {
  const transactionId = uuidv7(1_700_000_000_000 + deliveries++);
  const data: CommandData = {
    transactionId,
    branchId: 'charge',
    operation: 'action',
    generation: 1,
    attempt: 1,
    replyTo: { topic: inboxTopic, partition: 0 },
    payload: {},
    ...overrides,
  };
  const { branchId, operation: half } = data;
  return {
    id: `${transactionId}/${branchId}/${half}`,
    type: half === 'action' ? operation.action : operation.compensation,
    source: 'test',
    topic: commandTopic('payment'),
    key: transactionId,
    occurredAt: 0,
    data,
  };
}

const intents = () => store.committed<Intent>('intent');

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 200 && !condition(); round++) {
    await clock.advanceAsync(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(condition()).toBe(true);
}

const outcomeOf = ({ data }: Message<CommandData>): Reply | undefined =>
  replies.find(({ transactionId }) => transactionId === data.transactionId)?.reply;

describe('a poisoned command', () => {
  test('R2: one whose reply can be sent to nobody keeps no other from its answer', async () => {
    await start([local(async (commands) => commands.map(() => succeeded({})))]);
    const before = command();
    const lost = command({ replyTo: { topic: inboxTopic, partition: 99 } });
    const after = command();
    await bus.send([before, lost, after]);
    await until(() => replies.length === 2);
    expect([outcomeOf(before), outcomeOf(after)]).toMatchObject([
      { outcome: 'succeeded' },
      { outcome: 'succeeded' },
    ]);
    expect(faults).toMatchObject([{ code: 'DATA_REJECTED' }]);
  });

  test('R2: an external one that can never be written is answered, and the batch is not handled for ever', async () => {
    await start([external('action', async () => succeeded({}))]);
    const honest = command();
    const poison = command({ branchId: unwritable });
    await bus.send([poison, honest]);
    await until(() => replies.length === 2);
    expect(outcomeOf(honest)).toMatchObject({ outcome: 'succeeded' });
    expect(outcomeOf(poison)).toMatchObject({ outcome: 'failed', failure: { retryable: false } });
  });

  test('R2: an outcome that can never be recorded fails alone, not with all that were recorded beside it', async () => {
    const poisoned: string[] = [];
    const gate = Promise.withResolvers<void>();
    await start([
      external(
        'action',
        async () => {
          await gate.promise;
          return succeeded({});
        },
        async (settled) => {
          if (!settled.some(({ command: { transactionId } }) => poisoned.includes(transactionId))) return;
          throw new Fault('DATA_REJECTED', 'a column took nothing of the kind', { retryable: false });
        },
      ),
    ]);
    const commands = [command(), command(), command(), command()];
    poisoned.push(commands[3]!.data.transactionId);
    await bus.send(commands);
    await until(() => deliveries === 4);
    gate.resolve();
    await until(() => replies.length === 4);
    expect(commands.map((each) => outcomeOf(each)?.outcome)).toEqual([
      'succeeded',
      'succeeded',
      'succeeded',
      'failed',
    ]);
  });

  test('I25: a message too large for its own dead letter is buried without its body', async () => {
    const strict = Object.assign(Object.create(bus) as MemoryBus, {
      send: async (messages: readonly Message[]) => {
        const tooLarge = messages.some(({ data }) => JSON.stringify(data).length > 10_000);
        if (tooLarge) throw new Fault('DATA_REJECTED', 'MESSAGE_TOO_LARGE', { retryable: false });
        await bus.send(messages);
      },
    });
    await start([local(async (commands) => commands.map(() => succeeded({})))], strict);
    const honest = command();
    const stranger = { ...command(), type: 'payment.unheard-of', data: { text: 'x'.repeat(10_000) } };
    await bus.send([stranger, honest]);
    await until(() => replies.length === 1 && letters.length === 1);
    expect(letters[0]!.data).toMatchObject({ origin: { topic: 'payment.commands' } });
    expect(letters[0]!.data).not.toHaveProperty('message');
  });
});

describe('a claim that ran out', () => {
  test('R7: a call that fails after another process settled it says nothing and opens nothing again', async () => {
    const stuck = Promise.withResolvers<Reply>();
    await start([external('action', () => stuck.promise)]);
    const asked = command();
    await bus.send([asked]);
    await until(() => intents().length === 1);
    // Another process finds the claim expired, takes it over and is still calling.
    const [key, intent] = intents()[0]!;
    store.table('intent').rows.set(key, { ...intent, owner: 'two', claimedUntil: 1_000_000 });
    stuck.reject(new Fault('PROVIDER_REJECTED', 'no', { retryable: false }));
    await participant?.stop();
    expect(intents().map(([, { owner, claimedUntil }]) => [owner, claimedUntil])).toEqual([
      ['two', 1_000_000],
    ]);
    expect(replies).toEqual([]);
  });
});
