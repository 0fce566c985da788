/**
 * Goal: a process whose consumer has ended for good says so, by name, and is not taken for dead (S59).
 * Method: a service as a process of its own over a real Postgres and a real Kafka that checks permissions; its topic is
 * deleted, or the right to read it is taken away. Nothing stands in for anything.
 */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { z } from 'zod';
import { startBroker, type LocalBroker } from '../deploy/local/kafka/broker.js';
import { freePort, Supervisor } from '../deploy/local/supervisor.js';
import { denyReading, permissions } from './support/kafka-permissions.js';
import { describeWithOwnBroker } from './support/kafka.js';
import { testPostgres, type TestPostgres } from './support/postgres.js';

const testMs = 180_000;
const redMsMax = 60_000;
const readiness = z.object({ checks: z.array(z.object({ name: z.string(), status: z.string() })) });
let run = 0;

interface Look {
  readonly ready: number;
  readonly live: number;
  /** The names of what is down. */
  readonly down: readonly string[];
}

async function look(url: string): Promise<Look> {
  const ready = await fetch(`${url}/health/ready`);
  const { checks } = readiness.parse(await ready.json());
  const down = checks.filter(({ status }) => status === 'down').map(({ name }) => name);
  return { ready: ready.status, live: (await fetch(`${url}/health/live`)).status, down };
}

describeWithOwnBroker('a process that may not consume any more', () => {
  let directory: string;
  let broker: LocalBroker;
  let postgres: TestPostgres;
  let client: Kafka;
  const supervisors: Supervisor[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sagamore-gone-'));
    postgres = await testPostgres();
    broker = await startBroker({ directory: join(directory, 'kafka'), settings: permissions });
    client = new Kafka({ brokers: [broker.brokers], clientId: 'operator', logLevel: logLevel.NOTHING });
  }, testMs);

  afterEach(async () => {
    await Promise.all(supervisors.splice(0).map((each) => each.stop()));
  }, testMs);

  afterAll(async () => {
    await broker.stop();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  }, testMs);

  /** Starts a service as its main file does, with topics of its own. Resolves once it is ready. */
  async function started(service: string): Promise<{ readonly url: string; readonly prefix: string }> {
    const prefix = `gone${++run}.`;
    const url = `http://127.0.0.1:${await freePort()}`;
    const supervisor = new Supervisor(join(directory, prefix), () => undefined);
    supervisors.push(supervisor);
    const env = {
      KAFKA_BROKERS: broker.brokers,
      KAFKA_TOPIC_PREFIX: prefix,
      [`DATABASE_URL_${service.toUpperCase()}`]: await postgres.freshDatabase(),
      PARTICIPANT_URL_TRAVEL: 'http://127.0.0.1:9',
      PARTICIPANT_URL_BILLING: 'http://127.0.0.1:9',
      LOG_LEVEL: 'warn',
      PORT: new URL(url).port,
    };
    const entry = `apps/${service}/src/main.ts`;
    await supervisor.start({ name: service, entry, env, readyUrl: `${url}/health/ready` });
    return { url, prefix };
  }

  async function untilRed(url: string): Promise<Look> {
    for (const deadline = performance.now() + redMsMax; performance.now() < deadline; await pause(100)) {
      const seen = await look(url);
      if (seen.ready !== 200) return seen;
    }
    throw new Error(`still ready after ${redMsMax / 1_000} s`);
  }

  test(
    'S59: one whose topic was deleted turns red and names its consumers; the process lives',
    async () => {
      const { url, prefix } = await started('inventory');
      expect(await look(url)).toEqual({ ready: 200, live: 200, down: [] });
      const admin = client.admin();
      await admin.connect();
      await admin.deleteTopics({ topics: [`${prefix}inventory.commands`] });
      await admin.disconnect();
      expect(await untilRed(url)).toEqual({ ready: 503, live: 200, down: ['inventory consumers'] });
    },
    testMs,
  );

  test.each([
    ['inventory', 'inventory.commands', 'inventory consumers'],
    ['orchestrator', 'orchestrator.inbox', 'orchestrator inbox'],
    ['orchestrator', 'payment.commands.dead-letters', 'orchestrator dead letters'],
  ])(
    'S59: %s turns red once it may not read %s, and names its %s; the process lives',
    async (service, topic, name) => {
      const { url, prefix } = await started(service);
      expect(await look(url)).toEqual({ ready: 200, live: 200, down: [] });
      await denyReading(client, prefix + topic);
      const seen = await untilRed(url);
      expect(seen).toMatchObject({ ready: 503, live: 200 });
      expect(seen.down).toContain(name);
      expect(seen.down).not.toContain(`${service} broker`);
    },
    testMs,
  );
});
