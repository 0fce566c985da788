/**
 * Goal: TCC and two-phase commit walk the same road as a saga: one coordinator, ordinary participants, the same barrier.
 * Method: the real coordinator and participants over memory, and one service that says no, dies, or is asked for both
 * settlements; effects are counted in the store.
 */
import {
  messageTypeFor,
  refused,
  succeeded,
  tcc,
  tccProtocol,
  twoPhaseCommit,
  twoPhaseCommitProtocol,
  type Half,
  type TransactionEvent,
} from '@sagamore/engine';
import { memoryTx, MemoryJournal, MemoryOutbox, type CommitHooks } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import { command, replyOf, RuntimeRig, transactionOne, trusted } from '../../../test/support/runtime.js';
import { Coordinator } from './coordinator.js';
import type { Handler } from './handler.js';
import { startType } from './inbox.js';
import { Definitions } from './definitions.js';
import { inboxTopic, transactionEventsTopic, type Message } from './message.js';
import { operation } from './operation.js';
import { OutboxRelay } from './outbox-relay.js';
import { Participant } from './participant.js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

interface Input {
  /** The service that votes no, or refuses to hold. */
  readonly no?: string;
}

const operationOf = (service: string) => {
  const told = { input: trusted<Input>(), output: trusted<unknown>() };
  return operation(`${service}.hold`, { ...told, confirm: 'keep', undo: 'let-go' });
};
const stock = operationOf('stock');
const card = operationOf('card');
const patience = { timeoutMs: 1_000, settleRetry: { attemptsMax: 3, baseMs: 10, maxMs: 20 } };

const inTcc = tcc<Input>('in-tcc', { version: 1 })
  .branch('hold-stock', stock, (input) => input, patience)
  .branch('hold-card', card, (input) => input, patience)
  .define();
const inTwoPhases = twoPhaseCommit<Input>('in-two-phases', { version: 1 })
  .participant('hold-stock', stock, (input) => input, patience)
  .participant('hold-card', card, (input) => input, patience)
  .define();

let rig: RuntimeRig;
let facts: Message[];
let alarms: string[];
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  rig = new RuntimeRig();
  await rig.process().bus.ensureTopics([{ topic: inboxTopic, partitions: 1 }]);
  facts = await rig.listen(transactionEventsTopic);
  alarms = [];
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
});

function handlersOf(declared: typeof stock, halves: readonly Half[]): readonly Handler[] {
  return halves.map((half) => ({
    effect: 'local',
    operation: declared,
    half,
    handle: async (asked, tx) => {
      for (const { operationId } of asked) await memoryTx(tx).table('effects').insert(operationId, {});
      return asked.map(({ payload }) => {
        const { no } = payload as Input;
        return no === declared.participant ? refused('no-such-thing') : succeeded({ by: half });
      });
    },
  }));
}

async function serve(declared: typeof stock, halves: readonly Half[]): Promise<void> {
  const { participant: service } = declared;
  const onAlarm = ({ type }: Message) => void alarms.push(type);
  const participant = new Participant(rig.process(), {
    service,
    owner: service,
    handlers: handlersOf(declared, halves),
    onAlarm,
  });
  await participant.start();
  running.push(participant);
}

async function coordinate(owner: string, onCommit?: CommitHooks): Promise<{ die(): void }> {
  const { database, bus, clock } = rig.process(onCommit);
  const outbox = new MemoryOutbox(database);
  const relay = new OutboxRelay(outbox, bus, clock, { owner });
  const coordinator = new Coordinator(
    { journal: new MemoryJournal(database, outbox), relay, bus, clock, random: seededRandom(1) },
    {
      owner,
      shardCount: 1,
      takeoverGraceMs: 500,
      definitions: new Definitions([tccProtocol(inTcc), twoPhaseCommitProtocol(inTwoPhases)]),
    },
  );
  await coordinator.start();
  await rig.until(() => coordinator.holding.shards.length > 0);
  running.push(coordinator);
  return {
    die: () => {
      running.splice(running.indexOf(coordinator), 1);
      database.crash();
      bus.crash();
    },
  };
}

async function begin(definition: string, input: Input = {}): Promise<void> {
  const data = { transactionId: transactionOne, definition, input };
  const start = {
    id: 'start',
    type: startType,
    source: 'test',
    topic: inboxTopic,
    partition: 0,
    occurredAt: 0,
  };
  await rig.process().bus.send([{ ...start, key: transactionOne, data }]);
}

function events(): readonly TransactionEvent[] {
  return rig.store
    .committed<{ seq: number; event: TransactionEvent }>('journal')
    .toSorted(([, left], [, right]) => left.seq - right.seq)
    .map(([, { event }]) => event);
}

function statusOf(): string | undefined {
  return rig.store.committed<{ status: string }>('transaction')[0]?.[1].status;
}

const effects = () =>
  rig.store
    .committed('effects')
    .map(([key]) => key.slice(transactionOne.length + 1))
    .toSorted();

const protocols = [
  { name: 'in-tcc', does: 'try', keeps: 'confirm', undoes: 'cancel', kept: 'confirmed', undone: 'cancelled' },
  {
    name: 'in-two-phases',
    does: 'prepare',
    keeps: 'commit',
    undoes: 'rollback',
    kept: 'committed',
    undone: 'aborted',
  },
] as const;

describe.each(protocols)('$name', ({ name, does, keeps, undoes, kept, undone }) => {
  const halves = [does, keeps, undoes];

  beforeEach(async () => {
    await serve(stock, halves);
    await serve(card, halves);
  });

  test(`where everybody says yes every branch is asked to ${keeps}, and the outside is told`, async () => {
    await coordinate('one');
    await begin(name);
    await rig.until(() => statusOf() === kept);
    expect(effects()).toEqual([
      `hold-card/${keeps}`,
      `hold-card/${does}`,
      `hold-stock/${keeps}`,
      `hold-stock/${does}`,
    ]);
    await rig.until(() => facts.length > 0);
    expect(facts.map(({ type }) => type)).toEqual([`transaction.${kept}`]);
  });

  test(`where one says no nothing is asked to ${keeps}`, async () => {
    await coordinate('one');
    await begin(name, { no: 'card' });
    await rig.until(() => statusOf() === undone);
    expect(effects().filter((effect) => effect.endsWith(keeps))).toEqual([]);
    // What held has let go; what had not yet held when it was told to let go never held.
    const ofStock = [does, undoes].map((half) => effects().includes(`hold-stock/${half}`));
    expect(ofStock[0]).toBe(ofStock[1]);
    expect(effects()).not.toContain(`hold-card/${undoes}`);
    expect(alarms).toEqual([]);
  });

  test('I12, I17, S29: a coordinator that dies between the phases is followed by one that brings it to the same end', async () => {
    const first = await coordinate('one', {
      after: () => {
        // Dies once the last answer of the first phase is stored and nothing of the second was sent.
        if (events().length >= 2) first.die();
      },
    });
    await begin(name);
    await rig.until(() => events().length >= 2);
    await coordinate('two');
    await rig.until(() => statusOf() === kept, 50);
    expect(effects()).toHaveLength(4);
  });

  test(`S12: who has been asked to ${keeps} refuses to ${undoes}, and raises an alarm`, async () => {
    const replies = await rig.listen(inboxTopic);
    const ask = async (half: Half) => {
      const type = messageTypeFor(stock, half) ?? '';
      await rig.process().bus.send([command({ type, half, payload: { input: {}, outcome: 'succeeded' } })]);
    };
    await ask(does);
    await rig.until(() => replies.length === 1);
    await ask(keeps);
    await rig.until(() => replies.length === 2);
    await ask(undoes);
    await rig.until(() => replies.length === 3);
    expect(replies.map((reply) => replyOf(reply).outcome)).toEqual(['succeeded', 'succeeded', 'refused']);
    expect(effects()).toHaveLength(2);
    expect(alarms).toEqual([messageTypeFor(stock, undoes)]);
  });
});

test('what only holds is held, kept and let go by the same handlers under either protocol', async () => {
  await serve(stock, ['action', 'confirm', 'compensation']);
  await serve(card, ['action', 'confirm', 'compensation']);
  await coordinate('one');
  await begin('in-two-phases');
  await rig.until(() => statusOf() === 'committed');
  expect(effects()).toHaveLength(4);
});

test('R21, S12: what is held outside is kept by a call, and while that is under way nobody lets it go', async () => {
  const told = { input: trusted<Input>(), output: trusted<unknown>(), effect: 'external' } as const;
  const authorize = operation('bank.authorize', { ...told, confirm: 'capture', undo: 'void' });
  const calls: string[] = [];
  const captured = Promise.withResolvers<ReturnType<typeof succeeded>>();
  const handlers = (['action', 'confirm', 'compensation'] as const).map((half): Handler => ({
    effect: 'external',
    operation: authorize,
    half,
    call: async (_asked, { providerKey }) => {
      calls.push(`${half} ${providerKey}`);
      return half === 'confirm' ? captured.promise : succeeded({});
    },
    record: async () => {},
  }));
  const replies = await rig.listen(inboxTopic);
  const onAlarm = ({ type }: Message) => void alarms.push(type);
  const bank = new Participant(rig.process(), { service: 'bank', owner: 'bank', handlers, onAlarm });
  await bank.start();
  running.push(bank);
  const ask = (half: Half) => {
    const type = messageTypeFor(authorize, half) ?? '';
    return rig.process().bus.send([command({ type, half, payload: { input: {}, outcome: 'succeeded' } })]);
  };
  const rows = () =>
    rig.store
      .committed<{ operation: Half; outcome: string }>('barrier')
      .map(([, { operation: half, outcome }]) => `${half} ${outcome}`)
      .toSorted();
  await ask('try');
  await rig.until(() => replies.length === 1);
  await ask('confirm');
  await rig.until(() => calls.length === 2);
  expect(rows()).toEqual(['cancel planted', 'confirm claimed', 'try succeeded']);
  await ask('cancel');
  await rig.until(() => replies.length === 2);
  expect(replyOf(replies[1]).outcome).toBe('refused');
  captured.resolve(succeeded({}));
  await rig.until(() => replies.length === 3);
  expect(replyOf(replies[2]).outcome).toBe('succeeded');
  expect(rows()).toEqual(['cancel planted', 'confirm succeeded', 'try succeeded']);
  expect(calls).toEqual([`action ${transactionOne}/a-step`, `confirm ${transactionOne}/a-step`]);
  expect(alarms).toEqual(['bank.void']);
});

test('I20: the decision to commit is journaled in the same write as the last vote', async () => {
  await serve(stock, ['prepare', 'commit', 'rollback']);
  await serve(card, ['prepare', 'commit', 'rollback']);
  const sizes: number[] = [];
  await coordinate('one', { after: () => void sizes.push(events().length) });
  await begin('in-two-phases');
  await rig.until(() => statusOf() === 'committed');
  const types = events().map(({ type }) => type);
  const decidedAt = types.indexOf('decided');
  expect(events()[decidedAt - 1]).toMatchObject({ type: 'replied', operation: 'prepare' });
  // No commit of the store ever ended between the last vote and the decision.
  expect(sizes).not.toContain(decidedAt);
  expect(types.slice(decidedAt + 1)).toEqual(['replied', 'replied']);
});
