/**
 * Goal: a two-phase message is delivered if, and only if, its sender's local transaction committed, whoever dies in
 * between; and an open transaction is never taken for one that will not be.
 * Method: the real sender, coordinator and participants over memory; transactions are kept open and processes killed.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { succeeded, twoPhaseMessage, twoPhaseMessageProtocol } from '@sagamore/engine';
import { MemoryBarrier, MemoryIntents, memoryTx, type CommitHooks } from '@sagamore/memory';
import { Fault } from '@sagamore/resilience';
import { Orchestration } from '../../../test/support/orchestration.js';
import { transactionOne, transactionTwo, trusted } from '../../../test/support/runtime.js';
import { Definitions } from './definitions.js';
import type { Handler } from './handler.js';
import { operation } from './operation.js';
import { Participant } from './participant.js';
import type { Tx } from './ports.js';
import { checkBackHandler, TwoPhaseSender } from './two-phase-sender.js';

interface Input {
  readonly amountMinor: number;
}

const shape = { input: trusted<Input>(), output: trusted<unknown>() };
const isSaved = operation('order.is-saved', shape);
const mail = operation('mail.send', shape);
const checkBackAfterMs = 5_000;
const definition = twoPhaseMessage<Input>('tell-mail', { version: 1 })
  .sender('save-order', isSaved, { checkBackAfterMs, timeoutMs: 1_000 })
  .deliver('send-mail', mail, (input) => input, { timeoutMs: 1_000 })
  .define();
const definitions = new Definitions([twoPhaseMessageProtocol(definition)]);

let world: Orchestration;
let faults: unknown[];
const running: Participant[] = [];

beforeEach(async () => {
  world = new Orchestration(2);
  faults = [];
  await world.open();
  await world.start('one', { definitions });
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
  await world.close();
});

/** A process with one participant in it, and a sender. */
async function serve(service: 'order' | 'mail', onCommit?: CommitHooks) {
  const { bus, clock, database } = world.rig.process(onCommit);
  const barrier = new MemoryBarrier();
  const handlers: readonly Handler[] =
    service === 'order' ? [checkBackHandler(isSaved, barrier)] : [handlerOfMail];
  const ports = { database, barrier, intents: new MemoryIntents(database), bus, clock };
  const participant = new Participant(ports, { service, owner: service, handlers });
  await participant.start();
  running.push(participant);
  const onFault = (error: unknown) => void faults.push(error);
  const sender = new TwoPhaseSender({ database, barrier, bus }, { service, shardCount: 2, onFault });
  const die = () => {
    running.splice(running.indexOf(participant), 1);
    database.crash();
    bus.crash();
  };
  return { sender, die, database };
}

const handlerOfMail: Handler = {
  effect: 'local',
  operation: mail,
  half: 'action',
  handle: async (commands, tx) => {
    for (const { operationId } of commands) await memoryTx(tx).table('mails').insert(operationId, {});
    return commands.map(() => succeeded({}));
  },
};

const save = async (tx: Tx): Promise<string> => {
  await memoryTx(tx).table('orders').put('order', {});
  return 'saved';
};
const count = (table: string) => world.rig.store.committed(table).length;
const message = { definition, transactionId: transactionOne, input: { amountMinor: 700 } };

/** Keeps a local transaction open until it is let go. */
function openTransaction() {
  const { promise: open, resolve: letGo } = Promise.withResolvers<void>();
  const { promise: isOpen, resolve: opened } = Promise.withResolvers<void>();
  const work = async (tx: Tx) => {
    const saved = await save(tx);
    opened();
    await open;
    return saved;
  };
  return { work, isOpen, letGo };
}

describe('a message', () => {
  test('is delivered once when its transaction commits, and its sender is never asked', async () => {
    await serve('mail');
    const asked = await world.rig.listen('order.commands');
    const { sender } = await serve('order');
    expect(await sender.send(message, save)).toBe('saved');
    await world.reaches(transactionOne, 'delivered');
    expect([count('orders'), count('mails'), asked, faults]).toEqual([1, 1, [], []]);
  });

  test('is discarded when its transaction does not commit, and nothing of that is kept', async () => {
    await serve('mail');
    const { sender } = await serve('order');
    const sent = sender.send(message, async (tx) => {
      await save(tx);
      throw new RangeError('no such customer');
    });
    await expect(sent).rejects.toThrow('no such customer');
    await world.reaches(transactionOne, 'discarded', 1_000);
    expect([count('orders'), count('mails')]).toEqual([0, 0]);
  });

  test('S74: is delivered though its sender died between the commit and the submission', async () => {
    await serve('mail');
    const first = await serve('order', { after: () => first.die() });
    void first.sender.send(message, save);
    await world.rig.until(() => count('orders') === 1);
    await world.rig.settle();
    expect(world.row(transactionOne)?.status).toBe('prepared');
    await serve('order');
    await world.reaches(transactionOne, 'delivered', 1_000);
    expect(count('mails')).toBe(1);
  });

  test('S74: is discarded though its sender died before the commit', async () => {
    await serve('mail');
    const first = await serve('order', { before: () => first.die() });
    void first.sender.send(message, save);
    await world.reaches(transactionOne, 'prepared');
    await serve('order');
    await world.reaches(transactionOne, 'discarded', 1_000);
    expect([count('orders'), count('mails')]).toEqual([0, 0]);
  });

  test('S75: whose transaction is open for long is neither delivered nor discarded', async () => {
    await serve('mail');
    const { sender } = await serve('order');
    const { work, isOpen, letGo } = openTransaction();
    const sent = sender.send(message, work);
    await isOpen;
    const asked = await world.rig.listen('orchestrator.inbox');
    await world.rig.until(() => asked.some(({ type }) => type === 'order.is-saved.in-progress'), 1_000);
    await world.rig.clock.advanceAsync(4 * checkBackAfterMs);
    expect([world.row(transactionOne)?.status, count('mails')]).toEqual(['prepared', 0]);
    letGo();
    expect(await sent).toBe('saved');
    await world.reaches(transactionOne, 'delivered');
    expect(count('mails')).toBe(1);
  });

  test('S76: that was asked about before its transaction began can not commit any more', async () => {
    await serve('mail');
    const { sender } = await serve('order');
    await world.begin(transactionOne, 'tell-mail', message.input);
    await world.reaches(transactionOne, 'discarded', 1_000);
    const sent = sender.send(message, save);
    await expect(sent).rejects.toMatchObject({ code: 'MESSAGE_DISCARDED', retryable: false });
    expect([count('orders'), count('mails')]).toEqual([0, 0]);
  });

  test('S76: is asked about while it begins: one of the two gives way', async () => {
    const { sender, database } = await serve('order');
    const barrier = new MemoryBarrier();
    const branch = { transactionId: transactionOne, branchId: 'save-order' };
    const held = database.transaction(async (tx) => {
      await barrier.hold(tx, branch);
      await expect(sender.send(message, save)).rejects.toMatchObject({
        code: 'BARRIER_CONFLICT',
        retryable: true,
      });
    });
    await held;
    expect(await sender.send(message, save)).toBe('saved');
  });

  test('is sent once under its id: a repeat keeps nothing, another id is another message', async () => {
    await serve('mail');
    const { sender } = await serve('order');
    await sender.send(message, save);
    await expect(sender.send(message, save)).rejects.toBeInstanceOf(Fault);
    await sender.send({ ...message, transactionId: transactionTwo }, save);
    await world.reaches(transactionTwo, 'delivered');
    await world.reaches(transactionOne, 'delivered');
    expect(count('mails')).toBe(2);
  });
});
