/**
 * Goal: whoever pauses a consumer in one process has paused it in all of them, until somebody resumes it, whatever restarts.
 * Method: processes over one store, one broker and one clock in memory; the clock is moved by hand.
 */
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  ManualClock,
  MemoryBroker,
  MemoryBus,
  MemoryConsumerPauses,
  MemoryDatabase,
  MemoryStore,
} from '@sagamore/memory';
import type { ConsumerName, ConsumerPause, ConsumerPauses } from './consumer-pauses.js';
import { Consumers } from './consumers.js';
import type { Message } from './message.js';
import type { Delivery } from './ports.js';

const stock = { topic: 'stock.commands', group: 'stock' };
const ada = { actor: 'ada', reason: 'the database is being moved' };
const ben = { actor: 'ben', reason: 'it has moved' };
const lookMs = 1_000;

let clock: ManualClock;
let broker: MemoryBroker;
let store: MemoryStore;
let isAway: boolean;

beforeEach(() => {
  clock = new ManualClock();
  broker = new MemoryBroker();
  store = new MemoryStore();
  isAway = false;
});

/** A store that is away when the test says so. */
class FrailPauses extends MemoryConsumerPauses {
  override async standing(): ReturnType<ConsumerPauses['standing']> {
    if (isAway) throw new Error('the database is away');
    return super.standing();
  }
}

/** A process of the service that looks at its pauses and has not subscribed to anything yet. */
async function startProcess() {
  const pauses = new FrailPauses(new MemoryDatabase({ clock, store }));
  const faults: unknown[] = [];
  const turns: [ConsumerName, ConsumerPause | undefined][] = [];
  const consumers = new Consumers(
    { pauses, clock },
    { onFault: (error) => faults.push(error), onTurn: (...turn) => turns.push(turn) },
  );
  await consumers.start();
  const inner = new MemoryBus({ clock, broker });
  const bus = consumers.over(inner);
  const got: string[] = [];
  const handle = async (batch: readonly Delivery[]) => {
    got.push(...batch.map(({ message: { id } }) => id));
  };
  const join = ({ topic, group }: ConsumerName = stock) => bus.subscribe({ topic, group, handle });
  return { consumers, bus, inner, got, join, faults, turns };
}

const message = (id: string): Message => {
  return { id, key: id, topic: stock.topic, type: 'stock.hold', source: 'test', occurredAt: 1, data: null };
};

/** Lets what is due happen, and everything that follows from it. */
async function pass(ms = 0): Promise<void> {
  await clock.advanceAsync(ms);
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
}

describe('a consumer that is paused', () => {
  test('is handed nothing from then on, here at once and in the other processes with their next look', async () => {
    const [one, two] = [await startProcess(), await startProcess()];
    await Promise.all([one.join(), two.join()]);
    const pause = await one.consumers.pause({ ...stock, ...ada });
    expect(pause).toMatchObject({ ...stock, ...ada });
    expect(one.consumers.find(stock)).toMatchObject({ status: 'paused', pause });
    expect(two.consumers.find(stock)).toMatchObject({ status: 'running' });
    await pass(lookMs);
    expect(two.consumers.find(stock)).toMatchObject({ status: 'paused', pause });
    await one.bus.send([message('a'), message('b')]);
    await pass();
    expect([...one.got, ...two.got]).toEqual([]);

    await two.consumers.resume({ ...stock, ...ben });
    await pass(lookMs);
    expect([...one.got, ...two.got].toSorted()).toEqual(['a', 'b']);
    const turns = [
      [stock, pause],
      [stock, undefined],
    ];
    expect([one.turns, two.turns]).toEqual([turns, turns]);
  });

  test('is paused after a restart, from its first moment, until it is resumed', async () => {
    const before = await startProcess();
    await before.join();
    await before.consumers.pause({ ...stock, ...ada });
    await before.consumers.stop();
    await before.inner.stop();
    const after = await startProcess();
    await after.bus.send([message('a')]);
    const active = await after.join();
    await pass();
    expect([after.got, active.isPaused(), active.healthy(), active.lag?.()]).toEqual([[], true, true, 1]);
    await after.consumers.resume({ ...stock, ...ben });
    await pass();
    expect(after.got).toEqual(['a']);
  });

  test('stays as it was first paused when somebody pauses it again; resumed twice, it runs', async () => {
    const { consumers, join } = await startProcess();
    await join();
    const first = await consumers.pause({ ...stock, ...ada });
    expect(await consumers.pause({ ...stock, ...ben })).toEqual(first);
    expect(await consumers.resume({ ...stock, ...ben })).toEqual(first);
    expect(await consumers.resume({ ...stock, ...ben })).toBeUndefined();
    expect(consumers.find(stock)).toEqual({
      ...stock,
      status: 'running',
      member: { isHealthy: true, lag: 0 },
    });
  });

  test('is one topic for one group: another topic, and another group of the topic, go on', async () => {
    const process = await startProcess();
    const others = [
      { topic: 'stock.commands', group: 'letters' },
      { topic: 'stock.events', group: 'stock' },
    ];
    await process.join();
    for (const other of others) await process.join(other);
    await process.consumers.pause({ ...stock, ...ada });
    expect(process.consumers.list().map(({ topic, group, status }) => [topic, group, status])).toEqual([
      ['stock.commands', 'letters', 'running'],
      ['stock.commands', 'stock', 'paused'],
      ['stock.events', 'stock', 'running'],
    ]);
  });

  test('that nobody reads any more is still listed, so that it can be resumed', async () => {
    const process = await startProcess();
    const gone = { topic: 'stock.events', group: 'an-older-version' };
    await process.consumers.pause({ ...gone, ...ada });
    expect(process.consumers.list()).toMatchObject([{ ...gone, status: 'paused', pause: ada }]);
    await process.consumers.resume({ ...gone, ...ben });
    expect(process.consumers.list()).toEqual([]);
    expect(process.consumers.find(gone)).toBeUndefined();
  });

  test('stays paused for an operator when its own service lets it go, and for its service when an operator does', async () => {
    const { consumers, join } = await startProcess();
    const active = await join();
    await active.pause();
    await consumers.pause({ ...stock, ...ada });
    active.resume();
    expect(active.isPaused()).toBe(true);
    await active.pause();
    await consumers.resume({ ...stock, ...ben });
    expect(active.isPaused()).toBe(true);
    active.resume();
    expect(active.isPaused()).toBe(false);
  });
});

describe('while the store is away', () => {
  test('what was known last holds, it is told once, and the next look after it counts', async () => {
    const [one, two] = [await startProcess(), await startProcess()];
    const actives = [await one.join(), await two.join()];
    await one.consumers.pause({ ...stock, ...ada });
    await pass(lookMs);
    isAway = true;
    await pass(5 * lookMs);
    expect(actives.map((active) => active.isPaused())).toEqual([true, true]);
    expect(two.faults).toHaveLength(1);
    await one.consumers.resume({ ...stock, ...ben });
    await pass(5 * lookMs);
    expect(actives.map((active) => active.isPaused())).toEqual([false, true]);
    isAway = false;
    await pass(lookMs);
    expect(actives.map((active) => active.isPaused())).toEqual([false, false]);
    isAway = true;
    await pass(lookMs);
    expect(two.faults).toHaveLength(2);
  });

  test('a process that does not know what is paused does not start', async () => {
    isAway = true;
    await expect(startProcess()).rejects.toThrow('the database is away');
  });
});

test('a process that has stopped looks no more', async () => {
  const { consumers } = await startProcess();
  expect(clock.pending).toBe(1);
  await consumers.stop();
  expect(clock.pending).toBe(0);
});
