/**
 * Goal: when the connection that carries hints is half open, which no error tells, what was saved is picked up within the floor,
 * the loss is told, and hints come again by themselves once the other end is there again (S57).
 * Method: an owner over a real Postgres and a real Kafka, which it reaches by a way that can become half open; whoever wishes
 * reaches both directly. The client of the broker finds a dead connection only after 15 s; the floor is far below.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { saga, sagaProtocol } from '@sagamore/engine';
import { KafkaBus } from '@sagamore/kafka';
import { seededRandom, uuidv7 } from '@sagamore/primitives';
import {
  commandTopic,
  Coordinator,
  Definitions,
  Door,
  inboxTopic,
  operation,
  OutboxRelay,
  SystemClock,
  transactionEventsTopic,
} from '@sagamore/runtime';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startBroker, type LocalBroker } from '../deploy/local/kafka/broker.js';
import { startOf } from './support/coordinator.js';
import { halfOpenWay, type HalfOpenWay } from './support/half-open.js';
import { describeWithOwnBroker } from './support/kafka.js';
import { openPostgresPorts, type PostgresPorts } from './support/postgres-ports.js';
import { testPostgres } from './support/postgres.js';
import { trusted } from './support/runtime.js';

const testMs = 120_000;
const wishSweepMs = 6_000;
/** A wish counts as unheard at a third of the pause, so the look behind that one finds it at the latest. */
const floorMs = wishSweepMs * (1 + 1 / 3);
/** Three connections that are used one after another, each silent for 15 s at most before it is given up. */
const recoveryMsMax = 60_000;
/** What a commit and a look of this test may cost on a busy machine. */
const slackMs = 2_000;
const clock = new SystemClock();
const reserve = operation('stock.reserve', {
  input: trusted<object>(),
  output: trusted<unknown>(),
  undo: 'release',
});
const order = sagaProtocol(
  saga<object>('order', { version: 1 })
    .step('reserve', reserve, ({ input }) => input, { timeoutMs: 600_000 })
    .define(),
);
const definitions = new Definitions([order]);

describeWithOwnBroker('a connection to the broker that is half open', () => {
  const lost: number[] = [];
  const buses: KafkaBus[] = [];
  const relays: OutboxRelay[] = [];
  let directory: string;
  let way: HalfOpenWay;
  let broker: LocalBroker;
  let ports: PostgresPorts;
  let direct: KafkaBus;
  let door: Door;
  let coordinator: Coordinator;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sagamore-half-open-'));
    way = await halfOpenWay();
    broker = await startBroker({ directory, doors: { owner: way.port } });
    way.lead(broker.doors['owner'] ?? 0);
    ports = await openPostgresPorts();
    direct = await openBus(broker.brokers);
    const topics = [inboxTopic, commandTopic('stock'), transactionEventsTopic];
    await direct.ensureTopics(topics.map((topic) => ({ topic, partitions: 1 })));
    const { journal } = ports;
    const relay = relayOver(direct, 'door');
    door = new Door({ journal, definitions, relay }, { owner: 'door', shards: 1 });
    const bus = await openBus(`127.0.0.1:${way.port}`);
    coordinator = new Coordinator(
      { journal, relay: relayOver(bus, 'owner'), bus, clock, random: seededRandom(1) },
      {
        owner: 'owner',
        definitions,
        shardCount: 1,
        wishSweepMs,
        hooks: { onHintsLost: (count) => lost.push(count) },
      },
    );
    await coordinator.start();
  }, testMs);

  afterAll(async () => {
    way?.comeBack();
    await coordinator?.stop();
    await Promise.all(relays.map((each) => each.stop()));
    await Promise.all(buses.map((each) => each.stop()));
    await ports?.close();
    await (await testPostgres()).stop();
    await broker?.stop();
    await way?.close();
    await rm(directory, { recursive: true, force: true });
  }, testMs);

  async function openBus(brokers: string): Promise<KafkaBus> {
    const bus = new KafkaBus({ brokers: [brokers], clientId: 'spec' });
    buses.push(bus);
    await bus.start();
    return bus;
  }

  function relayOver(bus: KafkaBus, owner: string): OutboxRelay {
    const relay = new OutboxRelay(ports.outbox, bus, clock, { owner });
    relay.start();
    relays.push(relay);
    return relay;
  }

  async function statusOf(transactionId: string): Promise<string | undefined> {
    const [stored] = await ports.journal.load([transactionId]);
    return stored?.status;
  }

  /** Resolves with how long it took, ms. */
  async function reaches(transactionId: string, status: string, msMax = 60_000): Promise<number> {
    const from = performance.now();
    while ((await statusOf(transactionId)) !== status) {
      if (performance.now() - from > msMax)
        throw new Error(
          `after ${msMax} ms ${transactionId} is ${await statusOf(transactionId)}, not ${status}`,
        );
      await pause(20);
    }
    return performance.now() - from;
  }

  /** Nobody but the broker knows of it until it is read from there. */
  async function begun(): Promise<string> {
    const transactionId = uuidv7(Date.now());
    await direct.send([startOf(transactionId, 'order')]);
    await reaches(transactionId, 'executing');
    return transactionId;
  }

  async function terminate(transactionId: string): Promise<void> {
    const wanted = { type: 'terminate-requested' } as const;
    const answer = await door.wish({ transactionId, wanted, actor: 'ann', reason: 'seen to' });
    expect(answer.outcome).toBe('accepted');
  }

  /** Whether a wish is acted on sooner than any look into the store could find it. */
  async function isHintHeard(): Promise<boolean> {
    const transactionId = await begun();
    await terminate(transactionId);
    return (await reaches(transactionId, 'terminated')) < wishSweepMs / 3;
  }

  test(
    'S57: what was wished is picked up within the floor and the loss told; afterwards hints come again by themselves',
    async () => {
      const middle = await begun();
      // One that came after it is through: the owner waits for no acknowledgement any more.
      expect(await isHintHeard()).toBe(true);
      expect(lost).toEqual([]);

      way.vanish();
      await terminate(middle);
      expect(await reaches(middle, 'terminated')).toBeLessThan(floorMs + slackMs);
      expect(lost).toEqual([1]);
      // No error has told the owner: it holds the very connections on which nothing comes.
      expect(way.stale).toBeGreaterThan(0);

      way.comeBack();
      // Each connection is found dead 15 s after it was used first; a wish that waits for one of them is found in the store.
      const deadline = performance.now() + recoveryMsMax;
      while (!(await isHintHeard())) expect(performance.now()).toBeLessThan(deadline);
      const told = lost.length;
      expect(await isHintHeard()).toBe(true);
      expect(lost).toHaveLength(told);
    },
    testMs,
  );
});
