/**
 * Goal: an operator pauses a topic for a service and all its processes obey, whatever restarts, until somebody resumes it.
 * Method: processes by `start` over one throwaway Postgres and one broker in memory; everything is said and seen by HTTP.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { succeeded } from '@sagamore/engine';
import { MemoryBroker, MemoryBus } from '@sagamore/memory';
import { uuidv7 } from '@sagamore/primitives';
import { commandMessage, inboxTopic, operation, SystemClock, type ReplyOf } from '@sagamore/runtime';
import type { DynamicModule } from '@nestjs/common';
import { z } from 'zod';
import { RouteRecord } from '../../../../test/support/routes.js';
import { testPostgres } from '../../../../test/support/postgres.js';
import { start, type RunningApp } from '../bootstrap.js';
import { readConfig } from '../config.js';
import type { Host } from '../host.js';
import { Handles, Participant } from '../participant.decorators.js';
import { SagamoreModule } from '../sagamore.module.js';

const ring = operation('bell.ring', { input: z.object({ n: z.int() }), output: z.object({}) });
const knock = operation('door.knock', { input: z.object({}), output: z.object({}) });
const token = 'a-token-of-some-length';
const bell = '/consumers/bell.commands/bell';
const reason = 'the database is being moved';

let rung: number[] = [];

@Participant('bell')
class Bell {
  @Handles(ring)
  async ring({ payload }: { readonly payload: { readonly n: number } }): Promise<ReplyOf<typeof ring>> {
    rung.push(payload.n);
    return succeeded({});
  }
}

@Participant('door')
class Door {
  @Handles(knock)
  async knock(): Promise<ReplyOf<typeof knock>> {
    return succeeded({});
  }
}

class BellModule {}
class DoorModule {}
class HouseModule {}

function house(host: Host): DynamicModule {
  const imports = [
    {
      module: BellModule,
      imports: [SagamoreModule.forService({ host, service: 'bell' })],
      controllers: [Bell],
    },
    {
      module: DoorModule,
      imports: [SagamoreModule.forService({ host, service: 'door' })],
      controllers: [Door],
    },
  ];
  return { module: HouseModule, imports };
}

let env: Record<string, string>;
let broker: MemoryBroker;
const running: RunningApp[] = [];
const clock = new SystemClock();

beforeAll(async () => {
  const postgres = await testPostgres();
  env = {
    DATABASE_URL_BELL: await postgres.freshDatabase(),
    DATABASE_URL_DOOR: await postgres.freshDatabase(),
    LOG_LEVEL: 'silent',
    PORT: '0',
    OPERATOR_TOKEN: token,
    OPERATOR_NAME: 'ada',
  };
}, 60_000);

beforeEach(() => {
  broker = new MemoryBroker();
  rung = [];
});

afterEach(async () => {
  for (const app of running.splice(0)) await app.stop();
});

afterAll(async () => (await testPostgres()).stop());

async function started(prepare?: RouteRecord['listen']): Promise<RunningApp> {
  const bus = new MemoryBus({ clock, broker });
  const options = { service: 'house', module: house, config: readConfig(env), bus };
  const app = await start({ ...options, ...(prepare && { prepare }) });
  running.push(app);
  return app;
}

const consumer = z.object({
  service: z.string(),
  topic: z.string(),
  group: z.string(),
  status: z.string(),
  since: z.string().nullable(),
  by: z.string().nullable(),
  reason: z.string().nullable(),
  lag: z.number().nullable(),
  healthy: z.boolean().nullable(),
});

async function ask(app: RunningApp, path: string, body?: unknown) {
  const response = await fetch(`${app.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  return { status: response.status, answer };
}

async function listOf(app: RunningApp): Promise<readonly z.infer<typeof consumer>[]> {
  return z.object({ items: z.array(consumer) }).parse((await ask(app, '/consumers')).answer).items;
}

async function bellOf(app: RunningApp): Promise<z.infer<typeof consumer> | undefined> {
  return (await listOf(app)).find(({ topic, group }) => topic === 'bell.commands' && group === 'bell');
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = clock.now() + 10_000;
  while (!(await condition())) {
    if (clock.now() > deadline) throw new Error(`waited 10 s until ${what}`);
    await new Promise<void>((resolve) => void clock.after(20, resolve));
  }
}

async function send(app: RunningApp, n: number): Promise<void> {
  const command = {
    type: 'send',
    participant: 'bell',
    messageType: 'bell.ring',
    operation: 'action',
    branchId: 'ring',
    generation: 1,
    attempt: 1,
    payload: { n },
  } as const;
  const context = { transactionId: uuidv7(Date.now()), at: 0, replyTo: { topic: inboxTopic, partition: 0 } };
  await app.host.bus.send([commandMessage(command, context)]);
}

test('I41: paused by one process, obeyed by all and by each that starts, resumed by another: nothing is lost', async () => {
  const [one, two] = [await started(), await started()];
  expect(await bellOf(one)).toMatchObject({ service: 'bell', status: 'running', by: null, healthy: true });
  const paused = await ask(one, `${bell}/pause`, { reason });
  expect(paused).toMatchObject({
    status: 200,
    answer: { service: 'bell', status: 'paused', by: 'ada', reason },
  });
  const { since } = consumer.parse(paused.answer);
  expect(Math.abs(Date.parse(since ?? '') - Date.now())).toBeLessThan(60_000);
  await until('the other process obeys', async () => (await bellOf(two))?.status === 'paused');

  for (let n = 0; n < 5; n++) await send(one, n);
  await two.stop();
  const three = await started();
  expect(await bellOf(three)).toMatchObject({ status: 'paused', since, by: 'ada', reason, healthy: true });
  expect((await fetch(`${three.url}/health/ready`)).status).toBe(200);
  const metrics = async () => {
    const response = await fetch(`${three.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    return response.text();
  };
  const gauge = 'sagamore_consumer_paused{service="bell",topic="bell.commands",group="bell"}';
  expect(await metrics()).toContain(`${gauge} 1`);
  expect(await metrics()).toContain(
    'sagamore_consumer_paused{service="door",topic="door.commands",group="door"} 0',
  );
  const lag = async () => ((await bellOf(one))?.lag ?? 0) + ((await bellOf(three))?.lag ?? 0);
  expect([rung, await lag()]).toEqual([[], 5]);

  const resumed = await ask(three, `${bell}/resume`, { reason: 'it has moved' });
  expect(resumed).toMatchObject({ status: 200, answer: { status: 'running', since: null, by: null } });
  await until('all are rung', () => rung.length === 5);
  expect(rung.toSorted()).toEqual([0, 1, 2, 3, 4]);
  await until('the other process obeys', async () => (await bellOf(one))?.status === 'running');
  expect(await metrics()).toContain(`${gauge} 0`);
}, 30_000);

test('pausing again, and resuming again, change nothing', async () => {
  const app = await started();
  const first = await ask(app, `${bell}/pause`, { reason });
  const second = await ask(app, `${bell}/pause`, { reason: 'somebody else has a reason too' });
  expect(second).toEqual(first);
  const resumed = await ask(app, `${bell}/resume`, { reason: 'enough' });
  expect(await ask(app, `${bell}/resume`, { reason: 'enough' })).toEqual(resumed);
});

test('every service of the process is listed with what it reads', async () => {
  const items = await listOf(await started());
  expect(items.map(({ service, topic, group }) => `${service} ${topic} ${group}`)).toEqual([
    'bell bell.commands bell',
    'bell bell.settlements bell.settlements',
    'bell orchestrator.horizon bell.horizon',
    'door door.commands door',
    'door door.settlements door.settlements',
    'door orchestrator.horizon door.horizon',
  ]);
});

test.each([
  [
    'a topic that the group does not read',
    '/consumers/bell.commands/door/pause',
    { reason },
    404,
    { code: 'CONSUMER_UNKNOWN' },
  ],
  ['a path that is none', '/consumers/%00/bell/resume', { reason }, 400, {}],
  ['no reason', `${bell}/pause`, {}, 400, { code: 'REQUEST_INVALID', errors: [{ pointer: '/reason' }] }],
  [
    'a reason of blanks',
    `${bell}/pause`,
    { reason: '  ' },
    400,
    { code: 'REQUEST_INVALID', errors: [{ pointer: '/reason' }] },
  ],
  ['a reason without end', `${bell}/resume`, { reason: 'x'.repeat(501) }, 400, { code: 'REQUEST_INVALID' }],
  ['a word too many', `${bell}/pause`, { reason, for: 'ever' }, 400, { code: 'REQUEST_INVALID' }],
])('%s is told as a problem, and nothing is paused', async (_what, path, body, status, problem) => {
  const app = await started();
  expect(await ask(app, path, body)).toMatchObject({ status, answer: problem });
  expect((await bellOf(app))?.status).toBe('running');
});

test('R29: without the token nothing is shown and nothing paused', async () => {
  const app = await started();
  const answers = [
    await fetch(`${app.url}/consumers`),
    await fetch(`${app.url}${bell}/pause`, { method: 'POST' }),
    await fetch(`${app.url}${bell}/resume`, { method: 'POST' }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
});

test('its routes are described as they are', async () => {
  const routes = new RouteRecord();
  const { url } = await started(routes.listen);
  expect(await routes.differences(url)).toEqual([]);
});
