/**
 * Goal: whoever waits for an order's end learns of it at once or within the polling floor, and a crowd costs one query.
 * Method: a manual clock and the in-process bus; time passes only when the test says so.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock, MemoryBus } from '@sagamore/memory';
import { Fault } from '@sagamore/resilience';
import { firstValueFrom, toArray } from 'rxjs';
import type { Order } from './order.js';
import { OrderStreams } from './order.streams.js';
import { OrderWakeups } from './order.wakeups.js';

const orderId = '01900000-0000-7000-8000-000000000001';
const order: Order = {
  orderId,
  customerId: 'ada',
  status: 'PENDING',
  reason: null,
  protocol: 'saga',
  lines: [],
  currency: 'EUR',
  totalMinor: 1,
  version: 1,
  createdAt: 0,
  updatedAt: 0,
};

let clock: ManualClock;
let bus: MemoryBus;
let wakeups: OrderWakeups;
let finals: Set<string>;
let polls: (readonly string[])[];

beforeEach(async () => {
  clock = new ManualClock();
  bus = new MemoryBus({ clock });
  finals = new Set();
  polls = [];
  const find = async (asked: readonly string[]) => {
    polls.push(asked);
    return asked.filter((id) => finals.has(id));
  };
  wakeups = new OrderWakeups({ bus, clock, finals: find }, { instance: 'one' });
  await bus.start();
  await bus.ensureTopics([{ topic: 'order.events', partitions: 1 }]);
});

afterEach(async () => {
  await wakeups.stop();
  await bus.stop();
});

describe('waiting for an order', () => {
  test('R30: a wake-up of this process ends the wait', async () => {
    const waited = wakeups.wait(orderId, 10_000);
    wakeups.wake([orderId]);
    expect(await waited).toBe(true);
    expect(wakeups.size).toBe(0);
  });

  test('R30: an event of another instance ends the wait', async () => {
    await wakeups.start();
    const waited = wakeups.wait(orderId, 10_000);
    await bus.send([
      {
        id: 'e',
        type: 'order.confirmed',
        source: 'order',
        topic: 'order.events',
        key: orderId,
        occurredAt: 0,
        data: { orderId, status: 'CONFIRMED', version: 2 },
      },
    ]);
    expect(await waited).toBe(true);
    expect(polls).toEqual([]);
  });

  test('R30: a lost wake-up costs the polling floor, with one query for all', async () => {
    const waits = ['a', 'b', orderId].map((id) => wakeups.wait(id, 10_000));
    finals.add('a').add(orderId);
    await clock.advanceAsync(1_000);
    expect(await waits[0]).toBe(true);
    expect(await waits[2]).toBe(true);
    expect(polls).toEqual([['a', 'b', orderId]]);
    await clock.advanceAsync(1_000);
    expect(polls[1]).toEqual(['b']);
  });

  test('R30: nobody waits, nobody asks', async () => {
    void wakeups.wait(orderId, 500);
    await clock.advanceAsync(60_000);
    expect(polls).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test('the wait is over after its time, and again when the process stops', async () => {
    const short = wakeups.wait(orderId, 500);
    const long = wakeups.wait('b', 60_000);
    clock.advance(500);
    expect(await short).toBe(false);
    await wakeups.stop();
    expect(await long).toBe(false);
  });

  test('a crowd larger than one poll is asked for in turns', async () => {
    for (let index = 0; index < 1_500; index++) wakeups.onFinal(`order-${index}`, () => {});
    await clock.advanceAsync(2_000);
    expect(polls.map((asked) => asked.length)).toEqual([1_000, 1_000]);
    expect(new Set(polls.flat()).size).toBe(1_500);
  });
});

describe('a stream of an order', () => {
  const ended: Order = { ...order, status: 'CONFIRMED', version: 2 };
  const streams = (options = {}) => new OrderStreams({ wakeups, clock, find: async () => ended }, options);

  test('tells where the order stands, then its end, and ends', async () => {
    const events = firstValueFrom(streams().watch(order, 0).pipe(toArray()));
    wakeups.wake([orderId]);
    expect((await events).map(({ id, type }) => [type, id])).toEqual([
      ['order', '1'],
      ['order', '2'],
    ]);
    expect(clock.pending).toBeLessThanOrEqual(1);
  });

  test('resumes after the last version seen', async () => {
    const events = firstValueFrom(streams().watch(order, 1).pipe(toArray()));
    wakeups.wake([orderId]);
    expect((await events).map(({ id }) => id)).toEqual(['2']);
  });

  test('of a final order tells it once and ends', async () => {
    expect(await firstValueFrom(streams().watch(ended, 0).pipe(toArray()))).toHaveLength(1);
    expect(await firstValueFrom(streams().watch(ended, 2).pipe(toArray()))).toHaveLength(0);
  });

  test('beats while nothing happens, and lets everything go with its subscriber', async () => {
    const comments: unknown[] = [];
    const subscription = streams()
      .watch(order, 1)
      .subscribe(({ comment }) => comments.push(comment));
    await clock.advanceAsync(45_000);
    expect(comments).toEqual(['heartbeat', 'heartbeat', 'heartbeat']);
    subscription.unsubscribe();
    expect(wakeups.size).toBe(0);
    await clock.advanceAsync(1_000);
    expect(clock.pending).toBe(0);
  });

  test('B71: there is a bound, and a place again when one ends', () => {
    const bounded = streams({ max: 1 });
    const subscription = bounded.watch(order, 0).subscribe();
    expect(bounded.isFull).toBe(true);
    subscription.unsubscribe();
    expect(bounded.isFull).toBe(false);
  });

  test('a database that is away when the end comes costs the stream, and nothing else', async () => {
    const away = async () => {
      throw new Fault('DATABASE_UNAVAILABLE', 'no connection', { retryable: true });
    };
    const streams = new OrderStreams({ wakeups, clock, find: away });
    const events = firstValueFrom(streams.watch(order, 0).pipe(toArray()));
    wakeups.wake([order.orderId]);
    expect(await events).toHaveLength(1);
    // A rejection that nobody handles is told AFTER the microtasks of a turn, and fails the test.
    await new Promise((resolve) => setImmediate(resolve));
  });
});
