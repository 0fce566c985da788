/**
 * Goal: a subscription that cannot read any more says so, one that can again too, and none of its earlier consumers is kept
 * in memory. Method: a real broker that checks permissions; a topic is deleted and made anew, and the right to read is taken
 * away; the client's consumers are watched by weak references, after a collection that is asked for.
 */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Kafka, logLevel, type Consumer } from 'kafkajs';
import { startBroker, type LocalBroker } from '../../../deploy/local/kafka/broker.js';
import { denyReading, permissions } from '../../../test/support/kafka-permissions.js';
import { describeWithOwnBroker } from '../../../test/support/kafka.js';
import { KafkaBus } from './kafka-bus.js';

const testMs = 120_000;
const livesMin = 8;
let run = 0;

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited 60 s until ${what}`);
    await pause(20);
  }
}

/** The collector, which Node hides from programs that were not started for it. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const found: unknown = runInNewContext('gc');
  if (typeof found !== 'function') throw new Error('this Node hides its collector');
  return () => void Reflect.apply(found, undefined, []);
}

describeWithOwnBroker('a subscription whose broker refuses it', () => {
  let directory: string;
  let broker: LocalBroker;
  let client: Kafka;
  let topic: string;
  const makeConsumer = Kafka.prototype.consumer;
  const buses: KafkaBus[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sagamore-kafka-'));
    broker = await startBroker({ directory, settings: permissions });
    client = new Kafka({ brokers: [broker.brokers], clientId: 'observer', logLevel: logLevel.NOTHING });
  }, testMs);

  afterEach(async () => {
    Kafka.prototype.consumer = makeConsumer;
    await Promise.all(buses.splice(0).map((bus) => bus.stop()));
  }, testMs);

  afterAll(async () => {
    await broker.stop();
    await rm(directory, { recursive: true, force: true });
  }, testMs);

  /** Every consumer that the client makes from now on, by weak reference. No spy: it would keep what it has seen. */
  function watchConsumers(): readonly WeakRef<Consumer>[] {
    const made: WeakRef<Consumer>[] = [];
    Kafka.prototype.consumer = function (this: Kafka, config) {
      const consumer = makeConsumer.call(this, config);
      made.push(new WeakRef(consumer));
      return consumer;
    };
    return made;
  }

  async function deleteTopic(): Promise<void> {
    const admin = client.admin();
    await admin.connect();
    try {
      await admin.deleteTopics({ topics: [topic] });
    } finally {
      await admin.disconnect();
    }
  }

  async function subscribed() {
    topic = `lives-${++run}`;
    const bus = new KafkaBus({ brokers: [broker.brokers], clientId: 'spec' });
    buses.push(bus);
    await bus.start();
    await bus.ensureTopics([{ topic, partitions: 2 }]);
    const got: string[] = [];
    const handle = async (batch: readonly { readonly message: { readonly id: string } }[]) =>
      void got.push(...batch.map(({ message }) => message.id));
    const subscription = await bus.subscribe({ topic, group: topic, handle });
    const send = (id: string) =>
      bus.send([{ id, type: 't', source: 'spec', topic, key: 'k', occurredAt: 0, data: {} }]);
    return { bus, subscription, got, send };
  }

  test(
    'S59: whose topic was deleted is not healthy, and is again, and reads on, once the topic is there again',
    async () => {
      const { bus, subscription, got, send } = await subscribed();
      await send('before');
      await until('it reads', () => got.includes('before'));
      expect(subscription.healthy()).toBe(true);
      await deleteTopic();
      await until('it is not healthy', () => !subscription.healthy());
      expect(bus.healthy()).toBe(true);
      await bus.ensureTopics([{ topic, partitions: 2 }]);
      await until('it is healthy again', () => subscription.healthy());
      await send('after');
      await until('it reads on', () => got.includes('after'));
    },
    testMs,
  );

  test(
    'S59: who may not read any more is not healthy, while the broker is',
    async () => {
      const { bus, subscription } = await subscribed();
      await denyReading(client, topic);
      await until('it is not healthy', () => !subscription.healthy());
      expect(bus.healthy()).toBe(true);
    },
    testMs,
  );

  test(
    'I39: of all the consumers that ended one after another none is kept',
    async () => {
      const collect = collector();
      const made = watchConsumers();
      const { bus } = await subscribed();
      await deleteTopic();
      await until('many have ended', () => made.length > livesMin);
      await bus.ensureTopics([{ topic, partitions: 2 }]);
      const alive = () => made.filter((each) => each.deref() !== undefined).length;
      await until('all but the last are collected', () => {
        collect();
        return alive() <= 1;
      });
      expect(alive()).toBe(1);
    },
    testMs,
  );
});
