/**
 * Goal: what the bus promises beyond the contract every bus keeps: positions, rebalances, dead letters, shared requests.
 * Method: a real broker; each test has its own topics by a prefix, and a bare client looks at what is really stored.
 */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import type { Delivery, Message } from '@sagamore/runtime';
import { Kafka, logLevel, type Admin, type KafkaMessage } from 'kafkajs';
import { describeWithBroker } from '../../../test/support/kafka.js';
import { KafkaBus } from './kafka-bus.js';
import type { KafkaSettings } from './settings.js';

const testMs = 60_000;
const topic = 'inventory.commands';
let run = 0;

/** Resolves when the condition holds; fails after 20 s, naming it. */
async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited 20 s until ${what}`);
    await pause(20);
  }
}

function message(n: number, over: Partial<Message> = {}): Message {
  const key = `key-${n % 7}`;
  return {
    id: `m-${n}`,
    type: 'inventory.reserve',
    source: 'spec',
    topic,
    key,
    occurredAt: 1_000 + n,
    data: { n },
    ...over,
  };
}

function numbers(deliveries: readonly Delivery[]): number[] {
  return deliveries.map(({ message: { data } }) => (data as { n: number }).n);
}

/** The first offset of the record batch that a record was stored in; the client tells it beside what its types say. */
function baseOf(record: KafkaMessage): string {
  const context: unknown = Reflect.get(record, 'batchContext');
  const base: unknown =
    typeof context === 'object' && context !== null ? Reflect.get(context, 'firstOffset') : undefined;
  if (typeof base !== 'string') throw new Error('the client no longer tells the record batch of a record');
  return base;
}

describeWithBroker('the Kafka bus', (brokers) => {
  const buses: KafkaBus[] = [];
  let client: Kafka;
  let prefix: string;

  async function open(over: Partial<KafkaSettings> = {}): Promise<KafkaBus> {
    const bus = new KafkaBus({ brokers: [brokers()], clientId: 'spec', topicPrefix: prefix, ...over });
    buses.push(bus);
    await bus.start();
    return bus;
  }

  async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = client.admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }

  /** The committed position of a partition; -1 when there is none. */
  function position(group: string, partition = 0): Promise<number> {
    return withAdmin(async (admin) => {
      const [found] = await admin.fetchOffsets({ groupId: prefix + group, topics: [prefix + topic] });
      return Number(found?.partitions.find((entry) => entry.partition === partition)?.offset ?? -1);
    });
  }

  beforeAll(() => {
    client = new Kafka({ brokers: [brokers()], clientId: 'observer', logLevel: logLevel.NOTHING });
  });

  beforeEach(() => {
    prefix = `bus${process.pid}x${++run}.`;
  });

  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.stop()));
  }, testMs);

  describe('topics', () => {
    test(
      'are created with their dead-letter topics, once',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 3 }]);
        await bus.ensureTopics([{ topic, partitions: 3 }]);
        const { topics } = await withAdmin((admin) => admin.fetchTopicMetadata());
        const ours = topics.filter(({ name }) => name.startsWith(prefix));
        expect(new Map(ours.map(({ name, partitions }) => [name, partitions.length]))).toEqual(
          new Map([
            [prefix + topic, 3],
            [`${prefix + topic}.dead-letters`, 1],
          ]),
        );
      },
      testMs,
    );

    test(
      'R18: two houses with prefixes of their own share a cluster and hear nothing of each other',
      async () => {
        const houses = await Promise.all(
          ['east.', 'west.'].map(async (own) => {
            const bus = await open({ topicPrefix: prefix + own });
            await bus.ensureTopics([{ topic, partitions: 1 }]);
            const heard: number[] = [];
            const handle = async (batch: readonly Delivery[]) => void heard.push(...numbers(batch));
            await bus.subscribe({ topic, group: 'inventory', handle });
            return { bus, heard };
          }),
        );
        const [east, west] = houses;
        await east!.bus.send([message(1), message(2)]);
        await west!.bus.send([message(3)]);
        await until('each house has heard its own', () => east!.heard.length > 1 && west!.heard.length > 0);
        expect([east!.heard.toSorted(), west!.heard]).toEqual([[1, 2], [3]]);
      },
      testMs,
    );

    test(
      'I45: another partition count is refused with both numbers and the fix',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 3 }]);
        const refused = bus.ensureTopics([{ topic, partitions: 4 }]);
        await expect(refused).rejects.toMatchObject({ code: 'TOPIC_INVALID', retryable: false });
        await expect(refused).rejects.toThrow(/wanted 4 partitions, found 3; configure 3 partitions/);
      },
      testMs,
    );

    test(
      'S10: one that keeps its records longer than they may live is refused, as the broker itself tells',
      async () => {
        const dayMs = 86_400_000;
        const patient = await open({ recordAgeMsMax: 14 * dayMs });
        await expect(patient.ensureTopics([{ topic, partitions: 1 }])).resolves.toBeUndefined();
        const hasty = await open({ recordAgeMsMax: 13 * dayMs });
        await expect(hasty.ensureTopics([{ topic, partitions: 1 }])).rejects.toMatchObject({
          code: 'TOPIC_INVALID',
          message: expect.stringContaining('wanted records that live 13.0 days at most, found 14.0'),
        });
      },
      testMs,
    );

    test(
      'made by two instances at once are made once',
      async () => {
        const [one, two] = [await open(), await open()];
        await Promise.all([
          one.ensureTopics([{ topic, partitions: 2 }]),
          two.ensureTopics([{ topic, partitions: 2 }]),
        ]);
        await one.send([message(1)]);
        await two.send([message(2)]);
      },
      testMs,
    );
  });

  describe('sending', () => {
    test(
      'a thousand calls at once share a few requests',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        await bus.send([message(0)]);
        const before = await batches();
        await Promise.all(Array.from({ length: 1_000 }, (_, n) => bus.send([message(n)])));
        // One record batch a request on one partition; a thousand small records fit in one or two.
        expect((await batches()) - before).toBeLessThanOrEqual(3);
      },
      testMs,
    );

    test(
      'a record that the broker can never take is rejected alone; those beside it go',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 2 }]);
        const got: number[] = [];
        await bus.subscribe({ topic, group: 'g', handle: async (batch) => void got.push(...numbers(batch)) });
        const sends = [
          bus.send([message(1)]),
          bus.send([message(2, { data: { n: 2, weight: 'x'.repeat(2_000_000) } })]),
          bus.send([message(3)]),
        ];
        const settled = await Promise.allSettled(sends);
        expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
        await expect(sends[1]).rejects.toMatchObject({ code: 'DATA_REJECTED', retryable: false });
        // The refusal must not have left the broker taking new records for old ones.
        for (let n = 4; n < 10; n++) await bus.send([message(n)]);
        await until('the others arrive', () => new Set(got).size === 8);
        expect([...new Set(got)].sort((a, b) => a - b)).toEqual([1, 3, 4, 5, 6, 7, 8, 9]);
        expect(bus.healthy()).toBe(true);
      },
      testMs,
    );

    test(
      'many records that together exceed a request are all sent, in order',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        const got: number[] = [];
        await bus.subscribe({ topic, group: 'g', handle: async (batch) => void got.push(...numbers(batch)) });
        const wanted = Array.from({ length: 40 }, (_, n) => n);
        await bus.send(wanted.map((n) => message(n, { key: 'k', data: { n, weight: 'x'.repeat(100_000) } })));
        await until('all arrive', () => got.length >= 40);
        expect(got).toEqual(wanted);
      },
      testMs,
    );

    test(
      'a partition that does not exist is refused, and an explicit one is kept',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 2 }]);
        await expect(bus.send([message(1, { partition: 2 })])).rejects.toMatchObject({
          code: 'DATA_REJECTED',
        });
        const got: Delivery[] = [];
        await bus.subscribe({ topic, group: 'g', handle: async (batch) => void got.push(...batch) });
        await bus.send([message(1, { partition: 0 }), message(2, { partition: 1 })]);
        await until('both arrive', () => got.length === 2);
        expect(new Map(got.map(({ message: { id }, origin }) => [id, origin.partition]))).toEqual(
          new Map([
            ['m-1', 0],
            ['m-2', 1],
          ]),
        );
      },
      testMs,
    );

    test(
      'a topic that does not exist is refused and holds up nobody for long',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        const refused = bus.send([message(1, { topic: 'nowhere' })]);
        const sent = bus.send([message(2)]);
        await expect(refused).rejects.toMatchObject({ code: 'TOPIC_INVALID' });
        await sent;
      },
      testMs,
    );

    test(
      'after stop it answers STOPPED',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        await bus.stop();
        await expect(bus.send([message(1)])).rejects.toMatchObject({ code: 'STOPPED' });
        expect(bus.healthy()).toBe(false);
      },
      testMs,
    );

    test(
      'stamps what it sends with hybrid time and observes it on arrival',
      async () => {
        let ticks = 0;
        const observed: string[] = [];
        const hybridClock = {
          tick: () => `1763800000000.${ticks++}`,
          observe: (time: string) => void observed.push(time),
        };
        const bus = await open({ hybridClock });
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        const got: Delivery[] = [];
        await bus.subscribe({ topic, group: 'g', handle: async (batch) => void got.push(...batch) });
        await bus.send([message(1), message(2)]);
        await until('both arrive', () => got.length === 2);
        expect(got.map((delivery) => delivery.message.hybridTime)).toEqual([
          '1763800000000.0',
          '1763800000000.1',
        ]);
        expect(observed).toEqual(['1763800000000.0', '1763800000000.1']);
      },
      testMs,
    );

    /** How many record batches lie on partition 0, counted by a consumer that reads it from its beginning. */
    async function batches(): Promise<number> {
      const [stored] = await withAdmin((admin) => admin.fetchTopicOffsets(prefix + topic));
      const consumer = client.consumer({ groupId: `${prefix}count-${Math.random()}`, maxWaitTimeInMs: 200 });
      await consumer.connect();
      await consumer.subscribe({ topics: [prefix + topic], fromBeginning: true });
      const bases = new Set<string>();
      let read = 0;
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          read += batch.messages.length;
          for (const record of batch.messages) bases.add(baseOf(record));
        },
      });
      await until('all is read', () => read >= Number(stored!.offset));
      await consumer.disconnect();
      return bases.size;
    }
  });

  describe('positions', () => {
    test(
      'S53: move only after the handler has resolved',
      async () => {
        const bus = await open({ commitIntervalMs: 0 });
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        const release = Promise.withResolvers<void>();
        let started = false;
        await bus.subscribe({
          topic,
          group: 'g',
          handle: async () => {
            started = true;
            await release.promise;
          },
        });
        await bus.send([message(1)]);
        await until('the handler works', () => started);
        expect(await position('g')).toBe(-1);
        release.resolve();
        await until('the position moves', async () => (await position('g')) === 1);
      },
      testMs,
    );

    test(
      'a handler that rejects sees the same messages again, and nothing overtakes them',
      async () => {
        const bus = await open({ commitIntervalMs: 0 });
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        const seen: number[][] = [];
        await bus.subscribe({
          topic,
          group: 'g',
          handle: async (batch) => {
            seen.push(numbers(batch));
            if (seen.length <= 3) throw new Error('not yet');
          },
        });
        await bus.send([message(1), message(2)]);
        await until('it was tried', () => seen.length >= 1);
        await bus.send([message(3)]);
        await until('all is handled', () => seen.flat().includes(3));
        expect(seen.slice(0, 4)).toEqual([
          [1, 2],
          [1, 2],
          [1, 2],
          [1, 2],
        ]);
        expect(seen[4]).toEqual([3]);
      },
      testMs,
    );

    test(
      'stop commits what was handled, so the next member begins after it',
      async () => {
        const bus = await open({ commitIntervalMs: 60_000 });
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        const got: number[] = [];
        const handle = async (batch: readonly Delivery[]) => void got.push(...numbers(batch));
        const first = await bus.subscribe({ topic, group: 'g', handle });
        for (const n of [1, 2, 3]) {
          await bus.send([message(n)]);
          await until('it is handled', () => got.includes(n));
        }
        await first.stop();
        await bus.subscribe({ topic, group: 'g', handle });
        await bus.send([message(4)]);
        await until('the next is handled', () => got.includes(4));
        expect(got).toEqual([1, 2, 3, 4]);
      },
      testMs,
    );

    test(
      'what four partitions bring together is one delivery, one at a time',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 4 }]);
        let inside = 0;
        let most = 0;
        const deliveries: Delivery[][] = [];
        await bus.subscribe({
          topic,
          group: 'g',
          handle: async (batch) => {
            most = Math.max(most, ++inside);
            deliveries.push([...batch]);
            await pause(100);
            inside--;
          },
        });
        await bus.send([message(0, { partition: 0 })]);
        await until('the first is in hand', () => deliveries.length === 1);
        await bus.send([0, 1, 2, 3].flatMap((partition) => [1, 2].map((n) => message(n, { partition }))));
        await until('the rest arrives', () => deliveries.flat().length === 9);
        expect(most).toBe(1);
        expect(new Set(deliveries[1]!.map(({ origin }) => origin.partition)).size).toBe(4);
      },
      testMs,
    );

    test(
      'a group that is new and asks for the latest sees only what is sent after it has joined',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        await bus.send([message(1)]);
        const got: number[] = [];
        await bus.subscribe({
          topic,
          group: 'g',
          from: 'latest',
          handle: async (batch) => void got.push(...numbers(batch)),
        });
        await bus.send([message(2)]);
        await until('the new one arrives', () => got.includes(2));
        expect(got).toEqual([2]);
      },
      testMs,
    );
  });

  describe('dead letters', () => {
    test(
      'S54: a record that cannot be decoded is buried with its reason and origin, and the next is handled',
      async () => {
        const bus = await open({ commitIntervalMs: 0 });
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        const producer = client.producer();
        await producer.connect();
        const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
        await producer.send({
          topic: prefix + topic,
          messages: [{ key: 'k', value: 'no envelope', headers: { traceparent, custom: 'kept' } }],
        });
        await producer.disconnect();
        const got: number[] = [];
        await bus.subscribe({ topic, group: 'g', handle: async (batch) => void got.push(...numbers(batch)) });
        await bus.send([message(1)]);
        await until('the next is handled', () => got.includes(1));
        await until('the position is beyond both', async () => (await position('g')) === 2);
        const [letter] = await records(`${topic}.dead-letters`, 1);
        expect(letter!.value).toBe('no envelope');
        expect(letter!.headers).toEqual({
          traceparent,
          custom: 'kept',
          dead_letter_reason: 'wanted ce_specversion 1.0, found none',
          dead_letter_topic: topic,
          dead_letter_partition: '0',
          dead_letter_offset: '0',
        });
      },
      testMs,
    );

    test(
      'R2: a record that leaves no room for its own reason is buried without its body, and the next is handled',
      async () => {
        const bus = await open({ commitIntervalMs: 0 });
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        const producer = client.producer();
        await producer.connect();
        // A hundred bytes below what the broker takes in one record batch.
        const value = 'x'.repeat(1_048_588 - 100);
        await producer.send({ topic: prefix + topic, messages: [{ key: 'k', value }] });
        await producer.disconnect();
        const got: number[] = [];
        await bus.subscribe({ topic, group: 'g', handle: async (batch) => void got.push(...numbers(batch)) });
        await bus.send([message(1)]);
        await until('the next is handled', () => got.includes(1));
        const [letter] = await records(`${topic}.dead-letters`, 1);
        expect(letter).toMatchObject({
          value: 'null',
          headers: { dead_letter_topic: topic, dead_letter_offset: '0' },
        });
      },
      testMs,
    );

    async function records(
      name: string,
      count: number,
    ): Promise<{ value: string; headers: Record<string, string> }[]> {
      const consumer = client.consumer({ groupId: `${prefix}look` });
      await consumer.connect();
      await consumer.subscribe({ topics: [prefix + name], fromBeginning: true });
      const found: { value: string; headers: Record<string, string> }[] = [];
      await consumer.run({
        eachMessage: async ({ message: { value, headers = {} } }) => {
          const texts = Object.entries(headers).map(([key, bytes]) => [key, String(bytes)]);
          found.push({ value: String(value), headers: Object.fromEntries(texts) });
        },
      });
      await until('the records are read', () => found.length >= count);
      await consumer.disconnect();
      return found;
    }
  });

  describe('membership', () => {
    test(
      'onAssigned returns before the first message of the assignment is handed over',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 2 }]);
        await bus.send([message(1)]);
        const story: string[] = [];
        let refusals = 2;
        await bus.subscribe({
          topic,
          group: 'g',
          onAssigned: async (partitions) => {
            if (refusals-- > 0) throw new Error('the shard is not taken yet');
            await pause(300);
            story.push(`assigned ${partitions.toSorted((a, b) => a - b).join()}`);
          },
          handle: async (batch) => void story.push(`handled ${numbers(batch).join()}`),
        });
        await until('it is handled', () => story.length === 2);
        expect(story).toEqual(['assigned 0,1', 'handled 1']);
      },
      testMs,
    );

    test(
      'S55: a handler slower than the session causes no rebalance',
      async () => {
        const settings = {
          sessionTimeoutMs: 1_500,
          heartbeatMs: 300,
          rebalanceTimeoutMs: 3_000,
          commitIntervalMs: 0,
        };
        const bus = await open(settings);
        await bus.ensureTopics([{ topic, partitions: 1 }]);
        let assignments = 0;
        const got: number[] = [];
        await bus.subscribe({
          topic,
          group: 'g',
          onAssigned: async () => void assignments++,
          handle: async (batch) => {
            if (got.length === 0) await pause(4_000);
            got.push(...numbers(batch));
          },
        });
        await bus.send([message(1)]);
        await until('the slow one is done', () => got.includes(1));
        await bus.send([message(2)]);
        await until('the next is done', () => got.includes(2));
        expect(got).toEqual([1, 2]);
        expect(assignments).toBe(1);
        await until('both are committed', async () => (await position('g')) === 2);
      },
      testMs,
    );

    test(
      'S52: a partition that moves in the middle of a handler leaves the late commit harmless',
      async () => {
        const settings = {
          sessionTimeoutMs: 1_500,
          heartbeatMs: 200,
          rebalanceTimeoutMs: 1_500,
          commitIntervalMs: 0,
        };
        const [one, two] = [await open(settings), await open(settings)];
        await one.ensureTopics([{ topic, partitions: 2 }]);
        const release = Promise.withResolvers<void>();
        const handled = { one: [] as number[], two: [] as number[] };
        let blocked = false;
        await one.subscribe({
          topic,
          group: 'g',
          handle: async (batch) => {
            if (!blocked) {
              blocked = true;
              await release.promise;
            }
            handled.one.push(...numbers(batch));
          },
        });
        await one.send([message(1, { partition: 0 }), message(2, { partition: 1 })]);
        await until('the first owner is in the middle', () => blocked);
        // The rebalance waits 1.5 s for the busy member, then goes on without it: both partitions move.
        await two.subscribe({
          topic,
          group: 'g',
          handle: async (batch) => void handled.two.push(...numbers(batch)),
        });
        await until('the new owner handles both', () => handled.two.length >= 2);
        await until(
          'and commits',
          async () => (await position('g', 0)) === 1 && (await position('g', 1)) === 1,
        );
        release.resolve();
        await until('the old owner is through', () => handled.one.length >= 1);
        await two.send([message(3, { partition: 0 }), message(4, { partition: 1 })]);
        const all = () => [...handled.one, ...handled.two];
        await until('both go on', () => all().includes(3) && all().includes(4));
        await until(
          'positions stand after all',
          async () => (await position('g', 0)) === 2 && (await position('g', 1)) === 2,
        );
        expect(
          all()
            .filter((n) => n === 3 || n === 4)
            .sort((a, b) => a - b),
        ).toEqual([3, 4]);
      },
      testMs,
    );

    test(
      'S58, R2: a group is refused on a second topic, for one of the two would be read by nobody',
      async () => {
        const bus = await open();
        const handle = async () => {};
        await bus.ensureTopics([topic, 'other.commands'].map((each) => ({ topic: each, partitions: 1 })));
        await bus.subscribe({ topic, group: 'g', handle });
        await expect(bus.subscribe({ topic: 'other.commands', group: 'g', handle })).rejects.toMatchObject({
          code: 'CONFIGURATION_INVALID',
          message: expect.stringContaining('a group is of one topic'),
        });
        await bus.subscribe({ topic, group: 'g', handle });
        await bus.subscribe({ topic: 'other.commands', group: 'h', handle });
      },
      testMs,
    );

    test(
      'each group sees every message, the members of one share them',
      async () => {
        const bus = await open();
        await bus.ensureTopics([{ topic, partitions: 4 }]);
        const got: Record<string, number[]> = { a1: [], a2: [], b: [] };
        const join = (group: string, member: string) =>
          bus.subscribe({ topic, group, handle: async (batch) => void got[member]!.push(...numbers(batch)) });
        await Promise.all([join('a', 'a1'), join('a', 'a2'), join('b', 'b')]);
        await bus.send(Array.from({ length: 40 }, (_, n) => message(n, { partition: n % 4 })));
        await until(
          'both groups have all',
          () => got['a1']!.length + got['a2']!.length >= 40 && got['b']!.length >= 40,
        );
        expect(new Set([...got['a1']!, ...got['a2']!]).size).toBe(40);
        expect(new Set(got['b']).size).toBe(40);
      },
      testMs,
    );
  });
});
