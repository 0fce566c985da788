/**
 * Goal: each command takes effect at most once and is answered, whatever comes beside it. Method: a participant over
 * memory, asked as the coordinator asks; its handlers write rows, so that effects can be counted.
 */
import { failed, refused, succeeded, type Reply } from '@sagamore/engine';
import { memoryTx } from '@sagamore/memory';
import type { CommitHooks } from '@sagamore/memory';
import { Fault } from '@sagamore/resilience';
import {
  command,
  replyOf,
  RuntimeRig,
  transactionOne,
  transactionThree,
  transactionTwo,
  trusted,
  type AskedFor,
} from '../../../test/support/runtime.js';
import type { HandledCommand, Handler } from './handler.js';
import { deadLetterTopic, inboxTopic, type Message } from './message.js';
import { operation } from './operation.js';
import { Participant } from './participant.js';
import type { Tx } from './ports.js';
import { beforeEach, describe, expect, test } from '@jest/globals';

interface Wanted {
  readonly amount?: number;
  readonly says?: 'no' | 'fails' | 'throws' | 'is-away';
}

const take = operation('stock.take', {
  input: {
    '~standard': {
      version: 1,
      vendor: 'sagamore',
      validate: (value: unknown) =>
        typeof value === 'object' && value !== null
          ? { value: value as Wanted }
          : { issues: [{ message: 'no object', path: ['payload'] }] },
    },
  },
  output: trusted<unknown>(),
  undo: 'return',
});

let rig: RuntimeRig;
let replies: Message[];
let letters: Message[];
let batches: number[];
let faults: unknown[];

beforeEach(async () => {
  rig = new RuntimeRig();
  replies = await rig.listen(inboxTopic);
  letters = await rig.listen(deadLetterTopic('stock.commands'));
  batches = [];
  faults = [];
});

async function answer({ operationId, payload }: HandledCommand, tx: Tx): Promise<Reply> {
  const { says } = payload as Wanted;
  if (says === 'no') return refused('out-of-stock');
  const own = memoryTx(tx);
  await own.table('effects').insert(`${operationId}/${own.next('effects')}`, {});
  if (says === 'fails') return failed({ code: 'SHELF_LOCKED', message: 'later', retryable: true });
  if (says === 'throws') throw new TypeError('a bug');
  if (says === 'is-away') throw new Fault('DEADLINE_EXCEEDED', 'later', { retryable: true });
  if (says === 'is-locked') throw new Fault('SERIALIZATION_CONFLICT', 'held by another', { retryable: true });
  return succeeded({ by: operationId });
}

function handlers(): readonly Handler[] {
  const handle = async (commands: readonly HandledCommand[], tx: Tx) => {
    batches.push(commands.length);
    const answers: Reply[] = [];
    for (const each of commands) answers.push(await answer(each, tx));
    return answers;
  };
  return (['action', 'compensation'] as const).map((half) => ({
    effect: 'local',
    operation: take,
    half,
    handle,
  }));
}

async function start(onCommit?: CommitHooks) {
  const ports = rig.process(onCommit);
  const onFault = (error: unknown) => void faults.push(error);
  const participant = new Participant(ports, { service: 'stock', owner: 'a', handlers: handlers(), onFault });
  await participant.start();
  return { participant, ...ports };
}

/** Sends in one turn, hence one batch, and resolves with the replies once all are there. */
async function ask(...asked: readonly Partial<AskedFor>[]): Promise<readonly Reply[]> {
  const from = replies.length;
  const { bus } = rig.process();
  await bus.send(asked.map((each) => command({ type: 'stock.take', ...each })));
  await rig.until(() => replies.length >= from + asked.length, 10);
  return replies.slice(from).map((reply) => replyOf(reply));
}

const undo: Partial<AskedFor> = {
  type: 'stock.return',
  half: 'compensation',
  payload: { input: {}, outcome: 'unknown' },
};

function effects(): readonly string[] {
  return rig.store.committed('effects').map(([key]) => key.slice(key.indexOf('/') + 1));
}

describe('Participant, local branches', () => {
  test('S1: a repeated command has one effect and the same reply', async () => {
    await start();
    const [first] = await ask({});
    const [second] = await ask({});
    expect(second).toEqual(first);
    expect(effects()).toHaveLength(1);
  });

  test('S2: a new attempt under a new message id has one effect', async () => {
    await start();
    await ask({ attempt: 1 });
    const [reply] = await ask({ attempt: 2 });
    expect(reply).toMatchObject({ outcome: 'succeeded' });
    expect(effects()).toHaveLength(1);
  });

  test('S1: two copies inside one batch have one effect, and both are answered', async () => {
    await start();
    const answers = await ask({}, {}, {});
    expect(answers.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    expect(effects()).toHaveLength(1);
  });

  test('S3: an undo that arrives first undoes nothing and answers that it found nothing', async () => {
    await start();
    expect(await ask(undo)).toEqual([{ outcome: 'succeeded', output: {}, empty: true }]);
    expect(effects()).toEqual([]);
  });

  test('S3: the repeat of an empty undo is answered as before', async () => {
    await start();
    const first = await ask(undo);
    expect(await ask(undo)).toEqual(first);
  });

  test('S4: an action that arrives after its undo has no effect', async () => {
    await start();
    await ask(undo);
    expect(await ask({})).toEqual([{ outcome: 'refused', refusal: { code: 'cancelled-before' } }]);
    expect(effects()).toEqual([]);
  });

  test('S4: an undo and its late action inside one batch, in this order, have no effect', async () => {
    await start();
    const answers = await ask(undo, {});
    expect(answers.map(({ outcome }) => outcome)).toEqual(['succeeded', 'refused']);
    expect(effects()).toEqual([]);
  });

  test('S8: an undo that ran is not run again', async () => {
    await start();
    await ask({});
    await ask(undo);
    await ask(undo, { ...undo, attempt: 2 });
    expect(effects().filter((key) => key.includes('/compensation/'))).toHaveLength(1);
  });

  test('S11: the undo of a refused action does nothing', async () => {
    await start();
    await ask({ payload: { says: 'no' } });
    expect(await ask(undo)).toMatchObject([{ outcome: 'succeeded', empty: true }]);
    expect(effects()).toEqual([]);
  });

  test('commands of several transactions are one batch and one commit', async () => {
    let commits = 0;
    await start({ before: () => void commits++ });
    await ask(
      { transactionId: transactionOne },
      { transactionId: transactionTwo },
      { transactionId: transactionThree },
    );
    expect(batches).toEqual([3]);
    expect(commits).toBe(1);
  });

  test('R2: a handler that throws for one command is answered failed for it, and the others succeed', async () => {
    await start();
    const answers = await ask(
      { transactionId: transactionOne },
      { transactionId: transactionTwo, payload: { says: 'throws' } },
      { transactionId: transactionThree },
    );
    expect(answers.map(({ outcome }) => outcome)).toEqual(['succeeded', 'failed', 'succeeded']);
    expect(answers[1]).toMatchObject({ failure: { code: 'HANDLER_FAILED', retryable: false } });
    expect(effects()).toHaveLength(2);
    expect(faults).toHaveLength(1);
  });

  test('R1: what a handler wrote before it answered failed is not kept, and may be asked again', async () => {
    await start();
    const answers = await ask(
      { transactionId: transactionOne },
      { transactionId: transactionTwo, payload: { says: 'fails' } },
    );
    expect(answers[1]).toMatchObject({
      outcome: 'failed',
      failure: { code: 'SHELF_LOCKED', retryable: true },
    });
    expect(effects()).toHaveLength(1);
    expect(await ask({ transactionId: transactionTwo })).toMatchObject([{ outcome: 'succeeded' }]);
  });

  test('a fault that may pass is answered as retryable', async () => {
    await start();
    expect(await ask({ payload: { says: 'is-away' } })).toMatchObject([
      { outcome: 'failed', failure: { code: 'DEADLINE_EXCEEDED', retryable: true } },
    ]);
  });

  test('R19, S80: a row that another keeps locked costs no attempt: come back, says the answer', async () => {
    await start();
    const answers = await ask(
      { transactionId: transactionOne },
      { transactionId: transactionTwo, payload: { says: 'is-locked' } },
    );
    expect(answers.map(({ outcome }) => outcome)).toEqual(['succeeded', 'in-progress']);
    expect(effects()).toHaveLength(1);
    expect(await ask({ transactionId: transactionTwo })).toMatchObject([{ outcome: 'succeeded' }]);
  });

  test('R1: a batch that meets a conflict is run again, and in halves where it meets it again', async () => {
    let conflicts = 0;
    await start({
      before: () => {
        if (conflicts++ < 2)
          throw new Fault('BARRIER_CONFLICT', 'somebody else was first', { retryable: true });
      },
    });
    const answers = await ask({ transactionId: transactionOne }, { transactionId: transactionTwo });
    expect(answers.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded']);
    expect(batches).toEqual([2, 2, 1, 1]);
    expect(effects()).toHaveLength(2);
  });

  test('S5: an action and its undo on two processes at once: one order is chosen, the end is not done', async () => {
    const [first, second] = [await start(), await start()];
    const { barrier } = first;
    expect(barrier).not.toBe(second.barrier);
    await ask({}, undo);
    await ask(undo);
    const kinds = effects().map((key) => (key.includes('/action/') ? 1 : -1));
    expect(kinds.reduce((sum, each) => sum + each, 0)).toBe(0);
  });

  test('S66: while the database is away nothing is answered; once it is back everything is', async () => {
    let isAway = true;
    await start({
      before: () => {
        if (isAway) throw new Fault('DATABASE_UNAVAILABLE', 'away', { retryable: true });
      },
    });
    await rig.process().bus.send([command({ type: 'stock.take' })]);
    await rig.settle();
    expect(replies).toEqual([]);
    isAway = false;
    await rig.until(() => replies.length === 1, 50);
    expect(effects()).toHaveLength(1);
  });

  test('S53: a process that dies before its commit leaves the command to the next one', async () => {
    const gate = Promise.withResolvers<void>();
    const { database, bus } = await start({ before: () => gate.promise });
    await rig.process().bus.send([command({ type: 'stock.take' })]);
    await rig.until(() => batches.length === 1);
    database.crash();
    bus.crash();
    await start();
    await rig.until(() => replies.length === 1);
    expect(effects()).toHaveLength(1);
  });

  test('R12: when the fate of a commit is unknown, the redelivered command gets the reply that was saved', async () => {
    let isLost = true;
    await start({
      after: () => {
        if (!isLost) return;
        isLost = false;
        throw new Fault('COMMIT_UNKNOWN', 'the connection broke', { retryable: true });
      },
    });
    expect(await ask({})).toMatchObject([{ outcome: 'succeeded' }]);
    expect(effects()).toHaveLength(1);
  });
});

describe('Participant, what it cannot take', () => {
  test('B97: a payload that does not fit is answered failed, and its values are not quoted', async () => {
    await start();
    const [reply] = await ask({ payload: 'tok_secret' });
    expect(reply).toMatchObject({
      outcome: 'failed',
      failure: { code: 'MESSAGE_MALFORMED', retryable: false },
    });
    expect(JSON.stringify(reply)).not.toContain('tok_secret');
  });

  test('B97: the payload of an undo is checked by the input it carries', async () => {
    await start();
    expect(await ask({ ...undo, payload: null })).toMatchObject([
      { outcome: 'failed', failure: { code: 'MESSAGE_MALFORMED' } },
    ]);
  });

  test.each([
    ['an unknown type', { type: 'stock.burn' }],
    ['an undo sent as an action', { type: 'stock.return' }],
    ['a transaction id that is none', { transactionId: 'x' }],
    ['a branch without a name', { branchId: '' }],
    ['generation zero', { generation: 0 }],
    ['half an attempt', { attempt: 0.5 }],
  ])('S54, B96: %s goes to the dead letters, and what comes after it is answered', async (_what, forged) => {
    await start();
    const { bus } = rig.process();
    await bus.send([
      command({ type: 'stock.take', ...forged }),
      command({ type: 'stock.take', transactionId: transactionTwo }),
    ]);
    await rig.until(() => letters.length === 1 && replies.length === 1, 10);
    expect(letters[0]).toMatchObject({
      data: { reason: expect.any(String), origin: { topic: 'stock.commands' } },
    });
  });

  test('S54: a message without a body goes to the dead letters', async () => {
    await start();
    const { data: _, ...bare } = command({ type: 'stock.take' });
    await rig.process().bus.send([{ ...bare, data: null }]);
    await rig.until(() => letters.length === 1);
    expect(replies).toEqual([]);
  });
});
