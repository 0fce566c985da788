/**
 * Goal: what the coordinator sends is what the journal says, whatever is lost, repeated, refused or too late.
 * Method: a coordinator over the journal and the bus in memory; the test is every participant and listens to commands.
 */
import { refused, saga, sagaProtocol, succeeded, type Reply, type TransactionEvent } from '@sagamore/engine';
import { MemoryJournal, MemoryOutbox, type CommitHooks } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import {
  RuntimeRig,
  transactionOne,
  transactionThree,
  transactionTwo,
  trusted,
} from '../../../test/support/runtime.js';
import { Coordinator } from './coordinator.js';
import type { CoordinatorHooks } from './coordinator-options.js';
import { startType } from './inbox.js';
import { Definitions } from './definitions.js';
import { Door } from './door.js';
import {
  deadLetterTopic,
  inboxTopic,
  transactionEventsTopic,
  type CommandData,
  type Message,
  type OutcomeData,
} from './message.js';
import { operation } from './operation.js';
import { OutboxRelay } from './outbox-relay.js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

interface Input {
  /** What a definition with a bug does with it. */
  readonly bug?: 'at-begin' | 'on-the-way';
}

const take = operation('stock.take', { input: trusted<Input>(), output: trusted<unknown>(), undo: 'return' });
const ship = operation('parcel.ship', {
  input: trusted<Input>(),
  output: trusted<unknown>(),
  undo: 'cancel',
});
const hiccup = { code: 'PROVIDER_UNAVAILABLE', message: 'no answer' };
const retry = { attemptsMax: 3, baseMs: 10, maxMs: 20 };
const patience = { timeoutMs: 1_000, retry, undoRetry: { ...retry, attemptsMax: 1 } };

const definition = saga<Input>('two-steps', { version: 1 })
  .step(
    'take',
    take,
    ({ input }) => {
      if (input.bug === 'at-begin') throw new TypeError('a bug');
      return input;
    },
    patience,
  )
  .step(
    'ship',
    ship,
    ({ input }) => {
      if (input.bug === 'on-the-way') throw new TypeError('a bug');
      return input;
    },
    patience,
  )
  .define();

let rig: RuntimeRig;
let commands: Message<CommandData>[];
let facts: Message[];
let letters: Message[];
const running: Coordinator[] = [];

beforeEach(async () => {
  rig = new RuntimeRig();
  await rig.process().bus.ensureTopics([{ topic: inboxTopic, partitions: 2 }]);
  commands = (await rig.listen('stock.commands')) as Message<CommandData>[];
  facts = await rig.listen(transactionEventsTopic);
  letters = await rig.listen(deadLetterTopic(inboxTopic));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
});

interface Started {
  readonly coordinator: Coordinator;
  readonly journal: MemoryJournal;
  readonly bus: ReturnType<RuntimeRig['process']>['bus'];
  readonly relay: OutboxRelay;
  die(): void;
}

async function start(
  owner: string,
  onCommit?: CommitHooks,
  hooks: CoordinatorHooks = {},
  definitions = new Definitions([sagaProtocol(definition)]),
): Promise<Started> {
  const { database, bus, clock } = rig.process(onCommit);
  const outbox = new MemoryOutbox(database);
  const journal = new MemoryJournal(database, outbox);
  const relay = new OutboxRelay(outbox, bus, clock, { owner });
  const ports = { journal, relay, bus, clock, random: seededRandom(1) };
  const coordinator = new Coordinator(ports, {
    owner,
    definitions,
    shardCount: 2,
    takeoverGraceMs: 500,
    hooks,
  });
  await coordinator.start();
  await rig.until(() => coordinator.holding.shards.length > 0);
  running.push(coordinator);
  const die = () => {
    running.splice(running.indexOf(coordinator), 1);
    database.crash();
    bus.crash();
  };
  return { coordinator, journal, bus, relay, die };
}

function startOf(transactionId: string, { input = {}, shard = 0, name = 'two-steps' } = {}): Message {
  const data = { transactionId, definition: name, input };
  return envelope({ id: `${transactionId}/start`, type: startType, key: transactionId, shard, data });
}

function replyTo({ id, key, data }: Message<CommandData>, reply: Reply, shard = 0): Message {
  const { transactionId, branchId, operation: half, generation, attempt } = data;
  return envelope({
    id: `${id}/${reply.outcome}`,
    type: 'reply',
    key,
    shard,
    data: { transactionId, branchId, operation: half, generation, attempt, reply },
  });
}

function rowOf(transactionId: string): { readonly status: string; readonly updatedAt: number } | undefined {
  const rows = rig.store.committed<{ status: string; updatedAt: number }>('transaction');
  return rows.find(([key]) => key === transactionId)?.[1];
}

/** An operator lets a parked transaction go on. */
async function resume(journal: MemoryJournal, transactionId: string): Promise<void> {
  const { database, bus, clock } = rig.process();
  const relay = new OutboxRelay(new MemoryOutbox(database), bus, clock, { owner: 'door' });
  const definitions = new Definitions([sagaProtocol(definition)]);
  const wanted = { type: 'operator-resumed' } as const;
  const asked = { transactionId, wanted, actor: 'ann', reason: 'seen to' };
  const { outcome } = await new Door({ journal, definitions, relay }, { owner: 'door', shards: 2 }).wish(
    asked,
  );
  expect(outcome).toBe('accepted');
}

interface Envelope {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly shard: number;
  readonly data: unknown;
}

function envelope({ shard, ...given }: Envelope): Message {
  return { ...given, source: 'test', topic: inboxTopic, partition: shard, occurredAt: 0 };
}

async function send(...messages: readonly Message[]): Promise<void> {
  await rig.process().bus.send(messages);
}

function eventsOf(transactionId: string): readonly TransactionEvent[] {
  return rig.store
    .committed<{ seq: number; event: TransactionEvent }>('journal')
    .filter(([key]) => key.startsWith(transactionId))
    .map(([, { event }]) => event);
}

function statusOf(transactionId: string): string | undefined {
  return rowOf(transactionId)?.status;
}

describe('Coordinator, the road', () => {
  test('S37, S66: a command goes out after the transaction is stored', async () => {
    let storedAtSend: string | undefined;
    const { bus } = await start('a');
    const plain = bus.send.bind(bus);
    bus.send = async (messages) => {
      storedAtSend ??= statusOf(transactionOne);
      await plain(messages);
    };
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1);
    expect(storedAtSend).toBeDefined();
  });

  test('a transaction completes, is told, and leaves memory', async () => {
    const { coordinator } = await start('a');
    const shipping = (await rig.listen('parcel.commands')) as Message<CommandData>[];
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1);
    await send(replyTo(commands[0]!, succeeded({})));
    await rig.until(() => shipping.length === 1);
    expect(coordinator.holding.transactions).toBe(1);
    await send(replyTo(shipping[0]!, succeeded({})));
    await rig.until(() => facts.length === 1);
    expect(facts[0]).toMatchObject({ type: 'transaction.completed', key: transactionOne });
    expect(coordinator.holding.transactions).toBe(0);
  });

  test('the attempt that a reply answers stands in its event', async () => {
    await start('a');
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1);
    await send(replyTo(commands[0]!, succeeded({})));
    await rig.until(() => eventsOf(transactionOne).length === 1);
    expect(eventsOf(transactionOne)[0]).toMatchObject({ type: 'replied', attempt: 1 });
  });

  test('a silent participant is asked again, at most as often as its policy says, and then undone', async () => {
    await start('a');
    await send(startOf(transactionOne));
    const isUndo = ({ data }: Message<CommandData>) => data.operation === 'compensation';
    await rig.until(() => commands.some(isUndo), 100);
    expect(commands.filter((each) => !isUndo(each)).map(({ data }) => data.attempt)).toEqual([1, 2, 3]);
  });

  test('R16: a repeated start of a living or a finished transaction begins nothing', async () => {
    await start('a');
    await send(startOf(transactionOne), startOf(transactionOne));
    await rig.until(() => commands.length === 1);
    await send(startOf(transactionOne));
    await send(replyTo(commands[0]!, refused('none-left')));
    await rig.until(() => facts.length === 1);
    await send(startOf(transactionOne));
    await rig.settle();
    expect(commands).toHaveLength(1);
    expect(facts).toHaveLength(1);
    expect(statusOf(transactionOne)).toBe('compensated');
  });

  test('S35: what arrives for a finished transaction changes nothing and is counted', async () => {
    let late = 0;
    await start('a', undefined, { onLate: (count) => void (late += count) });
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1);
    await send(replyTo(commands[0]!, refused('none-left')));
    await rig.until(() => facts.length === 1);
    const before = eventsOf(transactionOne);
    await send(replyTo(commands[0]!, succeeded({})));
    await rig.until(() => late === 1);
    expect(eventsOf(transactionOne)).toEqual(before);
    expect(statusOf(transactionOne)).toBe('compensated');
  });

  test('S36: a reply for a transaction nobody knows stops nobody', async () => {
    let late = 0;
    await start('a', undefined, { onLate: (count) => void (late += count) });
    const data = {
      transactionId: transactionTwo,
      branchId: 'take',
      operation: 'action',
      generation: 1,
      attempt: 1,
    };
    const stray = { ...data, reply: succeeded({}) };
    await send(
      envelope({ id: 'x', type: 'reply', key: transactionTwo, shard: 0, data: stray }),
      startOf(transactionOne),
    );
    await rig.until(() => commands.length === 1 && late === 1);
  });
});

describe('Coordinator, what it cannot take', () => {
  test('S54: a start of an unknown definition goes to the dead letters, and the next one begins', async () => {
    await start('a');
    await send(startOf(transactionOne, { name: 'unheard-of' }), startOf(transactionTwo));
    await rig.until(() => letters.length === 1 && commands.length === 1);
    expect(letters[0]).toMatchObject({ data: { reason: expect.stringContaining('unheard-of') } });
    expect(commands[0]?.key).toBe(transactionTwo);
  });

  test('S54: a start whose input the definition cannot take goes to the dead letters', async () => {
    await start('a');
    await send(startOf(transactionOne, { input: { bug: 'at-begin' } }));
    await rig.until(() => letters.length === 1);
    expect(statusOf(transactionOne)).toBeUndefined();
  });

  test('B96: a forged reply goes to the dead letters with its origin', async () => {
    await start('a');
    await send(
      envelope({ id: 'x', type: 'reply', key: 'x', shard: 1, data: { transactionId: transactionOne } }),
    );
    await rig.until(() => letters.length === 1);
    expect(letters[0]).toMatchObject({ data: { origin: { topic: inboxTopic, partition: 1 } } });
  });

  test('R2: a definition that throws on the way parks its transaction alone, with reason bug', async () => {
    const bugs: string[] = [];
    await start('a', undefined, { onBug: (id) => void bugs.push(id) });
    await send(startOf(transactionOne, { input: { bug: 'on-the-way' } }), startOf(transactionTwo));
    await rig.until(() => commands.length === 2);
    await send(...commands.map((each) => replyTo(each, succeeded({}))));
    await rig.until(() => statusOf(transactionOne) === 'parked');
    expect(bugs).toEqual([transactionOne]);
    expect(statusOf(transactionTwo)).not.toBe('parked');
    expect(eventsOf(transactionTwo)).toHaveLength(1);
  });

  test('R2: a reply that the journal rejects parks its transaction alone', async () => {
    let rejects = false;
    const { journal } = await start('a');
    const plain = journal.commit.bind(journal);
    journal.commit = async (epochs, batch, owner) => {
      const isPoison = batch.entries.some(
        ({ event, transactionId }) => event.type === 'replied' && transactionId === transactionOne,
      );
      if (rejects && isPoison) throw new Fault('DATA_REJECTED', 'U+0000', { retryable: false });
      return plain(epochs, batch, owner);
    };
    await send(startOf(transactionOne), startOf(transactionTwo));
    await rig.until(() => commands.length === 2);
    rejects = true;
    await send(...commands.map((each) => replyTo(each, succeeded({}))));
    await rig.until(() => statusOf(transactionOne) === 'parked');
    expect(eventsOf(transactionTwo)).toHaveLength(1);
    expect(commands).toHaveLength(2);
  });

  test('R2: a start that the journal rejects goes to the dead letters', async () => {
    const { journal } = await start('a');
    const plain = journal.commit.bind(journal);
    journal.commit = async (epochs, batch, owner) => {
      if (batch.starts.some(({ transactionId }) => transactionId === transactionOne))
        throw new Fault('DATA_REJECTED', 'U+0000', { retryable: false });
      return plain(epochs, batch, owner);
    };
    await send(startOf(transactionOne), startOf(transactionTwo), startOf(transactionThree));
    await rig.until(() => letters.length === 1 && commands.length === 2);
    expect(letters[0]?.key).toBe(transactionOne);
  });
});

describe('Coordinator, faults of the store', () => {
  test('R12: when the fate of a commit is unknown, what was written is read again and its commands go out', async () => {
    let isLost = false;
    await start('a', {
      after: () => {
        if (!isLost) return;
        isLost = false;
        throw new Fault('COMMIT_UNKNOWN', 'the connection broke', { retryable: true });
      },
    });
    isLost = true;
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1, 50);
    expect(eventsOf(transactionOne)).toEqual([]);
    await send(replyTo(commands[0]!, succeeded({})));
    await rig.until(() => eventsOf(transactionOne).length === 1, 50);
  });

  test('R12: when nothing was written, the redelivered start begins the transaction once', async () => {
    let isLost = false;
    await start('a', {
      before: () => {
        if (!isLost) return;
        isLost = false;
        throw new Fault('COMMIT_UNKNOWN', 'the connection broke', { retryable: true });
      },
    });
    isLost = true;
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1, 50);
    await rig.settle();
    expect(commands).toHaveLength(1);
  });

  test('R12: a time-out whose commit has an unknown fate goes on though no message ever comes', async () => {
    let isLost = false;
    await start('a', {
      after: () => {
        if (!isLost) return;
        isLost = false;
        throw new Fault('COMMIT_UNKNOWN', 'the connection broke', { retryable: true });
      },
    });
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1);
    isLost = true;
    await rig.until(() => commands.some(({ data }) => data.attempt === 2), 100);
  });

  test('S66: while the store is away nothing is sent; once it is back the start begins', async () => {
    let isAway = false;
    await start('a', {
      before: () => {
        if (isAway) throw new Fault('DATABASE_UNAVAILABLE', 'away', { retryable: true });
      },
    });
    isAway = true;
    await send(startOf(transactionOne));
    await rig.clock.advanceAsync(500);
    expect(commands).toEqual([]);
    isAway = false;
    await rig.until(() => commands.length === 1, 50);
  });

  test('S56: no attempt is spent while the broker has not acknowledged it', async () => {
    const { bus } = await start('a');
    const gate = Promise.withResolvers<void>();
    const plain = bus.send.bind(bus);
    bus.send = async (messages) => {
      await gate.promise;
      await plain(messages);
    };
    await send(startOf(transactionOne));
    await rig.until(() => statusOf(transactionOne) !== undefined);
    for (let step = 0; step < 50; step++) await rig.clock.advanceAsync(1_000);
    expect(eventsOf(transactionOne)).toEqual([]);
    gate.resolve();
    await rig.until(() => commands.length === 1);
    await rig.clock.advanceAsync(900);
    expect(eventsOf(transactionOne)).toEqual([]);
    await rig.until(() => commands.length === 2, 100);
    expect(commands.map(({ data }) => data.attempt)).toEqual([1, 2]);
  });
});

describe('Coordinator, owners', () => {
  test('S18, S61: the next owner sends what the dead one left unanswered, and repeats nothing that was answered', async () => {
    const first = await start('a');
    await send(startOf(transactionOne), startOf(transactionTwo));
    await rig.until(() => commands.length === 2);
    await send(
      replyTo(
        commands.find(({ key }) => key === transactionOne)!,
        succeeded({}),
      ),
    );
    await rig.until(() => eventsOf(transactionOne).length === 1);
    first.die();
    await start('b');
    await rig.until(() => commands.length === 3);
    await rig.settle();
    expect(commands[2]?.key).toBe(transactionTwo);
    expect(commands[2]?.id).toBe(commands.find(({ key }) => key === transactionTwo)?.id);
  });

  test('I23: what the dead owner announced and could not publish is told before what the next one announces', async () => {
    const first = await start('a');
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1);
    // The broker hears replies and no facts any more: what this owner announces from now on stays in its outbox.
    first.relay.publish = () => {};
    await send(replyTo(commands[0]!, { outcome: 'failed', failure: { ...hiccup, retryable: false } }));
    await rig.until(() => rowOf(transactionOne)?.status === 'parked' || commands.length === 2);
    await send(replyTo(commands[1]!, refused('not-ours')));
    await rig.until(() => rowOf(transactionOne)?.status === 'parked');
    first.die();
    const second = await start('b');
    await resume(second.journal, transactionOne);
    await rig.until(() => commands.length === 3, 100);
    await send(replyTo(commands[2]!, succeeded({})));
    await rig.until(() => facts.length >= 2);
    expect(facts.map(({ data }) => (data as OutcomeData).outcome)).toEqual(['parked', 'compensated']);
  });

  test('R10, I26: a stale owner writes nothing of the lost shard, and its other shard goes on', async () => {
    const { coordinator, journal } = await start('a');
    await send(startOf(transactionOne, { shard: 0 }), startOf(transactionTwo, { shard: 1 }));
    await rig.until(() => commands.length === 2);
    await journal.take(0, 'thief', 2);
    const [ofOne, ofTwo] = [transactionOne, transactionTwo].map((id) =>
      commands.find(({ key }) => key === id)!,
    );
    await send(replyTo(ofOne!, succeeded({}), 0), replyTo(ofTwo!, succeeded({}), 1));
    await rig.until(() => eventsOf(transactionTwo).length === 1);
    expect(eventsOf(transactionOne)).toEqual([]);
    expect(coordinator.holding.shards).toEqual([1]);
  });

  test('R11: a shard that stays assigned is taken back, and what came for it meanwhile is handled', async () => {
    const { coordinator, journal } = await start('a');
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1);
    await journal.take(0, 'thief', 2);
    await send(replyTo(commands[0]!, succeeded({})));
    await rig.until(() => !coordinator.holding.shards.includes(0));
    await send(startOf(transactionThree));
    await rig.until(() => coordinator.holding.shards.includes(0), 100);
    await rig.until(() => eventsOf(transactionOne).length === 1, 100);
    await rig.until(() => statusOf(transactionThree) !== undefined, 100);
  });

  test('R14: another count of shards is refused', async () => {
    const { journal } = await start('a');
    await expect(journal.take(0, 'a', 5)).rejects.toMatchObject({ code: 'SHARD_COUNT_CHANGED' });
  });

  test('S62: a stopped owner has left its shards, and a new one goes on at once', async () => {
    const { coordinator } = await start('a');
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1);
    running.splice(0);
    await coordinator.stop();
    expect(coordinator.holding).toEqual({ shards: [], epochs: new Map(), transactions: 0 });
    await start('b');
    await rig.until(() => commands.length === 2);
  });
});

describe('Coordinator, a definition that is not here', () => {
  const nothing = new Definitions([]);

  /** An owner without the definition takes over a transaction of which the first step was asked for. */
  async function takeOverWithout(): Promise<Started> {
    const first = await start('a');
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1);
    first.die();
    const second = await start('b', undefined, {}, nothing);
    await rig.until(() => statusOf(transactionOne) === 'parked');
    return second;
  }

  test('S92: what moves under it parks where a person sees it, and is told', async () => {
    const { coordinator, journal } = await takeOverWithout();
    const listed = await journal.list({ status: 'parked', limit: 10 });
    expect(listed).toMatchObject([{ transactionId: transactionOne, reason: { kind: 'no-handler' } }]);
    await rig.until(() => facts.length === 1);
    expect(facts[0]).toMatchObject({ type: 'transaction.parked', data: { reason: { kind: 'no-handler' } } });
    expect(coordinator.holding.transactions).toBe(0);
  });

  test('S92, S94: resumed where it is still missing it rests anew, so that it can be wished for again', async () => {
    const { journal } = await takeOverWithout();
    const first = rowOf(transactionOne)!.updatedAt;
    await rig.clock.advanceAsync(10);
    await resume(journal, transactionOne);
    await rig.until(() => rowOf(transactionOne)!.updatedAt !== first);
    expect(statusOf(transactionOne)).toBe('parked');
    expect(commands).toHaveLength(1);
  });

  test('S92: resumed where it is known again it goes on with the same command', async () => {
    const second = await takeOverWithout();
    second.die();
    const { journal } = await start('c');
    await resume(journal, transactionOne);
    await rig.until(() => commands.length === 2);
    expect(commands[1]?.data).toMatchObject({ branchId: 'take', operation: 'action', generation: 1 });
    await send(replyTo(commands[1]!, refused('none-left')));
    await rig.until(() => statusOf(transactionOne) === 'compensated');
  });

  test('S92: one whose stored road the definition cannot follow parks as well', async () => {
    const first = await start('a');
    await send(startOf(transactionOne), startOf(transactionTwo));
    await rig.until(() => commands.length === 2);
    first.die();
    const plain = sagaProtocol(definition);
    const broken: typeof plain = {
      ...plain,
      begin: (from) => {
        if (from.transactionId === transactionOne) throw new TypeError('a bug');
        return plain.begin(from);
      },
    };
    await start('b', undefined, {}, new Definitions([broken]));
    await rig.until(() => statusOf(transactionOne) === 'parked');
    expect(statusOf(transactionTwo)).toBe('executing');
  });
});

describe('Coordinator, people', () => {
  test('a transaction that is being undone is listed as such', async () => {
    const { journal } = await start('a');
    const shipping = (await rig.listen('parcel.commands')) as Message<CommandData>[];
    await send(startOf(transactionOne));
    await rig.until(() => commands.length === 1);
    await send(replyTo(commands[0]!, succeeded({})));
    await rig.until(() => shipping.length === 1);
    expect(await journal.list({ status: 'executing', limit: 10 })).toHaveLength(1);
    await send(replyTo(shipping[0]!, refused('not-there')));
    await rig.until(() => commands.length === 2);
    expect(await journal.list({ status: 'compensating', limit: 10 })).toHaveLength(1);
    expect(await journal.list({ status: 'executing', limit: 10 })).toHaveLength(0);
  });
});
