/**
 * Goal: what only waits costs no memory, and goes on at its instant, once, whoever owns it by then.
 * Method: coordinators over the journal and the bus in memory, a clock moved by hand over months at one stroke.
 */
import { saga, sagaProtocol, succeeded } from '@sagamore/engine';
import { commitUnknown, MemoryJournal, MemoryOutbox, type CommitHooks } from '@sagamore/memory';
import { seededRandom, uuidv7 } from '@sagamore/primitives';
import { RuntimeRig, transactionOne, trusted } from '../../../test/support/runtime.js';
import { Coordinator } from './coordinator.js';
import type { CoordinatorOptions } from './coordinator-options.js';
import { Definitions } from './definitions.js';
import { startType } from './inbox.js';
import { inboxTopic, type CommandData, type Message } from './message.js';
import { operation } from './operation.js';
import { OutboxRelay } from './outbox-relay.js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const monthMs = 30 * 86_400_000;
const hourMs = 3_600_000;
const bill = operation('stock.bill', {
  input: trusted<unknown>(),
  output: trusted<unknown>(),
  undo: 'pay-back',
});

const renewal = saga<unknown>('renewal', { version: 1 })
  .wait('a-month', monthMs)
  .step('bill', bill, () => ({}))
  .define();

/** Its attempts are an hour apart or more. */
const patient = saga<unknown>('patient', { version: 1 })
  .step('bill', bill, () => ({}), {
    timeoutMs: 1_000,
    retry: { attemptsMax: 3, baseMs: 100 * hourMs, maxMs: 100 * hourMs },
  })
  .define();

let rig: RuntimeRig;
let commands: Message<CommandData>[];
const running: Coordinator[] = [];

beforeEach(async () => {
  rig = new RuntimeRig();
  await rig.process().bus.ensureTopics([{ topic: inboxTopic, partitions: 2 }]);
  commands = (await rig.listen('stock.commands')) as Message<CommandData>[];
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
});

async function own(owner: string, given: Partial<CoordinatorOptions> = {}, onCommit?: CommitHooks) {
  const { database, bus, clock } = rig.process(onCommit);
  const outbox = new MemoryOutbox(database);
  const journal = new MemoryJournal(database, outbox);
  const relay = new OutboxRelay(outbox, bus, clock, { owner });
  const coordinator = new Coordinator(
    { journal, relay, bus, clock, random: seededRandom(1) },
    {
      owner,
      definitions: new Definitions([sagaProtocol(renewal), sagaProtocol(patient)]),
      shardCount: 2,
      ...given,
    },
  );
  await coordinator.start();
  await rig.until(() => coordinator.holding.shards.length > 0);
  running.push(coordinator);
  const die = () => {
    running.splice(running.indexOf(coordinator), 1);
    database.crash();
    bus.crash();
  };
  return { coordinator, die };
}

async function begin(definition: string, ids: readonly string[], stepMs = 0): Promise<void> {
  const starts = ids.map((transactionId) => ({
    id: `${transactionId}/start`,
    type: startType,
    source: 'test',
    topic: inboxTopic,
    key: transactionId,
    partition: 0,
    occurredAt: 0,
    data: { transactionId, definition, input: {} },
  }));
  await rig.process().bus.send(starts);
  await rig.until(() => ids.every((id) => rowOf(id) !== undefined), stepMs);
  await rig.settle();
}

function rowOf(id: string): { readonly dueAt?: number; readonly status: string } | undefined {
  return rig.store
    .committed<{ readonly dueAt?: number; readonly status: string }>('transaction')
    .find(([key]) => key === id)?.[1];
}

/** Time passes while nobody does anything, then a few ticks are made. */
async function leap(ms: number): Promise<void> {
  rig.clock.advance(ms);
  for (let ticks = 0; ticks < 4; ticks++) await rig.clock.advanceAsync(25);
}

const asked = () => commands.map(({ data }) => `${data.operation} ${data.attempt}`);

describe('a transaction that waits for long', () => {
  test('R15: leaves memory with its due time in its row, and goes on at its instant, not before', async () => {
    const { coordinator } = await own('a');
    const from = rig.clock.now();
    await begin('renewal', [transactionOne]);
    expect(coordinator.holding.transactions).toBe(0);
    expect(rowOf(transactionOne)).toMatchObject({ status: 'executing', dueAt: from + monthMs });
    await leap(monthMs - 3_000);
    expect(coordinator.holding.transactions).toBe(1);
    expect(asked()).toEqual([]);
    await leap(3_000);
    expect(asked()).toEqual(['action 1']);
    expect(rowOf(transactionOne)?.dueAt).toBeUndefined();
  });

  test('R15: a takeover does not load it, and the new owner takes it up when it is due', async () => {
    const first = await own('a');
    await begin('renewal', [transactionOne]);
    first.die();
    await rig.clock.advanceAsync(20_000);
    const second = await own('b');
    await leap(2_000);
    expect(second.coordinator.holding.transactions).toBe(0);
    await leap(monthMs);
    expect(asked()).toEqual(['action 1']);
  });

  test('R15: one that was brought back and not yet served when its owner died is brought back by the next', async () => {
    const first = await own('a');
    await begin('renewal', [transactionOne]);
    await leap(monthMs - 4_000);
    expect(first.coordinator.holding.transactions).toBe(1);
    first.die();
    await rig.clock.advanceAsync(20_000);
    await own('b');
    await leap(1_000);
    expect(asked()).toEqual(['action 1']);
  });

  test.each(['before', 'after'] as const)(
    'R12: when the fate of the commit that let it go is unknown (%s it), it goes on at its instant, once',
    async (moment) => {
      let isBroken = false;
      const breakOnce = () => {
        if (!isBroken) return;
        isBroken = false;
        throw commitUnknown();
      };
      const { coordinator } = await own('a', {}, { [moment]: breakOnce });
      isBroken = true;
      // A batch that failed comes again after a pause.
      await begin('renewal', [transactionOne], 25);
      await leap(5_000);
      expect(isBroken).toBe(false);
      expect(coordinator.holding.transactions).toBe(0);
      await leap(monthMs);
      expect(asked()).toEqual(['action 1']);
    },
  );

  test('R15: of many that fall due together no more come back in a second than were allowed', async () => {
    const { coordinator } = await own('a', { wakesPerSecond: 10 });
    const ids = Array.from({ length: 60 }, () => uuidv7(rig.clock.now()));
    await begin('renewal', ids);
    rig.clock.advance(2 * monthMs);
    await rig.clock.advanceAsync(50);
    const counts = [commands.length];
    for (let second = 0; second < 6; second++) {
      await rig.clock.advanceAsync(1_000);
      counts.push(commands.length);
    }
    const perSecond = counts.slice(1).map((count, at) => count - counts[at]!);
    expect(Math.max(...perSecond)).toBeLessThanOrEqual(10);
    expect(coordinator.holding.transactions).toBe(commands.length);
    expect(new Set(commands.map(({ key }) => key))).toEqual(new Set(ids));
  });

  test('S81: a back-off of days is kept over a restart, with its attempt and its instant', async () => {
    const first = await own('a');
    await begin('patient', [transactionOne]);
    await leap(1_100);
    const due = rowOf(transactionOne)?.dueAt;
    expect(due).toBeGreaterThan(rig.clock.now() + 60_000);
    first.die();
    await rig.clock.advanceAsync(20_000);
    const { coordinator } = await own('b');
    await leap(due! - rig.clock.now() - 1_000);
    expect(asked()).toEqual(['action 1']);
    await leap(1_000);
    expect(asked()).toEqual(['action 1', 'action 2']);
    expect(coordinator.holding.transactions).toBe(1);
  });

  test('S16: a late answer brings it back at once', async () => {
    const { coordinator } = await own('a');
    await begin('patient', [transactionOne]);
    await leap(1_100);
    expect(coordinator.holding.transactions).toBe(0);
    const { id, key, data } = commands[0]!;
    const { branchId, operation: half, generation, attempt } = data;
    await rig.process().bus.send([
      {
        id: `${id}/succeeded`,
        type: 'reply',
        source: 'test',
        topic: inboxTopic,
        key,
        partition: 0,
        occurredAt: 0,
        data: {
          transactionId: key,
          branchId,
          operation: half,
          generation,
          attempt,
          reply: succeeded({}),
        },
      },
    ]);
    await rig.until(() => rowOf(transactionOne)?.status === 'completed');
    expect(rowOf(transactionOne)?.dueAt).toBeUndefined();
  });

  test('what waits no longer than the limit stays in memory, and its row is not written for it', async () => {
    const { coordinator } = await own('a', { evictAfterMs: 2 * monthMs });
    await begin('renewal', [transactionOne]);
    expect(coordinator.holding.transactions).toBe(1);
    expect(rowOf(transactionOne)?.dueAt).toBeUndefined();
  });

  test('a limit that is shorter than the sweeps look ahead is refused', async () => {
    await expect(own('a', { evictAfterMs: 9_999 })).rejects.toThrow('evictAfterMs');
  });
});
