/**
 * Goal: on a real broker, what can never be handled is found by an operator with reason, whence and trace, whether it is a message
 * or not, and those behind it are handled; a replay has one effect, or is refused with the reason.
 * Method: the real orchestrator over real HTTP, Postgres and Kafka; a participant with a barrier of its own, one partition,
 * and a bare client that writes what no bus of ours would.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { saga, sagaProtocol, succeeded } from '@sagamore/engine';
import { KafkaBus } from '@sagamore/kafka';
import { bootstrap, readConfig, type RunningApp } from '@sagamore/platform';
import { uuidv7 } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import {
  operation,
  Participant,
  SystemClock,
  type HandledCommand,
  type Handler,
  type Message,
} from '@sagamore/runtime';
import { Kafka, logLevel, type IHeaders } from 'kafkajs';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { describeWithBroker } from '../../../test/support/kafka.js';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { command, trusted } from '../../../test/support/runtime.js';
import { OrchestratorModule } from './orchestrator.module.js';

const testMs = 120_000;
const prefix = `letters${process.pid}.`;
const topic = 'seats.commands';
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const hold = operation('seats.hold', { input: trusted<object>(), output: trusted<unknown>(), undo: 'free' });
const trip = saga<object>('trip', { version: 1 })
  .step('hold', hold, ({ input }) => input)
  .define();

const letters = z.object({
  items: z.array(z.looseObject({ id: z.string(), reason: z.string(), replays: z.array(z.unknown()) })),
});

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 30_000; !(await condition()); await pause(20))
    if (performance.now() > deadline) throw new Error(`waited 30 s until ${what}`);
}

describeWithBroker('dead letters on a real broker', (brokers) => {
  const clock = new SystemClock();
  const participants: Participant[] = [];
  const buses: KafkaBus[] = [];
  /** The answers by transaction, and the transactions whose command took effect, in order. */
  const replies: Message[] = [];
  const effects: string[] = [];
  let server: TestPostgres;
  let running: RunningApp;
  let ports: PostgresPorts;
  let client: Kafka;

  beforeAll(async () => {
    server = await testPostgres();
    const config = readConfig({
      DATABASE_URL_ORCHESTRATOR: await server.freshDatabase(),
      KAFKA_BROKERS: brokers(),
      KAFKA_TOPIC_PREFIX: prefix,
      LOG_LEVEL: 'silent',
      PORT: '0',
      SHARDS: '2',
      PARTITIONS: '1',
    });
    client = new Kafka({ brokers: [brokers()], clientId: 'stranger', logLevel: logLevel.NOTHING });
    running = await bootstrap({
      service: 'orchestrator',
      module: (host) => OrchestratorModule.forRoot(host, [sagaProtocol(trip)]),
      config,
    });
    ports = await openPostgresPorts();
    const inbox = { topic: 'orchestrator.inbox', group: 'spec' };
    const handle = async (batch: readonly { readonly message: Message }[]) =>
      void replies.push(...batch.map(({ message }) => message));
    await (await openBus()).subscribe({ ...inbox, handle });
  }, testMs);

  afterAll(async () => {
    await Promise.all(participants.map((each) => each.stop()));
    await Promise.all(buses.map((each) => each.stop()));
    await running?.stop();
    await ports?.close();
    await server?.stop();
  }, testMs);

  async function openBus(): Promise<KafkaBus> {
    const bus = new KafkaBus({ brokers: [brokers()], clientId: 'spec', topicPrefix: prefix });
    buses.push(bus);
    await bus.start();
    return bus;
  }

  async function participate(handlers: readonly Handler[]): Promise<Participant> {
    const { database, barrier, intents } = ports;
    const bus = await openBus();
    const own = { service: 'seats', owner: 'seats', handlers };
    const participant = new Participant({ database, barrier, intents, bus, clock }, own);
    await participant.start();
    participants.push(participant);
    return participant;
  }

  /** Writes one record as it is; no bus of ours would write all of these. */
  async function write(key: string, value: Buffer | string | null, headers: IHeaders): Promise<void> {
    const producer = client.producer();
    await producer.connect();
    try {
      await producer.send({ topic: prefix + topic, messages: [{ key, value, headers }] });
    } finally {
      await producer.disconnect();
    }
  }

  /** Sent as the orchestrator would send it. */
  async function ask(type: string, payload: object = {}): Promise<string> {
    const transactionId = uuidv7(Date.now());
    await buses[0]!.send([{ ...command({ type, transactionId, payload }), traceparent }]);
    return transactionId;
  }

  async function call(method: string, path: string, body?: unknown) {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(`${running.url}${path}`, { method, headers, ...sent });
    return { status: response.status, body: (await response.json()) as unknown };
  }

  const listed = async () => letters.parse((await call('GET', '/dead-letters')).body).items;
  const answersTo = (transactionId: string) => replies.filter(({ key }) => key === transactionId);

  /** The record that a place names, as it lies there. */
  async function recordAt(place: { readonly topic: string; readonly offset: string }) {
    const consumer = client.consumer({ groupId: `${prefix}look${Math.random()}` });
    const found = Promise.withResolvers<Buffer | null>();
    await consumer.connect();
    await consumer.subscribe({ topics: [prefix + place.topic], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message: { offset, value } }) => {
        if (offset === place.offset) found.resolve(value);
      },
    });
    try {
      return await found.promise;
    } finally {
      await consumer.disconnect();
    }
  }

  const refusing = {
    effect: 'local' as const,
    half: 'action' as const,
    operation: hold,
    handle: async (commands: readonly HandledCommand[]) => {
      if (commands.some(({ payload }) => isPoison(payload)))
        throw new Fault('DATA_REJECTED', 'no column takes this', { retryable: false });
      effects.push(...commands.map(({ transactionId }) => transactionId));
      return commands.map(() => succeeded({}));
    },
  };

  test(
    'S58, I25, I24: what is no message and what nobody handles are told with why and whence, and those behind are handled',
    async () => {
      const before = await participate([refusing]);
      const bytes = Buffer.from([0xff, 0x00, 0x7b]);
      await write('k', bytes, { traceparent });
      const strange = await ask('seats.paint');
      const poison = await ask('seats.hold', { poison: true });
      const honest = await ask('seats.hold');
      await until('the last one is answered', () => answersTo(honest).length > 0);
      expect(effects).toEqual([honest]);
      expect(answersTo(poison)).toMatchObject([{ type: 'seats.hold.failed' }]);
      await until('both are listed', async () => (await listed()).length === 2);

      const found = await listed();
      const told = found.find(({ message }) => message !== null);
      const raw = found.find(({ message }) => message === null);
      expect(told).toMatchObject({
        topic,
        reason: 'no handler for seats.paint',
        traceparent,
        origin: { topic, partition: 0, offset: '1' },
        message: { key: strange },
        unreadable: null,
      });
      expect(raw).toMatchObject({
        topic,
        reason: 'wanted ce_specversion 1.0, found none',
        traceparent,
        origin: { topic, partition: 0, offset: '0' },
        unreadable: { topic: `${topic}.dead-letters`, partition: 0, offset: expect.any(String) },
      });
      const place = z.object({ topic: z.string(), offset: z.string() }).parse(raw?.['unreadable']);
      expect(await recordAt(place)).toEqual(bytes);
      await before.stop();
    },
    testMs,
  );

  test(
    'S58: a record that is no message is not played again, and the answer says where its bytes lie',
    async () => {
      const raw = (await listed()).find(({ message }) => message === null);
      const answer = await call('POST', `/dead-letters/${raw!.id}/replay`, { reason: 'again' });
      expect(answer).toMatchObject({
        status: 409,
        body: {
          code: 'DEAD_LETTER_UNREADABLE',
          detail: expect.stringContaining(`${topic}.dead-letters, partition 0, offset 0`),
        },
      });
      expect((await listed()).find(({ id }) => id === raw!.id)?.replays).toEqual([]);
    },
    testMs,
  );

  test(
    'S58, I41: two operators replay what nobody handled once its handler is there, and it has one effect',
    async () => {
      const paint = operation('seats.paint', { input: trusted<object>(), output: trusted<unknown>() });
      await participate([refusing, { ...refusing, operation: paint }]);
      const letter = (await listed()).find(({ message }) => message !== null);
      const { key } = z.object({ key: z.string() }).parse(letter?.['message']);
      const replay = (reason: string) => call('POST', `/dead-letters/${letter!.id}/replay`, { reason });
      const answers = await Promise.all([replay('the handler is there'), replay('it is there now')]);
      expect(answers.map(({ status }) => status)).toEqual([202, 202]);
      await until('both are answered', () => answersTo(key).length === 2);
      expect(answersTo(key).map(({ type }) => type)).toEqual([
        'seats.paint.succeeded',
        'seats.paint.succeeded',
      ]);
      expect(effects.filter((each) => each === key)).toEqual([key]);
    },
    testMs,
  );

  test(
    'S58, I25: letters that strangers wrote, and ids as long as ids may be, hold up no other letter',
    async () => {
      const known = (await listed()).length;
      const long = { ...command({ type: 'seats.unheard', transactionId: uuidv7(Date.now()) }), id: longId() };
      const producer = client.producer();
      await producer.connect();
      await producer.send({
        topic: `${prefix}${topic}.dead-letters`,
        messages: [
          { key: 'k', value: 'anything', headers: { dead_letter_topic: 'another', dead_letter_offset: 'x' } },
        ],
      });
      await producer.disconnect();
      await buses[0]!.send([long]);
      const last = await ask('seats.unheard');
      await until('the last is listed', async () =>
        (await listed()).some(({ message }) => keyOf(message) === last),
      );
      const news = (await listed()).slice(0, -known);
      expect(news).toHaveLength(3);
      expect(news.filter(({ message }) => message === null)).toMatchObject([{ origin: null }]);
    },
    testMs,
  );
});

function isPoison(payload: unknown): boolean {
  return typeof payload === 'object' && payload !== null && 'poison' in payload;
}

function keyOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'key' in message ? message.key : undefined;
}

/** The longest id whose letter has an id that is not too long, of characters that no compression makes small. */
function longId(): string {
  const characters = Array.from({ length: 1_012 }, (_, index) =>
    String.fromCodePoint(0x4e00 + ((index * 7_919) % 20_000)),
  );
  return characters.join('');
}
