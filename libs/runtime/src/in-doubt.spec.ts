/**
 * Goal: who voted yes and heard nothing more asks, waits for the word, and obeys it; and nobody is ever told to roll back
 * what may still be committed.
 * Method: the real coordinator and participants over memory, each service with a store of its own, killed in between.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { refused, succeeded, twoPhaseCommit, twoPhaseCommitProtocol } from '@sagamore/engine';
import {
  MemoryBarrier,
  MemoryDatabase,
  MemoryIntents,
  MemoryPrepared,
  memoryTx,
  MemoryStore,
} from '@sagamore/memory';
import { shardOf } from '@sagamore/primitives';
import { Orchestration } from '../../../test/support/orchestration.js';
import { command, transactionOne, transactionTwo, trusted } from '../../../test/support/runtime.js';
import { Definitions } from './definitions.js';
import type { Handler } from './handler.js';
import { questionType } from './inbox.js';
import { inboxTopic, type Message, type QuestionData } from './message.js';
import { operation } from './operation.js';
import { Participant } from './participant.js';
import type { InDoubt } from './ports.js';

interface Input {
  /** The service that votes no. */
  readonly no?: string;
}

const shardCount = 2;
const doubtAfterMs = 1_000;
const operationOf = (service: string) =>
  operation(`${service}.take`, { input: trusted<Input>(), output: trusted<unknown>() });
const countOf = (service: string) =>
  operation(`${service}.count`, { input: trusted<unknown>(), output: trusted<unknown>() });
const patience = { timeoutMs: 60_000, settleRetry: { baseMs: 600_000, maxMs: 600_000 } };
const definition = twoPhaseCommit<Input>('take-both', { version: 1 })
  .participant('take-stock', operationOf('stock'), (input) => input, patience)
  .participant('take-card', operationOf('card'), (input) => input, patience)
  .define();
const definitions = new Definitions([twoPhaseCommitProtocol(definition)]);

let world: Orchestration;
let stores: Map<string, MemoryStore>;
let waiting: (readonly InDoubt[])[];
const running: Participant[] = [];

beforeEach(async () => {
  world = new Orchestration(shardCount);
  stores = new Map();
  waiting = [];
  await world.open();
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
  await world.close();
});

function storeOf(service: string): MemoryStore {
  const store = stores.get(service) ?? new MemoryStore();
  stores.set(service, store);
  return store;
}

/** Takes from the shelf, unless the input says that it is empty. */
function preparing(service: string): Handler {
  return {
    effect: 'prepared',
    half: 'prepare',
    operation: operationOf(service),
    work: async ({ operationId, payload }, tx) => {
      await memoryTx(tx).table('shelves').lock('a');
      await memoryTx(tx).table('effects').insert(operationId, {});
      return (payload as Input).no === service ? refused('out-of-stock') : succeeded({});
    },
  };
}

/** A process of `service`; `die` ends it as a kill would. One of a version that `prepares` nothing has other work alone. */
async function serve(
  service: string,
  { prepares }: { readonly prepares: boolean } = { prepares: true },
): Promise<{ die(): void }> {
  const { bus, clock } = world.rig.process();
  const database = new MemoryDatabase({ clock, store: storeOf(service) });
  const participant = new Participant(
    {
      database,
      barrier: new MemoryBarrier(),
      intents: new MemoryIntents(database),
      prepared: new MemoryPrepared(database),
      bus,
      clock,
    },
    {
      service,
      owner: service,
      shardCount,
      doubtAfterMs,
      onInDoubt: (listed) => void waiting.push(listed),
      handlers: [
        ...(prepares ? [preparing(service)] : []),
        {
          effect: 'local',
          half: 'action',
          operation: countOf(service),
          handle: async (commands, tx) => {
            await memoryTx(tx).table('shelves').lock('a');
            return commands.map(() => succeeded({}));
          },
        },
      ],
    },
  );
  await participant.start();
  running.push(participant);
  return {
    die: () => {
      running.splice(running.indexOf(participant), 1);
      database.crash();
      bus.crash();
    },
  };
}

const effects = (service: string) => storeOf(service).committed('effects').length;
const inDoubt = (service: string) => [...storeOf(service).inDoubt.keys()];
const gid = (service: string, transactionId = transactionOne) =>
  `${service}:${transactionId}:take-${service}`;

function questionOn(transactionId: string, data: Partial<QuestionData> = {}): Message {
  return {
    id: `${transactionId}/question`,
    type: questionType,
    source: 'stock',
    topic: inboxTopic,
    key: transactionId,
    partition: shardOf(transactionId, shardCount),
    occurredAt: 0,
    data: { transactionId, branchId: 'take-stock', participant: 'stock', ...data },
  };
}

/** A vote for yes that no coordinator asked for. */
async function prepare(service: string, transactionId: string): Promise<void> {
  const asked = { type: `${service}.take`, half: 'prepare', branchId: `take-${service}` } as const;
  await world.send(command({ ...asked, transactionId }));
  await world.rig.until(() => inDoubt(service).length > 0);
}

describe('S69: a participant that voted yes', () => {
  test('and is restarted asks at once, and is told what was decided', async () => {
    await world.start('one', { definitions });
    const stock = await serve('stock');
    await world.begin(transactionOne, 'take-both');
    await world.rig.until(() => inDoubt('stock').length === 1);
    stock.die();
    await serve('card');
    await world.reaches(transactionOne, 'committing');
    // The commit that went to the dead process is repeated in ten minutes at the earliest; nobody waits for that.
    await serve('stock');
    await world.reaches(transactionOne, 'committed');
    expect([effects('stock'), effects('card'), inDoubt('stock')]).toEqual([1, 1, []]);
  });

  test('I19: and is replaced by a version that prepares nothing any more is settled all the same', async () => {
    await world.start('one', { definitions });
    const stock = await serve('stock');
    await world.begin(transactionOne, 'take-both');
    await world.rig.until(() => inDoubt('stock').length === 1);
    stock.die();
    await serve('card');
    await world.reaches(transactionOne, 'committing');
    await serve('stock', { prepares: false });
    await world.reaches(transactionOne, 'committed', 500);
    expect([effects('stock'), effects('card'), inDoubt('stock')]).toEqual([1, 1, []]);
  });

  test('stays in doubt while nobody has decided, however often it asks', async () => {
    await world.start('one', { definitions });
    await serve('stock');
    await world.begin(transactionOne, 'take-both');
    await world.rig.until(() => inDoubt('stock').length === 1);
    for (let looks = 0; looks < 5; looks++) await world.rig.clock.advanceAsync(doubtAfterMs);
    expect([inDoubt('stock'), effects('stock')]).toEqual([[gid('stock')], 0]);
    expect(waiting.at(-1)).toMatchObject([{ gid: gid('stock') }]);
    expect(waiting.at(-1)?.[0]?.ageMs).toBeGreaterThanOrEqual(4 * doubtAfterMs);
    await serve('card');
    await world.reaches(transactionOne, 'committed', 100);
    expect([effects('stock'), effects('card')]).toEqual([1, 1]);
  });

  test('asks again while no coordinator lives, and obeys the one that takes over', async () => {
    const first = await world.start('one', { definitions });
    await serve('stock');
    await world.begin(transactionOne, 'take-both', { no: 'card' });
    await world.rig.until(() => inDoubt('stock').length === 1);
    first.die();
    await serve('card');
    for (let looks = 0; looks < 5; looks++) await world.rig.clock.advanceAsync(doubtAfterMs);
    expect(inDoubt('stock')).toEqual([gid('stock')]);
    await world.start('two', { definitions });
    await world.reaches(transactionOne, 'aborted', 100);
    expect([effects('stock'), inDoubt('stock')]).toEqual([0, []]);
  });

  test('is told of an end that is long stored, and nothing is written for its question', async () => {
    await world.start('one', { definitions });
    await Promise.all(['stock', 'card'].map((each) => serve(each)));
    await world.begin(transactionOne, 'take-both');
    await world.reaches(transactionOne, 'committed');
    const before = world.events(transactionOne);
    const told = await world.rig.listen('stock.settlements');
    await world.send(questionOn(transactionOne));
    await world.rig.until(() => told.length > 0);
    expect(told.map(({ type }) => type)).toEqual(['stock.commit-prepared']);
    await world.rig.settle();
    expect(world.events(transactionOne)).toEqual(before);
    expect(effects('stock')).toBe(1);
  });
});

describe('S70: what no coordinator knows', () => {
  test('S67: is rolled back AFTER its place is taken, and announced', async () => {
    const facts = await world.rig.listen('transaction.events');
    await world.start('one', { definitions });
    await serve('stock');
    await prepare('stock', transactionTwo);
    await world.rig.until(() => inDoubt('stock').length === 0, doubtAfterMs / 2);
    expect(effects('stock')).toBe(0);
    expect(world.row(transactionTwo)).toMatchObject({
      definition: 'presumed-abort',
      status: 'aborted',
      phase: 'final',
      reason: { kind: 'undecided' },
    });
    await world.rig.until(() => facts.length > 0);
    expect(facts.map(({ type }) => type)).toEqual(['transaction.aborted']);
  });

  test('R20: cannot begin afterwards, so that no vote for it is ever counted', async () => {
    await world.start('one', { definitions });
    const told = await world.rig.listen('stock.settlements');
    await world.send(questionOn(transactionOne));
    await world.rig.until(() => told.length > 0);
    await world.begin(transactionOne, 'take-both');
    await world.rig.settle();
    expect(world.row(transactionOne)?.definition).toBe('presumed-abort');
    expect(told.map(({ type }) => type)).toEqual(['stock.rollback-prepared']);
  });

  test('and that begins in the same batch as the question is not aborted by it', async () => {
    await world.start('one', { definitions });
    await Promise.all(['stock', 'card'].map((each) => serve(each)));
    await Promise.all([
      world.begin(transactionOne, 'take-both'),
      world.send({ ...questionOn(transactionOne), partition: 0 }),
    ]);
    await world.reaches(transactionOne, 'committed');
    expect([effects('stock'), effects('card')]).toEqual([1, 1]);
  });

  test('is asked about by several, and each is told', async () => {
    await world.start('one', { definitions });
    const told = await Promise.all(['stock', 'card'].map((each) => world.rig.listen(`${each}.settlements`)));
    const ofCard = { branchId: 'take-card', participant: 'card' };
    await world.send(questionOn(transactionOne), questionOn(transactionOne, ofCard));
    await world.rig.until(() => told.every((heard) => heard.length > 0));
    expect(told.flat().map(({ type }) => type)).toEqual([
      'stock.rollback-prepared',
      'card.rollback-prepared',
    ]);
  });
});

describe('S71: a person who has settled a branch by hand', () => {
  const rolledBack = { type: 'outcome-reported', branchId: 'take-stock', outcome: 'rolled-back' } as const;

  /** Decided to commit, and stock, dead since its vote, has not been told. */
  async function decidedWithoutStock(): Promise<void> {
    await world.start('one', { definitions });
    const stock = await serve('stock');
    await world.begin(transactionOne, 'take-both');
    await world.rig.until(() => inDoubt('stock').length === 1);
    stock.die();
    await serve('card');
    await world.reaches(transactionOne, 'committing');
    await world.rig.settle();
  }

  test('as was decided, counts as told', async () => {
    await decidedWithoutStock();
    await world.wish(transactionOne, { ...rolledBack, outcome: 'committed' });
    await world.reaches(transactionOne, 'committed', 500);
  });

  test('otherwise than decided, is flagged: it parks, and the flag stays when it is repaired', async () => {
    await decidedWithoutStock();
    await world.wish(transactionOne, rolledBack);
    await world.reaches(transactionOne, 'parked', 500);
    const reason = { kind: 'heuristic', branchId: 'take-stock' };
    expect(world.row(transactionOne)).toMatchObject({ reason });
    expect(world.events(transactionOne).at(-1)).toMatchObject({ ...rolledBack, reason: 'seen to' });
    await serve('stock');
    await world.resume(transactionOne);
    await world.reaches(transactionOne, 'committed', 500);
    expect(world.row(transactionOne)).toMatchObject({ phase: 'final', reason });
  });

  test('in the database alone, and to commit before anybody had voted no, is found out', async () => {
    await serve('stock');
    const asked = { type: 'stock.take', half: 'prepare', branchId: 'take-stock' } as const;
    const first = command({ ...asked, transactionId: transactionOne });
    // The first vote is lost, so that the coordinator asks again.
    await world.send({ ...first, data: { ...first.data, replyTo: { topic: 'nobody', partition: 0 } } });
    await world.rig.until(() => inDoubt('stock').length > 0);
    const byHand = new MemoryPrepared(
      new MemoryDatabase({ clock: world.rig.clock, store: storeOf('stock') }),
    );
    await byHand.commit(gid('stock'), async () => []);
    const inbox = await world.rig.listen(inboxTopic);
    await world.start('one', { definitions });
    await world.begin(transactionOne, 'take-both', { no: 'card' });
    await world.rig.until(() => inbox.some(({ type }) => type === 'stock.take.succeeded'));
    await serve('card');
    await world.reaches(transactionOne, 'parked', 500);
    expect(world.row(transactionOne)).toMatchObject({
      reason: { kind: 'heuristic', branchId: 'take-stock' },
    });
  });

  test('once it has ended, comes too late', async () => {
    await world.start('one', { definitions });
    await Promise.all(['stock', 'card'].map((each) => serve(each)));
    await world.begin(transactionOne, 'take-both');
    await world.reaches(transactionOne, 'committed');
    expect(await world.wish(transactionOne, rolledBack)).toMatchObject({ outcome: 'declined', why: 'ended' });
  });
});

test('R19: a decision never waits behind commands, which may wait for the locks that it lets go of', async () => {
  const inbox = await world.rig.listen(inboxTopic);
  await world.start('one', { definitions });
  await serve('stock');
  await world.begin(transactionOne, 'take-both');
  await world.rig.until(() => inDoubt('stock').length === 1);
  await world.send(command({ type: 'stock.count', transactionId: transactionTwo }));
  await world.rig.settle();
  const counted = () => inbox.some(({ type }) => type === 'stock.count.succeeded');
  expect(counted()).toBe(false);
  await serve('card');
  await world.reaches(transactionOne, 'committed');
  await world.rig.until(counted);
});

test('B96: a question without a branch goes to the dead letters', async () => {
  const letters = await world.rig.listen(`${inboxTopic}.dead-letters`);
  await world.start('one', { definitions });
  await world.send({ ...questionOn(transactionOne), data: { transactionId: transactionOne } });
  await world.rig.until(() => letters.length > 0);
  expect(letters).toMatchObject([{ data: { reason: 'not a question' } }]);
});
