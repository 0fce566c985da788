/**
 * Goal: a command that nobody could handle is found among the dead letters, and once its handler is there a person lets it be
 * handled after all; two people who do so have one effect.
 * Method: the real orchestrator over real HTTP and a real Postgres; a participant with a barrier of its own in another
 * database, first without the handler and then with it; the bus in memory.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { saga, sagaProtocol, succeeded } from '@sagamore/engine';
import { MemoryBroker, MemoryBus } from '@sagamore/memory';
import { bootstrap, readConfig, type RunningApp } from '@sagamore/platform';
import { operation, Participant, SystemClock, type Handler, type Message } from '@sagamore/runtime';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { command, transactionOne, trusted } from '../../../test/support/runtime.js';
import { OrchestratorModule } from './orchestrator.module.js';

const serverMsMax = 60_000;
const clock = new SystemClock();
const broker = new MemoryBroker();
const hold = operation('seats.hold', { input: trusted<object>(), output: trusted<unknown>(), undo: 'free' });
const trip = saga<object>('trip', { version: 1 })
  .step('hold', hold, ({ input }) => input)
  .define();

const letters = z.object({
  items: z.array(
    z.looseObject({
      id: z.string(),
      reason: z.string(),
      origin: z.unknown(),
      message: z.unknown(),
      replays: z.array(z.unknown()),
    }),
  ),
});

let server: TestPostgres;
let running: RunningApp;
let ports: PostgresPorts;
let effects = 0;
const participants: Participant[] = [];
const replies: Message[] = [];

beforeAll(async () => {
  server = await testPostgres();
  const DATABASE_URL_ORCHESTRATOR = await server.freshDatabase();
  const config = readConfig({ DATABASE_URL_ORCHESTRATOR, LOG_LEVEL: 'silent', PORT: '0', SHARDS: '2' });
  const module = (host: Parameters<typeof OrchestratorModule.forRoot>[0]) =>
    OrchestratorModule.forRoot(host, [sagaProtocol(trip)]);
  running = await bootstrap({
    service: 'orchestrator',
    module,
    config,
    bus: new MemoryBus({ clock, broker }),
  });
  ports = await openPostgresPorts();
  const inbox = { topic: 'orchestrator.inbox', group: 'spec' };
  await new MemoryBus({ clock, broker }).subscribe({
    ...inbox,
    handle: async (batch) => void replies.push(...batch.map(({ message }) => message)),
  });
}, serverMsMax);

afterAll(async () => {
  await Promise.all(participants.map((each) => each.stop()));
  await running?.stop();
  await ports?.close();
  await server?.stop();
}, serverMsMax);

async function participate(handlers: readonly Handler[]): Promise<Participant> {
  const { database, barrier, intents } = ports;
  const bus = new MemoryBus({ clock, broker });
  const participant = new Participant(
    { database, barrier, intents, bus, clock },
    { service: 'seats', owner: 'seats', handlers },
  );
  await participant.start();
  participants.push(participant);
  return participant;
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 20_000; !(await condition()); await pause(10))
    if (performance.now() > deadline) throw new Error(`waited 20 s until ${what}`);
}

async function ask(method: string, path: string, body?: unknown) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(`${running.url}${path}`, { method, headers, ...sent });
  return { status: response.status, body: (await response.json()) as unknown };
}

const listed = async () => letters.parse((await ask('GET', '/dead-letters')).body).items;

test(
  'S58, I25, I41: a dead letter that two operators replay has one effect, and both leave name, reason and time',
  async () => {
    const before = await participate([]);
    const asked = command({ type: 'seats.hold' });
    await new MemoryBus({ clock, broker }).send([asked]);
    await until('it is among the dead letters', async () => (await listed()).length === 1);
    const [letter] = await listed();
    expect(letter).toMatchObject({
      reason: 'no handler for seats.hold',
      origin: { topic: 'seats.commands' },
      message: { id: asked.id, key: transactionOne },
      replays: [],
    });

    await before.stop();
    await participate([
      {
        effect: 'local',
        half: 'action',
        operation: hold,
        handle: async (commands) => {
          effects += commands.length;
          return commands.map(() => succeeded({}));
        },
      },
    ]);
    const replay = (reason: string) => ask('POST', `/dead-letters/${letter!.id}/replay`, { reason });
    const answers = await Promise.all([replay('the handler is there'), replay('it is there now')]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    const counts = answers.map(({ body }) => z.object({ replays: z.number() }).parse(body).replays);
    expect(counts.toSorted()).toEqual([1, 2]);

    await until('both replays are answered', () => replies.length === 2);
    expect(replies.map(({ type }) => type)).toEqual(['seats.hold.succeeded', 'seats.hold.succeeded']);
    expect(effects).toBe(1);
    const [replayed] = await listed();
    expect(replayed?.replays).toMatchObject([
      { actor: 'operator', before: 0, at: expect.any(String) },
      { actor: 'operator', before: 1, at: expect.any(String) },
    ]);
  },
  serverMsMax,
);

test('what nobody knows is a 404, and a replay without a reason is refused', async () => {
  expect(await ask('POST', '/dead-letters/999/replay', { reason: 'why not' })).toMatchObject({
    status: 404,
    body: { code: 'DEAD_LETTER_UNKNOWN' },
  });
  expect((await ask('POST', '/dead-letters/1/replay', {})).status).toBe(400);
});
