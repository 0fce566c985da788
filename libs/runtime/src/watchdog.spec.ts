/**
 * Goal: every moving transaction has exactly one of an owner with an outstanding command, a timer, or a person it waits for;
 * whatever has none is found, and repaired or reported.
 * Method: a real coordinator over the memory ports; a journal that hides a transaction at the takeover makes it forget, and a
 * protocol of our own makes one that waits for nothing.
 */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { attentionOf, saga, sagaProtocol, succeeded, type Protocol } from '@sagamore/engine';
import { MemoryJournal, MemoryOutbox } from '@sagamore/memory';
import { answerTo, host, startOf, statusOf } from '../../../test/support/coordinator.js';
import { RuntimeRig, transactionOne, transactionTwo, trusted } from '../../../test/support/runtime.js';
import { LiveTransactions } from './live-transactions.js';
import type { CommandData, Message } from './message.js';
import { operation } from './operation.js';
import type { StoredTransaction } from './ports.js';
import { Watchdog, type Stray } from './watchdog.js';

const reserve = operation('stock.reserve', {
  input: trusted<object>(),
  output: trusted<unknown>(),
  undo: 'release',
});
const order = sagaProtocol(
  saga<object>('order', { version: 1 })
    .step('reserve', reserve, ({ input }) => input, { timeoutMs: 60_000 })
    .define(),
);

let rig: RuntimeRig;
let strays: Stray[];

beforeEach(() => {
  rig = new RuntimeRig();
  strays = [];
});

const hooks = { onStray: (stray: Stray) => void strays.push(stray) };

/** Hides everything from the first look at a shard's moving transactions, which is that of the takeover. */
class ForgetfulJournal extends MemoryJournal {
  private looks = 0;

  override live(...look: Parameters<MemoryJournal['live']>): Promise<readonly StoredTransaction[]> {
    return this.looks++ === 0 ? Promise.resolve([]) : super.live(...look);
  }
}

function forgetful(): MemoryJournal {
  const { database } = rig.process();
  return new ForgetfulJournal(database, new MemoryOutbox(database));
}

async function begin(transactionId: string, definition: string): Promise<void> {
  await rig.process().bus.send([startOf(transactionId, definition)]);
  await rig.until(() => statusOf(rig, transactionId) !== undefined);
}

describe('what nobody had in hand', () => {
  test('a forgotten transaction is found in the store, its command is sent again, and it goes on', async () => {
    const asked = (await rig.listen('stock.commands')) as Message<CommandData>[];
    const first = await host(rig, { protocols: [order] });
    await begin(transactionOne, 'order');
    await rig.until(() => asked.length === 1);
    first.die();
    const second = await host(rig, {
      protocols: [order],
      owner: 'b',
      hooks,
      watchMs: 1e3,
      ports: { journal: forgetful() },
    });
    expect(second.coordinator.holding.transactions).toBe(0);

    await rig.until(() => strays.length > 0, 100);
    expect(strays).toMatchObject([
      { transactionId: transactionOne, definition: 'order', finding: 'forgotten', isRepaired: true },
    ]);
    await rig.until(() => asked.length === 2, 100);
    await rig.process().bus.send([answerTo(asked[1]!, succeeded({}))]);
    await rig.until(() => statusOf(rig, transactionOne) === 'completed', 100);
    expect(second.coordinator.strays).toHaveLength(1);
  });

  test('one whose state waits for nothing is reported once, for only a person can help', async () => {
    const stuck: Protocol = { ...order, name: 'stuck', outstanding: () => [], dueAt: () => undefined };
    await host(rig, { protocols: [stuck], hooks, watchMs: 1_000 });
    await begin(transactionOne, 'stuck');
    await rig.until(() => strays.length > 0, 100);
    await rig.clock.advanceAsync(5_000);
    expect(strays).toMatchObject([
      { transactionId: transactionOne, finding: 'unattended', isRepaired: false },
    ]);
  });

  test('one whose instant nobody remembers is armed again', async () => {
    const journal = forgetful();
    const live = new LiveTransactions();
    const record = { transactionId: transactionOne, definition: 'order', version: 1, shard: 0 };
    const start = { transactionId: transactionOne, input: {}, at: rig.clock.now() };
    const { state } = order.begin(start);
    live.set({
      record: { ...record, input: {}, startedAt: start.at },
      protocol: order,
      state,
      seq: 0,
    });
    journal.live = () =>
      Promise.resolve([
        {
          ...record,
          input: {},
          startedAt: 0,
          status: 'executing',
          phase: 'moving',
          updatedAt: 0,
          events: [],
        },
      ]);
    const watchdog = new Watchdog(
      { journal, clock: rig.clock },
      { held: [0], stillHolds: async () => true },
      live,
      {
        pauseMs: 0,
        pageMax: 10,
        resume: () => Promise.reject(new Error('it was not forgotten')),
        ...hooks,
      },
    );
    await watchdog.look();
    await watchdog.look();
    expect(strays).toMatchObject([{ finding: 'unarmed', isRepaired: true }]);
    expect(live.waiting).toBe(1);
  });
});

test('a healthy owner is looked after page by page and nothing is found', async () => {
  const asked = (await rig.listen('stock.commands')) as Message<CommandData>[];
  await host(rig, { protocols: [order], hooks, watchMs: 100 });
  for (const id of [transactionOne, transactionTwo]) await begin(id, 'order');
  await rig.clock.advanceAsync(5_000);
  await rig.process().bus.send(asked.map((each) => answerTo(each, succeeded({}))));
  await rig.until(() => statusOf(rig, transactionTwo) === 'completed', 100);
  expect(strays).toEqual([]);
});

test('what another has taken meanwhile is not given back to who held it', async () => {
  const first = await host(rig, { protocols: [order] });
  await begin(transactionOne, 'order');
  first.die();
  const resumed: string[] = [];
  const journal = new ForgetfulJournal(rig.process().database, new MemoryOutbox(rig.process().database));
  const watchdog = new Watchdog(
    { journal, clock: rig.clock },
    { held: [0], stillHolds: async () => false },
    new LiveTransactions(),
    {
      pauseMs: 0,
      pageMax: 10,
      ...hooks,
      resume: async (page) => void resumed.push(...page.map(({ transactionId }) => transactionId)),
    },
  );
  await watchdog.look();
  await watchdog.look();
  expect([resumed, strays]).toEqual([[], []]);
});

test('a person, an instant, an answer: a moving transaction has exactly one of them', () => {
  const waits = sagaProtocol(
    saga<object>('waits', { version: 1 })
      .step('reserve', reserve, ({ input }) => input, { timeoutMs: 1_000 })
      .define(),
  );
  const start = { transactionId: transactionOne, input: {}, at: 0 };
  const { state } = waits.begin(start);
  const person = { at: 1, actor: 'ada', reason: 'look' };
  const paused = waits.transition(state, { type: 'operator-paused', ...person }).state;
  const ended = waits.transition(state, { type: 'terminate-requested', ...person }).state;
  const standings = [state, paused, ended].map((each) => attentionOf(waits, each));
  expect(standings).toEqual(['command', 'person', undefined]);
});
