/**
 * Goal: one effect outside for each branch, and none that nobody knows of. Method: a participant over memory whose
 * provider answers when the spec lets it; processes die between any two steps.
 */
import { refused, succeeded, type Reply } from '@sagamore/engine';
import { memoryTx } from '@sagamore/memory';
import { Fault } from '@sagamore/resilience';
import {
  command,
  replyOf,
  RuntimeRig,
  transactionOne,
  transactionTwo,
  trusted,
  type AskedFor,
} from '../../../test/support/runtime.js';
import type { HandledCommand, Handler, Settled } from './handler.js';
import { inboxTopic, type Message } from './message.js';
import { operation } from './operation.js';
import { Participant } from './participant.js';
import type { Tx } from './ports.js';
import { beforeEach, describe, expect, test } from '@jest/globals';

const charge = operation('payment.charge', {
  input: trusted<unknown>(),
  output: trusted<unknown>(),
  undo: 'refund',
  effect: 'external',
});

interface Call {
  readonly half: 'action' | 'compensation';
  readonly key: string;
  answer(reply: Reply): void;
  fail(fault: unknown): void;
}

const emptyUndo: Reply = { outcome: 'succeeded', output: {}, empty: true };
const away = new Fault('PROVIDER_UNAVAILABLE', 'no answer', { retryable: true });

let rig: RuntimeRig;
let replies: Message[];
let calls: Call[];

beforeEach(async () => {
  rig = new RuntimeRig();
  replies = await rig.listen(inboxTopic);
  calls = [];
});

function handlers(): readonly Handler[] {
  return (['action', 'compensation'] as const).map((half) => ({
    effect: 'external',
    operation: charge,
    half,
    call: (_command: HandledCommand, { providerKey: key }: { providerKey: string }) =>
      new Promise<Reply>((answer, fail) => calls.push({ half, key, answer, fail })),
    async record(settled: readonly Settled[], tx: Tx) {
      const own = memoryTx(tx);
      for (const {
        command: { operationId },
        reply,
      } of settled) {
        if (reply.empty === true) continue;
        await own.table('books').insert(`${operationId}/${own.next('books')}`, {});
      }
    },
  }));
}

async function start(owner: string, callsMax = 10) {
  const ports = rig.process();
  const participant = new Participant(ports, {
    service: 'payment',
    owner,
    handlers: handlers(),
    callsMax,
    claimMs: 1_000,
    triesMax: 1,
    pauseMs: 10,
    sweepMs: 100,
    undoPatienceMs: 500,
  });
  await participant.start();
  return {
    participant,
    die() {
      ports.database.crash();
      ports.bus.crash();
    },
  };
}

async function send(...asked: readonly Partial<AskedFor>[]): Promise<void> {
  await rig.process().bus.send(asked.map((each) => command({ type: 'payment.charge', ...each })));
}

const undo: Partial<AskedFor> = {
  type: 'payment.refund',
  half: 'compensation',
  payload: { input: {}, outcome: 'unknown' },
};

function books(): readonly string[] {
  return rig.store.committed('books').map(([key]) => key.slice(key.indexOf('/') + 1));
}

function intents(): number {
  return rig.store.table('intent').rows.size;
}

describe('ExternalBranches', () => {
  test('R7: the intent is committed before the call goes out', async () => {
    await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    expect(intents()).toBe(1);
    expect(calls[0]).toMatchObject({ half: 'action', key: `${transactionOne}/a-step` });
  });

  test('R9: the outcome, its row and its booking are one commit, and then the reply goes out', async () => {
    await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    calls[0]!.answer(succeeded({ chargeId: 'c' }));
    await rig.until(() => replies.length === 1);
    expect(replyOf(replies[0])).toEqual(succeeded({ chargeId: 'c' }));
    expect(books()).toHaveLength(1);
    expect(intents()).toBe(0);
  });

  test('R9: a slow call holds neither its batch nor other commands', async () => {
    await start('a');
    await send({ transactionId: transactionOne });
    await rig.until(() => calls.length === 1);
    await send({ transactionId: transactionTwo });
    await rig.until(() => calls.length === 2);
    calls[1]!.answer(succeeded({}));
    await rig.until(() => replies.length === 1);
    expect(replies[0]?.key).toBe(transactionTwo);
  });

  test('R7: a repeat while the call is under way answers in-progress and calls nobody', async () => {
    await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    await send({ attempt: 2 });
    await rig.until(() => replies.length === 1);
    expect(replyOf(replies[0])).toEqual({ outcome: 'in-progress' });
    expect(calls).toHaveLength(1);
  });

  test('R7: a crash between the call and its record: the next process calls again with the same key', async () => {
    const first = await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    first.die();
    calls[0]!.answer(succeeded({}));
    await start('b');
    await rig.until(() => calls.length === 2, 50);
    expect(calls[1]?.key).toBe(calls[0]?.key);
    calls[1]!.answer(succeeded({}));
    await rig.until(() => replies.length === 1);
    expect(books()).toHaveLength(1);
  });

  test('R7: a provider that fails leaves an intent that the next attempt calls again at once', async () => {
    await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    calls[0]!.fail(away);
    await rig.until(() => replies.length === 1);
    expect(replyOf(replies[0])).toMatchObject({ outcome: 'failed', failure: { retryable: true } });
    await send({ attempt: 2 });
    await rig.until(() => calls.length === 2);
    calls[1]!.answer(succeeded({}));
    await rig.until(() => books().length === 1);
  });

  test('R8: the undo of an action that is unknown here still goes out, by key, and its repeat is answered', async () => {
    await start('a');
    await send(undo);
    await rig.until(() => calls.length === 1);
    expect(calls[0]).toMatchObject({ half: 'compensation', key: `${transactionOne}/a-step` });
    calls[0]!.answer(emptyUndo);
    await rig.until(() => replies.length === 1);
    await send(undo);
    await rig.until(() => replies.length === 2);
    expect(replyOf(replies[1])).toEqual(emptyUndo);
    expect(calls).toHaveLength(1);
  });

  test('R8: an action that comes after such an undo is refused and calls nobody', async () => {
    await start('a');
    await send(undo);
    await rig.until(() => calls.length === 1);
    calls[0]!.answer(emptyUndo);
    await rig.until(() => replies.length === 1);
    await send({});
    await rig.until(() => replies.length === 2);
    expect(replyOf(replies[1])).toMatchObject({ outcome: 'refused' });
    expect(calls).toHaveLength(1);
  });

  test('R8: an undo waits while the claim of its action is live', async () => {
    await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    await send(undo);
    await rig.until(() => replies.length === 1);
    expect(replyOf(replies[0])).toEqual({ outcome: 'in-progress' });
    expect(calls).toHaveLength(1);
  });

  test('R8: an undo is booked only after its action is, even where one call at a time is allowed', async () => {
    const first = await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    first.die();
    await rig.clock.advanceAsync(1_100);
    await start('b', 1);
    await send(undo);
    await rig.until(() => calls.length === 2, 1);
    // Whichever of the two the new process calls first, it must come to the other.
    const answerAll = () => {
      for (const call of calls.slice(1))
        call.answer(call.half === 'action' ? succeeded({ chargeId: 'c' }) : succeeded({}));
      return books().length === 2;
    };
    await rig.until(answerAll, 50);
    expect(books()[0]).toContain('/action/');
    expect(books()[1]).toContain('/compensation/');
    expect(intents()).toBe(0);
  });

  test('R8: where nobody answers the action any more, its undo closes it, and what comes of it later is late', async () => {
    await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    calls[0]!.fail(away);
    await rig.until(() => replies.length === 1);
    await send(undo);
    // The provider takes undos and no actions: each call of the action fails as it comes.
    const answerUndo = () => {
      for (const call of calls.slice(1)) {
        if (call.half === 'action') call.fail(away);
        else call.answer(succeeded({}));
      }
      return replies.some((each) => each.id.includes('/compensation/'));
    };
    const before = rig.clock.now();
    await rig.until(answerUndo, 50);
    expect(rig.clock.now() - before).toBeGreaterThanOrEqual(500);
    expect(replyOf(replies.find((each) => each.id.includes('/compensation/')))).toEqual(succeeded({}));
    expect(intents()).toBe(0);
    expect(books().filter((key) => key.includes('/compensation/'))).toHaveLength(1);
    const made = calls.length;
    await send({ attempt: 2 });
    await rig.until(() => replies.some((each) => each.id.endsWith('/action/1/2/refused')));
    expect(calls).toHaveLength(made);
  });

  test('R8: an undo without a yes never closes its action', async () => {
    await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    calls[0]!.fail(away);
    await rig.until(() => replies.length === 1);
    await send(undo);
    await rig.until(() => calls.some(({ half }) => half === 'compensation'));
    calls.find(({ half }) => half === 'compensation')!.answer(refused('closed-account'));
    for (let step = 0; step < 40; step++) {
      for (const call of calls) if (call.half === 'action') call.fail(away);
      await rig.clock.advanceAsync(50);
    }
    expect(intents()).toBe(2);
    expect(replies.some((each) => each.id.includes('/compensation/'))).toBe(false);
  });

  test('R8: an undo that a provider refuses leaves nothing, so that it can be asked for again', async () => {
    await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    calls[0]!.answer(succeeded({}));
    await rig.until(() => replies.length === 1);
    await send(undo);
    await rig.until(() => calls.length === 2);
    calls[1]!.answer(refused('already-shipped'));
    await rig.until(() => replies.length === 2);
    expect(replyOf(replies[1])).toMatchObject({ outcome: 'refused' });
    expect(intents()).toBe(0);
    await send({ ...undo, generation: 2 });
    await rig.until(() => calls.length === 3);
    calls[2]!.answer(succeeded({}));
    await rig.until(() => books().length === 2);
  });

  test('R4: two generations of one undo book it once', async () => {
    await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    calls[0]!.answer(succeeded({}));
    await rig.until(() => books().length === 1);
    await send(undo);
    await rig.until(() => calls.length === 2);
    calls[1]!.answer(succeeded({}));
    await rig.until(() => books().length === 2);
    const answered = replies.length;
    await send({ ...undo, generation: 2 });
    await rig.until(() => replies.length === answered + 1);
    expect(replyOf(replies.at(-1))).toEqual(succeeded({}));
    expect(books()).toHaveLength(2);
  });

  test('S11: a refused action needs no call to be undone', async () => {
    await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    calls[0]!.answer(refused('card-declined'));
    await rig.until(() => replies.length === 1);
    await send(undo);
    await rig.until(() => replies.length === 2);
    expect(replyOf(replies[1])).toEqual(emptyUndo);
    await send(undo);
    await rig.until(() => replies.length === 3);
    expect(replyOf(replies[2])).toEqual(emptyUndo);
    expect(calls).toHaveLength(1);
    expect(books()).toEqual([]);
  });

  test('a handler that breaks a rule is answered failed and not asked again', async () => {
    await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    calls[0]!.fail(new TypeError('a bug'));
    await rig.until(() => replies.length === 1);
    expect(replyOf(replies[0])).toMatchObject({ failure: { code: 'HANDLER_FAILED', retryable: false } });
  });

  test('stop waits for the calls under way', async () => {
    const { participant } = await start('a');
    await send({});
    await rig.until(() => calls.length === 1);
    let isStopped = false;
    const stopping = participant.stop().then(() => void (isStopped = true));
    await rig.settle();
    expect(isStopped).toBe(false);
    calls[0]!.answer(succeeded({}));
    await stopping;
    expect(books()).toHaveLength(1);
  });
});
