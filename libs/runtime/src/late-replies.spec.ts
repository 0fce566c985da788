/**
 * Goal: what comes too late changes nothing, is kept where it matters, and holds nobody (S17, S35, S36, S37, S95).
 * Method: a coordinator over memory; the test is every participant, a stranger, and the reader of the ledger.
 */
import { failed, refused, saga, sagaProtocol, succeeded, type Reply } from '@sagamore/engine';
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  answerTo,
  host,
  inboxMessage,
  startOf,
  statusOf,
  type Hosting,
} from '../../../test/support/coordinator.js';
import { RuntimeRig, transactionOne, transactionTwo, trusted } from '../../../test/support/runtime.js';
import type { CommandData, Message } from './message.js';
import { operation } from './operation.js';
import type { StoredLateReply } from './ports.js';

const declared = { input: trusted<unknown>(), output: trusted<unknown>() };
const take = operation('stock.take', { ...declared, undo: 'return' });
const pay = operation('stock.pay', { ...declared, undo: 'refund' });
const once = { attemptsMax: 1, baseMs: 10, maxMs: 20 };
const quick = { timeoutMs: 1_000, retry: once, undoRetry: { ...once, attemptsMax: 5 } };
const protocol = sagaProtocol(
  saga('two-steps', { version: 1 })
    .step('take', take, () => ({}), quick)
    .step('pay', pay, () => ({}), quick)
    .define(),
);

let rig: RuntimeRig;
let asked: Message<CommandData>[];
let told: StoredLateReply[];
let process: Awaited<ReturnType<typeof host>>;

beforeEach(async () => {
  rig = new RuntimeRig();
  asked = (await rig.listen('stock.commands')) as Message<CommandData>[];
  told = [];
  await serve();
});

async function serve(hosting: Partial<Hosting> = {}): Promise<void> {
  const hooks = { onLateReply: (late: StoredLateReply) => void told.push(late) };
  process = await host(rig, { protocols: [protocol], hooks, lateGraceMs: 2_000, ...hosting });
}

const send = (...messages: readonly Message[]) => rig.process().bus.send(messages);
const reply = (index: number, answer: Reply) => send(answerTo(asked[index]!, answer));
const ended = (status: string) => rig.until(() => statusOf(rig, transactionOne) === status, 10);
const untilAsked = (count: number) => rig.until(() => asked.length === count, 10);
const ledger = (id = transactionOne) => process.journal.lateReplies(id);

/** The action of the first step times out, and its undo is on the way. */
async function untilUndoing(): Promise<void> {
  await send(startOf(transactionOne, 'two-steps'));
  await untilAsked(2);
  expect(asked[1]!.data.operation).toBe('compensation');
}

describe('the ledger of late replies', () => {
  test('S17: a success that comes while its undo runs is kept, is undone, and calls nobody', async () => {
    await untilUndoing();
    await reply(0, succeeded({ number: 1 }));
    await reply(1, succeeded({}));
    await ended('compensated');
    expect(await ledger()).toEqual([
      {
        transactionId: transactionOne,
        branchId: 'take',
        operation: 'action',
        generation: 1,
        outcome: 'succeeded',
        meaning: 'covered',
        at: expect.any(Number),
      },
    ]);
    expect(told).toEqual([]);
    expect(asked).toHaveLength(2);
  });

  test('B98, S35: one that comes after the end changes neither row nor journal, and is weighed all the same', async () => {
    await untilUndoing();
    await reply(1, { outcome: 'succeeded', output: {}, empty: true });
    await ended('compensated');
    const rows = () => JSON.stringify([rig.store.committed('transaction'), rig.store.committed('journal')]);
    const before = rows();
    await reply(0, succeeded({ number: 1 }));
    await rig.until(() => told.length === 1);
    expect(rows()).toBe(before);
    // The undo had found nothing: whoever acted afterwards keeps no barrier, and nobody takes it back.
    expect(await ledger()).toMatchObject([{ branchId: 'take', meaning: 'needs-undo' }]);
  });

  test('S35: what says again what is known is kept nowhere', async () => {
    await send(startOf(transactionOne, 'two-steps'));
    await untilAsked(1);
    await reply(0, succeeded({}));
    await untilAsked(2);
    await reply(0, succeeded({}));
    await reply(1, refused('no-credit'));
    await untilAsked(3);
    await reply(1, refused('no-credit'));
    await reply(0, failed({ code: 'X', message: 'x', retryable: true }));
    await reply(2, succeeded({}));
    await ended('compensated');
    await reply(2, succeeded({}));
    await rig.settle();
    expect(await ledger()).toEqual([]);
  });

  test('R16: what comes with the repeat of a start is weighed by where the transaction stands, not by a new beginning', async () => {
    await send(startOf(transactionOne, 'two-steps'));
    await untilAsked(1);
    await reply(0, succeeded({}));
    await untilAsked(2);
    await reply(1, succeeded({}));
    await ended('completed');
    await send(startOf(transactionOne, 'two-steps'), answerTo(asked[1]!, succeeded({})));
    await rig.clock.advanceAsync(10_000);
    await rig.settle();
    expect(told).toEqual([]);
    expect(await ledger()).toEqual([]);
  });

  test('S95: an answer that contradicts what was built upon is told aloud, once, however often it comes', async () => {
    await send(startOf(transactionOne, 'two-steps'));
    await untilAsked(1);
    await reply(0, succeeded({}));
    await untilAsked(2);
    for (let count = 0; count < 3; count++) await reply(0, refused('not-after-all'));
    await rig.until(() => told.length > 0);
    await rig.settle();
    expect(told).toMatchObject([{ branchId: 'take', outcome: 'refused', meaning: 'contradicts' }]);
    await reply(1, succeeded({}));
    await ended('completed');
    await reply(0, refused('not-after-all'));
    await rig.settle();
    expect(await ledger()).toHaveLength(1);
    expect(told).toHaveLength(1);
  });

  test('S36: a reply for nobody waits for its start, holds nobody, and then goes to the ledger', async () => {
    await send(stranger(transactionTwo), startOf(transactionOne, 'two-steps'));
    await untilAsked(1);
    await rig.clock.advanceAsync(1_500);
    expect(await ledger(transactionTwo)).toEqual([]);
    await rig.until(() => told.length === 1, 100);
    expect(await ledger(transactionTwo)).toMatchObject([
      { branchId: 'take', meaning: 'unknown-transaction' },
    ]);
  });

  test('S36, S37: a reply that came before its transaction was stored is applied as soon as it is', async () => {
    await send(stranger(transactionOne));
    await rig.settle();
    expect(statusOf(rig, transactionOne)).toBeUndefined();
    await send(startOf(transactionOne, 'two-steps'));
    await untilAsked(2);
    expect(asked.map(({ data }) => data.branchId)).toEqual(['take', 'pay']);
    await rig.clock.advanceAsync(10_000);
    expect(await ledger()).toEqual([]);
  });

  test('B96: a flood of replies for nobody is bounded, and one that no store could keep is a dead letter', async () => {
    const letters = await rig.listen('orchestrator.inbox.dead-letters');
    const flood = Array.from({ length: 1_100 }, (_, index) => stranger(transactionTwo, `b-${index}`));
    const broken = [stranger(transactionTwo, 'a\0b'), stranger(transactionTwo, 'x'.repeat(201))];
    await send(...flood, ...broken);
    await rig.until(() => letters.length === 2);
    await rig.clock.advanceAsync(5_000);
    await rig.settle();
    expect((await ledger(transactionTwo)).length).toBe(100);
  });

  test('B96: of a forged reply only the checked fields are believed', async () => {
    await send(startOf(transactionOne, 'two-steps'));
    await untilAsked(1);
    const { transactionId, branchId, operation: half, generation, attempt } = asked[0]!.data;
    const body = { transactionId, branchId, operation: half, generation, attempt, reply: succeeded({}) };
    await send(
      inboxMessage('forged', 'reply', { ...body, type: 'terminate-requested', at: 7, retryAt: 1e15 }),
    );
    await untilAsked(2);
    const [[, first] = []] = rig.store.committed<{ readonly event: object }>('journal');
    expect(first?.event).toMatchObject({ type: 'replied' });
    expect(first?.event).not.toHaveProperty('retryAt');
  });

  test('R10: what a replaced owner finds late is not kept under his epoch', async () => {
    const epochs = new Map([[0, 99]]);
    const late = {
      transactionId: transactionOne,
      branchId: 'take',
      operation: 'action',
      generation: 1,
    } as const;
    const replies = [{ ...late, outcome: 'succeeded', meaning: 'covered', at: 1, shard: 0 } as const];
    const bounds = { ofTransactionMax: 10, ofNobodyMax: 10 };
    expect(await process.journal.keepLate({ epochs, replies, ...bounds })).toEqual([]);
    expect(await ledger()).toEqual([]);
  });
});

/** A success of the first step of a transaction that the test may not have started. */
function stranger(transactionId: string, branchId = 'take'): Message {
  const half = { operation: 'action', generation: 1, attempt: 1 } as const;
  const body = { transactionId, branchId, ...half, reply: succeeded({}) };
  return inboxMessage(`${transactionId}/${branchId}/stranger`, 'reply', body);
}
