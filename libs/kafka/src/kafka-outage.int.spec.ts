/**
 * Goal: a broker that goes away and comes back costs time, and neither a message nor the order of a key (S47, S56).
 * Method: a broker of the suite's own, so that it can be stopped and killed while senders and a subscriber work.
 */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Delivery, Message } from '@sagamore/runtime';
import { startBroker, type LocalBroker } from '../../../deploy/local/kafka/broker.js';
import { describeWithOwnBroker } from '../../../test/support/kafka.js';
import { KafkaBus } from './kafka-bus.js';

const testMs = 120_000;
const outageMs = 3_000;
const topic = 'order.events';
const keys = 5;
let run = 0;

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited 60 s until ${what}`);
    await pause(20);
  }
}

function message(n: number): Message {
  return {
    id: `m-${n}`,
    type: 'order.placed',
    source: 'spec',
    topic,
    key: `key-${n % keys}`,
    occurredAt: n,
    data: { n },
  };
}

function numberOf({ message: { data } }: Delivery): number {
  return (data as { n: number }).n;
}

/** For each key the numbers in the order of their first appearance. */
function firsts(got: readonly number[]): number[][] {
  const unique = [...new Set(got)];
  return Array.from({ length: keys }, (_, key) => unique.filter((n) => n % keys === key));
}

describeWithOwnBroker('the Kafka bus when the broker goes away', () => {
  let directory: string;
  let broker: LocalBroker;
  const buses: KafkaBus[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sagamore-kafka-'));
    broker = await startBroker({ directory });
  }, testMs);

  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.stop()));
  }, testMs);

  afterAll(async () => {
    await broker.stop();
    await rm(directory, { recursive: true, force: true });
  }, testMs);

  async function open(): Promise<KafkaBus> {
    const bus = new KafkaBus({ brokers: [broker.brokers], clientId: 'spec', topicPrefix: `outage${++run}.` });
    buses.push(bus);
    await bus.start();
    await bus.ensureTopics([{ topic, partitions: 2 }]);
    return bus;
  }

  test.each([['stop'], ['kill']] as const)(
    'S56: after %s and three seconds of absence everything arrives, in order for each key',
    async (way) => {
      const bus = await open();
      const got: number[] = [];
      await bus.subscribe({
        topic,
        group: 'g',
        handle: async (batch) => void got.push(...batch.map(numberOf)),
      });
      const sends: Promise<void>[] = [];
      let next = 0;
      const sendSome = () => {
        for (let i = 0; i < 10; i++) sends.push(bus.send([message(next++)]));
      };
      const sending = setInterval(sendSome, 20);
      try {
        await until('messages flow', () => got.length > 50);
        await broker[way]();
        await until('the outage is seen', () => !bus.healthy());
        await pause(outageMs);
        broker = await startBroker({ directory });
        const before = next;
        await until('new messages flow again', () => got.some((n) => n > before));
      } finally {
        clearInterval(sending);
      }
      await Promise.all(sends);
      await until('everything is here', () => new Set(got).size === next);
      const wanted = firsts(Array.from({ length: next }, (_, n) => n));
      expect(firsts(got)).toEqual(wanted);
      expect(bus.healthy()).toBe(true);
    },
    testMs,
  );

  test(
    'a subscription that is paused when the broker goes away is paused when it comes back, by whichever consumer',
    async () => {
      const bus = await open();
      const got: number[] = [];
      let assignments = 0;
      const active = await bus.subscribe({
        topic,
        group: 'g',
        onAssigned: async () => void assignments++,
        handle: async (batch) => void got.push(...batch.map(numberOf)),
      });
      // Whoever speaks while one consumer ends and the next begins is heard all the same.
      const pauses: Promise<void>[] = [];
      const speakAgain = () => {
        active.resume();
        pauses.push(active.pause());
      };
      speakAgain();
      const before = assignments;
      const speaking = setInterval(speakAgain, 5);
      try {
        await broker.kill();
        await until('the outage is seen', () => !bus.healthy());
        await pause(outageMs);
        broker = await startBroker({ directory });
        await until('the group is joined again', () => assignments > before);
      } finally {
        clearInterval(speaking);
      }
      await Promise.all(pauses);
      const sent = Array.from({ length: 100 }, (_, n) => message(n));
      await bus.send(sent);
      await until('the lag is known', () => active.lag?.() === sent.length);
      expect([got, active.healthy(), bus.healthy()]).toEqual([[], true, true]);
      active.resume();
      await until('everything is here', () => got.length >= sent.length);
      expect(firsts(got)).toEqual(firsts(sent.map((_, n) => n)));
      expect(got).toHaveLength(sent.length);
    },
    testMs,
  );

  test(
    'a bus that stops while the broker is away answers STOPPED to what it could not send',
    async () => {
      const bus = await open();
      await bus.send([message(0)]);
      await broker.stop();
      const sent = bus.send([message(1)]);
      sent.catch(() => {});
      await until('the outage is seen', () => !bus.healthy());
      await bus.stop();
      await expect(sent).rejects.toMatchObject({ code: 'STOPPED', retryable: false });
      broker = await startBroker({ directory });
    },
    testMs,
  );

  test(
    'a bus that starts while no broker is there says so, as a fault worth another try',
    async () => {
      await broker.stop();
      const bus = new KafkaBus({ brokers: [broker.brokers], clientId: 'spec', connectTimeoutMs: 500 });
      buses.push(bus);
      await expect(bus.start()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', retryable: true });
      broker = await startBroker({ directory });
    },
    testMs,
  );
});
