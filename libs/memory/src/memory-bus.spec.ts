/**
 * Goal: what the simulator and `npm start` lean on beyond the common contract: pauses, crashes, late subscribers.
 * Method: a manual clock, and rounds of delivery that run when the test says so.
 */
import { describe, expect, test } from '@jest/globals';
import type { Delivery, Message, Subscription } from '@sagamore/runtime';
import { ManualClock } from './manual-clock.js';
import { MemoryBroker, MemoryBus } from './memory-bus.js';

const topic = 'order.events';
const message = (id: string, key = 'k'): Message => {
  return { id, key, topic, type: 'order.placed', source: 'order', occurredAt: 1, data: null };
};

/** A broker with its clients, whose rounds of delivery wait for `settle`. */
function stage() {
  const clock = new ManualClock();
  const broker = new MemoryBroker();
  const rounds: (() => void)[] = [];
  const open = () =>
    new MemoryBus({ clock, broker, retryPauseMs: 100, defer: (round) => rounds.push(round) });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 100; turn++) {
      await new Promise(setImmediate);
      if (rounds.length === 0) return;
      for (const round of rounds.splice(0)) round();
    }
    throw new Error('the bus does not come to rest');
  };
  return { clock, bus: open(), open, rounds, settle };
}

/** A subscriber that writes down the ids it was handed, a line a batch. */
function reader(group: string, react: () => Promise<void> = async () => undefined) {
  const batches: string[] = [];
  const handle = (batch: readonly Delivery[]): Promise<void> => {
    batches.push(batch.map((delivery) => delivery.message.id).join(' '));
    return react();
  };
  const subscription: Subscription = { topic, group, handle };
  return { batches, subscription };
}

describe('delivery', () => {
  test('what is sent before a round begins is one batch, the messages themselves and not copies', async () => {
    const { bus, settle } = stage();
    const seen: Delivery[] = [];
    await bus.subscribe({ topic, group: 'g', handle: async (batch) => void seen.push(...batch) });
    const [first, second] = [message('a'), message('b')];
    await bus.send([first]);
    await bus.send([second]);
    await settle();
    expect(seen.map((delivery) => delivery.message === first || delivery.message === second)).toEqual([
      true,
      true,
    ]);
    expect(seen.map((delivery) => delivery.origin.offset)).toEqual(['0', '1']);
  });

  test('an idle bus plans no round', async () => {
    const { bus, rounds, settle } = stage();
    const { subscription, batches } = reader('g');
    await bus.subscribe(subscription);
    await bus.send([message('a')]);
    await settle();
    expect(batches).toEqual(['a']);
    expect(rounds).toEqual([]);
  });

  test('a rejected batch comes again after the pause, not before, with what has gathered behind it', async () => {
    const { bus, clock, settle } = stage();
    let failures = 1;
    const { subscription, batches } = reader('g', async () => {
      if (failures-- > 0) throw new Error('the database is away');
    });
    await bus.subscribe(subscription);
    await bus.send([message('a'), message('b')]);
    await settle();
    await bus.send([message('c')]);
    clock.advance(99);
    await settle();
    expect(batches).toEqual(['a b']);
    clock.advance(1);
    await settle();
    expect(batches).toEqual(['a b', 'a b c']);
  });

  test('a handler that is told of its partitions in vain is told again, and gets nothing until it has taken them', async () => {
    const { bus, clock, settle } = stage();
    let failures = 1;
    const { subscription, batches } = reader('g');
    const onAssigned = async (): Promise<void> => {
      if (failures-- > 0) throw new Error('the database is away');
    };
    await bus.subscribe({ ...subscription, onAssigned });
    await bus.send([message('a')]);
    await settle();
    expect(batches).toEqual([]);
    clock.advance(100);
    await settle();
    expect(batches).toEqual(['a']);
  });
});

describe('a process that crashes', () => {
  test('hands what it had in hand to the others of its group, in order, and its late success counts for nothing', async () => {
    const { bus: dying, open, settle } = stage();
    const living = open();
    const stuck = Promise.withResolvers<void>();
    const before = reader('g', () => stuck.promise);
    const after = reader('g');
    await dying.subscribe(before.subscription);
    await dying.send([message('a'), message('b')]);
    await settle();
    await living.subscribe(after.subscription);
    await living.send([message('c')]);
    await settle();
    expect(after.batches).toEqual([]);
    dying.crash();
    stuck.resolve();
    await settle();
    expect(before.batches).toEqual(['a b']);
    expect(after.batches).toEqual(['a b c']);
  });

  test('a partition that moves while its messages are in hand waits for the former owner', async () => {
    const { bus, open, settle } = stage();
    await bus.ensureTopics([{ topic, partitions: 2 }]);
    const slow = Promise.withResolvers<void>();
    const first = reader('g', () => slow.promise);
    const second = reader('g');
    await bus.subscribe(first.subscription);
    await bus.send([{ ...message('a'), partition: 1 }]);
    await settle();
    await open().subscribe(second.subscription);
    await bus.send([{ ...message('b'), partition: 1 }]);
    await settle();
    expect(second.batches).toEqual([]);
    slow.resolve();
    await settle();
    expect(first.batches).toEqual(['a']);
    expect(second.batches).toEqual(['b']);
  });
});

describe('a topic', () => {
  test('keeps messages until its first group from the earliest has come, and passes over readers of the latest', async () => {
    const { bus, settle } = stage();
    const [wakeUp, late] = [reader('sse'), reader('g')];
    await bus.send([message('a')]);
    await bus.subscribe({ ...wakeUp.subscription, from: 'latest' });
    await bus.send([message('b')]);
    await bus.subscribe(late.subscription);
    await settle();
    expect(wakeUp.batches).toEqual(['b']);
    expect(late.batches).toEqual(['a b']);
  });

  test('that nobody reads keeps the youngest 10 000 messages and never stops its senders', async () => {
    const { bus, settle } = stage();
    let count = 0;
    let first: string | undefined;
    await bus.send(Array.from({ length: 25_000 }, (_, at) => message(String(at))));
    const handle = async (batch: readonly Delivery[]): Promise<void> => {
      first ??= batch[0]?.message.id;
      count += batch.length;
    };
    await bus.subscribe({ topic, group: 'g', handle });
    await settle();
    expect(count).toBeGreaterThanOrEqual(10_000);
    expect(count).toBeLessThan(20_000);
    expect(Number(first)).toBe(25_000 - count);
  });

  test('that is ensured after the first message gets its partitions then, and keeps order within each key', async () => {
    const { bus, settle } = stage();
    const ids: string[] = [];
    await bus.send([message('a', 'k1'), message('b', 'k2'), message('c', 'k1')]);
    await bus.ensureTopics([{ topic, partitions: 8 }]);
    const partitions = new Set<number>();
    const handle = async (batch: readonly Delivery[]): Promise<void> => {
      ids.push(...batch.map((delivery) => delivery.message.id));
      for (const delivery of batch) partitions.add(delivery.origin.partition);
    };
    await bus.subscribe({ topic, group: 'g', handle });
    await settle();
    expect(ids.filter((id) => id !== 'b')).toEqual(['a', 'c']);
    expect(partitions.size).toBe(2);
  });

  test('forgets a group of the latest once its last member has left', async () => {
    const { bus, settle } = stage();
    const [once, again] = [reader('sse'), reader('sse')];
    const subscription = await bus.subscribe({ ...once.subscription, from: 'latest' });
    await subscription.stop();
    expect(subscription.healthy()).toBe(false);
    await bus.send([message('a')]);
    await bus.subscribe({ ...again.subscription, from: 'latest' });
    await bus.send([message('b')]);
    await settle();
    expect(once.batches).toEqual([]);
    expect(again.batches).toEqual(['b']);
  });
});
