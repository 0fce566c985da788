/**
 * Goal: the operators' API as people and scripts meet it: what starts once, what acts once, what is refused, and where the
 * second finds the transaction. Method: the real orchestrator over real HTTP and a real Postgres, with the bus in memory;
 * the test plays the participant.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { saga, sagaProtocol, succeeded, type Reply } from '@sagamore/engine';
import { MemoryBus } from '@sagamore/memory';
import { bootstrap, readConfig, type RunningApp } from '@sagamore/platform';
import { PostgresDatabase } from '@sagamore/postgres';
import { uuidv7 } from '@sagamore/primitives';
import {
  operation,
  replyMessage,
  SystemClock,
  type CommandData,
  type DeclaredProtocol,
  type Message,
} from '@sagamore/runtime';
import { z } from 'zod';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { RouteRecord } from '../../../test/support/routes.js';
import { OrchestratorModule } from './orchestrator.module.js';
import { placeOrder } from './transactions/place-order.saga.js';

const serverMsMax = 60_000;
const clock = new SystemClock();
const input = z.strictObject({ seats: z.int().min(1).max(9), deadlineMs: z.int().optional() });
const output = z.unknown();
const hold = operation('seats.hold', { input, output, undo: 'free' });
const issue = operation('seats.issue', { input: z.unknown(), output });
const patience = { timeoutMs: 60_000 };

/** Seats are held, somebody approves within the time, tickets are issued. */
const trip = saga<z.infer<typeof input>>('trip', { version: 1 })
  .step('hold', hold, ({ input: given }) => given, patience)
  .approval('manager', { deadlineMs: 300 })
  .step('issue', issue, ({ results }) => results.manager.by ?? 'nobody', {
    ...patience,
    nothingToUndo: true,
  })
  .define();
const quiet = saga<z.infer<typeof input>>('quiet', { version: 1 })
  .step('hold', hold, ({ input: given }) => given, patience)
  .approval('manager')
  .step('issue', issue, () => 1, { ...patience, pivot: true })
  .define();
const approval = z.strictObject({ approved: z.boolean(), by: z.string().max(50).optional() });
const declared = [trip, quiet].map((definition): DeclaredProtocol => {
  return { ...sagaProtocol(definition), schemas: { input, signals: { manager: approval } } };
});

let server: TestPostgres;
let running: RunningApp;
let bus: MemoryBus;
let database: PostgresDatabase;
let keys = 0;
/** What seats answers; silence where it answers nothing. */
let answer: (command: CommandData) => Reply | undefined = () => succeeded({});
const asked: CommandData[] = [];
const routes = new RouteRecord();

beforeAll(async () => {
  server = await testPostgres();
  const DATABASE_URL_ORCHESTRATOR = await server.freshDatabase();
  const config = readConfig({ DATABASE_URL_ORCHESTRATOR, LOG_LEVEL: 'silent', PORT: '0', SHARDS: '2' });
  bus = new MemoryBus({ clock });
  const protocols = [...declared, sagaProtocol(placeOrder)];
  const module = (host: Parameters<typeof OrchestratorModule.forRoot>[0]) =>
    OrchestratorModule.forRoot(host, protocols);
  running = await bootstrap({ service: 'orchestrator', module, config, bus, prepare: routes.listen });
  database = running.app.get(PostgresDatabase, { strict: false });
  await bus.subscribe({
    topic: 'seats.commands',
    group: 'seats',
    handle: async (batch) => {
      const commands = batch.map(({ message }) => message as Message<CommandData>);
      asked.push(...commands.map(({ data }) => data));
      const replies = commands.flatMap((command) => {
        const reply = answer(command.data);
        return reply === undefined ? [] : [replyMessage(command, reply, { source: 'seats', at: 1 })];
      });
      await bus.send(replies);
    },
  });
}, serverMsMax);

afterAll(async () => {
  await running?.stop();
  await server?.stop();
}, serverMsMax);

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function ask(method: string, path: string, body?: unknown, key?: string): Promise<Answer> {
  const headers = {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(key !== undefined && { 'idempotency-key': key }),
  };
  const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
  const response = await fetch(`${running.url}${path}`, { method, headers, ...sent });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const start = (definition: string, key = `k-${keys++}`, seats = 2) =>
  ask('POST', '/transactions', { definition, input: { seats } }, key);
const wish = (id: string, what: string, more: object = {}) =>
  ask('POST', `/transactions/${id}/${what}`, { reason: 'seen to', ...more });
const signal = (id: string, payload: unknown, key = `s-${keys++}`, name = 'manager') =>
  ask('POST', `/transactions/${id}/signals/${name}`, { payload }, key);
const inspect = async (id: string) => (await ask('GET', `/transactions/${id}`)).body;

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = clock.now() + 15_000;
  while (!(await condition())) {
    if (clock.now() > deadline) throw new Error('the condition did not come true');
    await new Promise<void>((resolve) => void clock.after(10, resolve));
  }
}

const reaches = (id: string, status: string) => until(async () => (await inspect(id))['status'] === status);

/** A transaction that waits for its manager. */
async function waiting(definition = 'quiet'): Promise<string> {
  const { body } = await start(definition);
  const id = String(body['transactionId']);
  // Or more: on a slow machine its short deadline may have passed already.
  await until(async () => Number((await inspect(id))['journalVersion']) >= 1);
  return id;
}

const count = async (sql: string, values: readonly unknown[] = []): Promise<number> =>
  Number(
    (await database.dataSource.query<{ n: string }[]>(`select count(*) as n from ${sql}`, [...values]))[0]?.n,
  );

describe('POST /transactions', () => {
  test('S42: of starts with one key at the same moment all carry the id of the one that began', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => start('quiet', 'one-key')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const ids = new Set(answers.map(({ body }) => String(body['transactionId'])));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    await until(async () => (await inspect(id))['journalVersion'] === 1);
    expect(await count('transaction where transaction_id = $1', [id])).toBe(1);
    expect(asked.filter(({ transactionId }) => transactionId === id)).toHaveLength(1);
  });

  test('S43: the same key with another body is refused, and the first is untouched', async () => {
    const first = await start('quiet', 'reused');
    const before = await count('accepted_start');
    expect(await start('quiet', 'reused', 3)).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    expect(await count('accepted_start')).toBe(before);
    expect(await start('quiet', 'reused')).toEqual(first);
  });

  test('S46: a repeat gets the same answer while the first runs, and after its end', async () => {
    const first = await start('trip', 'again');
    const id = String(first.body['transactionId']);
    expect(await start('trip', 'again')).toEqual(first);
    await signal(id, { approved: true });
    await reaches(id, 'completed');
    expect(await start('trip', 'again')).toEqual(first);
  });

  test.each([
    ['B21: no key', { definition: 'quiet', input: { seats: 1 } }, undefined, 400, 'IDEMPOTENCY_KEY_MISSING'],
    [
      'B27: a key with a space',
      { definition: 'quiet', input: { seats: 1 } },
      'a b',
      400,
      'IDEMPOTENCY_KEY_INVALID',
    ],
    ['a definition that nobody knows', { definition: 'quite', input: {} }, 'x1', 422, 'DEFINITION_UNKNOWN'],
    [
      'one that only its service starts',
      { definition: 'place-order', input: {} },
      'x2',
      422,
      'DEFINITION_NOT_STARTABLE',
    ],
    [
      'B36: an input of the wrong type',
      { definition: 'quiet', input: { seats: '2' } },
      'x3',
      400,
      'REQUEST_INVALID',
    ],
    [
      'B36: seats that overflow',
      { definition: 'quiet', input: { seats: 2 ** 53 } },
      'x4',
      400,
      'REQUEST_INVALID',
    ],
    [
      'B17: an input with more than is asked',
      { definition: 'quiet', input: { seats: 1, paid: true } },
      'x5',
      400,
      'REQUEST_INVALID',
    ],
    [
      'B17: a body with more than is asked',
      { definition: 'quiet', input: { seats: 1 }, transactionId: uuidv7(1) },
      'x6',
      400,
      'REQUEST_INVALID',
    ],
    [
      'B31: SQL for a definition',
      { definition: "'; drop table transaction;--", input: {} },
      'x7',
      400,
      'REQUEST_INVALID',
    ],
    ['B33: an object for a definition', { definition: { $gt: '' }, input: {} }, 'x8', 400, 'REQUEST_INVALID'],
    [
      'B46: text that cannot be stored',
      '{"definition":"quiet","input":{"seats":1,"\\u0000":1}}',
      'x9',
      400,
      'REQUEST_MALFORMED',
    ],
    [
      'B49: a body nested 10 000 deep',
      `{"definition":"quiet","input":${'['.repeat(10_000)}`,
      'x10',
      400,
      'REQUEST_MALFORMED',
    ],
    [
      'S105, B50: an input beyond the limit',
      { definition: 'quiet', input: { seats: 1, note: 'x'.repeat(300_000) } },
      'x11',
      413,
      'BODY_TOO_LARGE',
    ],
    ['B53: no JSON', 'start!', 'x12', 400, 'REQUEST_MALFORMED'],
  ])('%s is refused, and nothing is written', async (_what, body, key, status, code) => {
    const before = await count('accepted_start');
    expect(await ask('POST', '/transactions', body, key)).toMatchObject({ status, body: { code } });
    expect(await count('accepted_start')).toBe(before);
  });
});

describe('GET /transactions', () => {
  test.each(['sort=status;drop', 'order=desc,(select%201)', 'sort=created_at'])(
    'B32: ?%s is refused, for there is one order alone',
    async (query) => expectRefused(`/transactions?${query}`),
  );

  test.each(['definition=%25', 'definition=quie_', 'definition=q%25', `definition=${'%25'.repeat(400)}`])(
    'B35: ?%s is no pattern, and is refused',
    async (query) => expectRefused(`/transactions?${query}`),
  );

  test.each([
    'startedAfter=0000-00-00',
    'startedAfter=%2B275761-01-01T00:00:00Z',
    'startedBefore=2026-01-01T00:00:00%2B99:99',
  ])('B65: ?%s is refused, like every filter that there is not', async (query) =>
    expectRefused(`/transactions?${query}`),
  );

  test.each([
    'limit=-1',
    'limit=0',
    'limit=1e9',
    'limit=501',
    'page=-1',
    'cursor=abc',
    'cursor=%27%20or%201%3D1--',
  ])('B64: ?%s is refused', async (query) => expectRefused(`/transactions?${query}`));

  test.each(['status=parked&status=executing', 'status[$ne]=parked', 'status[]=parked', 'status=PARKED'])(
    'B68: ?%s is refused',
    async (query) => expectRefused(`/transactions?${query}`),
  );

  test.each(['fields=input', 'include=journal'])(
    'B20: ?%s is refused on the list, and shows no input of one transaction',
    async (query) => {
      await expectRefused(`/transactions?${query}`);
      const id = await waiting();
      const { status, body } = await ask('GET', `/transactions/${id}?${query}`);
      expect(status).toBe(200);
      expect(body).toEqual(await inspect(id));
      expect(JSON.stringify(body)).not.toContain('seats":');
    },
  );

  test('B70: fifty lists at once are served beside everything else', async () => {
    const lists = Array.from({ length: 50 }, () => ask('GET', '/transactions?limit=500'));
    expect((await ask('GET', '/health/live')).status).toBe(200);
    for (const { status } of await Promise.all(lists)) expect(status).toBe(200);
  });

  async function expectRefused(path: string): Promise<void> {
    expect(await ask('GET', path)).toMatchObject({ status: 400, body: { status: 400 } });
    expect(Reflect.get({}, 'x')).toBeUndefined();
  }
});

describe('the process', () => {
  test('B91: serves what it describes, and nothing else', async () => {
    expect(await routes.differences(running.url)).toEqual([]);
  });
});

describe('signals', () => {
  test('S36, S39: one that comes before its transaction has begun is taken, and delivered when it has', async () => {
    const id = uuidv7(Date.now());
    const given = { transactionId: id, definition: 'quiet', input: { seats: 2 } };
    await database.dataSource.query(
      `insert into accepted_start (actor, key, transaction_id, request_hash, definition, shard, input)
       values ('ann', 'early', $1, 'h', $2, 1, $3)`,
      [id, given.definition, JSON.stringify(given.input)],
    );
    expect(await inspect(id)).toMatchObject({ status: 'accepted' });
    expect((await signal(id, { approved: true })).status).toBe(202);
    expect(await signal(uuidv7(1), { approved: true })).toMatchObject({ status: 404 });
    const topic = 'orchestrator.inbox';
    const envelope = { source: 'test', topic, key: id, partition: 1, occurredAt: 1 };
    await bus.send([
      { ...envelope, id: `${id}/start`, type: 'transaction.start', data: given },
      { ...envelope, id: `${id}/look`, type: 'transaction.wish', data: { transactionId: id } },
    ]);
    await reaches(id, 'completed');
  });

  test('S40: one that is sent twice is delivered once and answered alike; the same key for another word is a 422', async () => {
    const id = await waiting();
    const yes = { approved: true, by: 'eve' };
    expect((await signal(id, yes, 'word')).status).toBe(202);
    await reaches(id, 'completed');
    expect((await signal(id, yes, 'word')).status).toBe(202);
    expect(await signal(id, { approved: false }, 'word')).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    expect(asked.filter((each) => each.transactionId === id && each.branchId === 'issue')).toMatchObject([
      { payload: 1 },
    ]);
    const { words } = await inspect(id);
    expect(words).toMatchObject([{ type: 'signal-received', name: 'manager' }]);
  });

  test('S41, S34: approvals that race with their expiry, and with one another, come to what they were answered', async () => {
    const ids = await Promise.all(Array.from({ length: 12 }, () => waiting('trip')));
    // Around the deadline, so that some come before it and some after.
    const answers = await Promise.all(
      ids.map(async (id, index) => {
        await new Promise<void>((resolve) => void clock.after(40 * index, resolve));
        const both = await Promise.all([signal(id, { approved: true }), signal(id, { approved: true })]);
        return { id, won: both.filter(({ status }) => status === 202).length, both };
      }),
    );
    for (const { id, won, both } of answers) {
      await until(async () => ['completed', 'compensated'].includes(String((await inspect(id))['status'])));
      const { status } = await inspect(id);
      expect([won, status]).toEqual([won > 0 ? 1 : 0, won > 0 ? 'completed' : 'compensated']);
      for (const { status: http, body } of both)
        if (http !== 202)
          expect([http, body]).toMatchObject([409, { current: { status: expect.any(String) } }]);
    }
    const issued = asked.filter(
      ({ branchId, transactionId }) => branchId === 'issue' && ids.includes(transactionId),
    );
    expect(issued).toHaveLength(answers.filter(({ won }) => won > 0).length);
  }, 30_000);

  test('S41: who answers after the expiry is told the outcome', async () => {
    const id = await waiting('trip');
    await reaches(id, 'compensated');
    expect(await signal(id, { approved: true })).toMatchObject({
      status: 409,
      body: {
        code: 'TRANSACTION_ENDED',
        current: {
          status: 'compensated',
          reason: { kind: 'timed-out', step: 'manager' },
          journalVersion: expect.any(Number),
        },
      },
    });
  });

  test.each([
    ['an unknown transaction', uuidv7(1), 'manager', { approved: true }, 404, 'TRANSACTION_UNKNOWN'],
    [
      'B31: an id that is none',
      '%27%20OR%201%3D1',
      'manager',
      { approved: true },
      404,
      'TRANSACTION_UNKNOWN',
    ],
    ['a name that is not awaited', undefined, 'boss', { approved: true }, 422, 'SIGNAL_UNKNOWN'],
    [
      'B67: a name that reaches for a prototype',
      undefined,
      '__proto__',
      { approved: true },
      422,
      'SIGNAL_UNKNOWN',
    ],
    ['B33: a payload of the wrong type', undefined, 'manager', { approved: 'yes' }, 400, 'REQUEST_INVALID'],
    ['no payload where one is due', undefined, 'manager', undefined, 400, 'REQUEST_INVALID'],
    [
      'S105: a payload beyond the limit',
      undefined,
      'manager',
      { approved: true, by: 'x'.repeat(300_000) },
      413,
      'BODY_TOO_LARGE',
    ],
  ])('%s is refused, and nothing is saved', async (_what, given, name, payload, status, code) => {
    const id = given ?? (await waiting());
    const before = await count('audit');
    expect(await signal(id, payload, undefined, name)).toMatchObject({ status, body: { code } });
    expect(await count('audit')).toBe(before);
  });

  test('S39: one that comes with the start still under way is not lost', async () => {
    const { body } = await start('quiet');
    const id = String(body['transactionId']);
    await until(async () => (await signal(id, { approved: true }, 'early')).status === 202);
    await reaches(id, 'completed');
  });
});

describe('cancel and repair', () => {
  test('S31, S94: of ten who cancel at once one acts, and the others are told so', async () => {
    const id = await waiting();
    const answers = await Promise.all(Array.from({ length: 10 }, () => wish(id, 'cancel')));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(new Set(answers.filter(({ status }) => status !== 202).map(({ status }) => status))).toEqual(
      new Set([409]),
    );
    await reaches(id, 'compensated');
    const { words, reason } = await inspect(id);
    expect(reason).toMatchObject({ kind: 'cancelled', actor: 'operator', because: 'seen to' });
    expect(words).toHaveLength(1);
    expect(await count(`audit where transaction_id = $1 and heard_at is not null`, [id])).toBe(1);
  });

  test('S33: cancellations that race with the pivot lead to one end each, on both sides', async () => {
    const ids = await Promise.all(Array.from({ length: 16 }, () => waiting()));
    const answers = await Promise.all(
      ids.map(async (id, index) => {
        const word = signal(id, { approved: true });
        if (index % 2 === 0) await word;
        const cancelled = await wish(id, 'cancel');
        await word;
        return cancelled;
      }),
    );
    for (const [index, id] of ids.entries()) {
      await until(async () => ['completed', 'compensated'].includes(String((await inspect(id))['status'])));
      const { status } = await inspect(id);
      const done = asked.filter((each) => each.transactionId === id && each.branchId === 'issue').length;
      const undone = asked.filter(
        (each) => each.transactionId === id && each.operation === 'compensation',
      ).length;
      expect([done, undone]).toEqual(status === 'completed' ? [1, 0] : [0, 1]);
      if (answers[index]?.status === 409) expect(status).toBe('completed');
    }
  }, 30_000);

  test.each(['${jndi:ldap://x}', '{{7*7}}', '#{7*7}', '`id`', '$(id)', '<script>alert(1)</script>'])(
    'B34, B100: the reason %s is text, and stays that',
    async (reason) => {
      const id = await waiting();
      expect((await wish(id, 'pause', { reason })).status).toBe(202);
      await until(async () => JSON.stringify((await inspect(id))['words']).includes(JSON.stringify(reason)));
      const [row] = await database.dataSource.query<{ reason: string }[]>(
        'select reason from audit where transaction_id = $1',
        [id],
      );
      expect(row?.reason).toBe(reason);
    },
  );

  test('S32: terminate ends it as it is, and the audit says who gave up what', async () => {
    const id = await waiting();
    expect((await wish(id, 'terminate')).status).toBe(202);
    await reaches(id, 'terminated');
    expect(await inspect(id)).toMatchObject({
      reason: { kind: 'terminated', actor: 'operator', abandoned: ['hold'] },
    });
    expect(asked.filter(({ transactionId }) => transactionId === id)).toHaveLength(1);
    expect(await wish(id, 'cancel')).toMatchObject({ status: 409, body: { code: 'TRANSACTION_ENDED' } });
  });

  test('S94: set-result twice acts once; a version that is not the present one is told the present one', async () => {
    answer = () => undefined;
    const { body } = await start('quiet');
    const id = String(body['transactionId']);
    await until(async () => (await inspect(id))['status'] === 'executing');
    expect(await wish(id, 'set-result', { step: 'hold', output: 1, journalVersion: 7 })).toMatchObject({
      status: 409,
      body: { code: 'VERSION_CHANGED', current: { status: 'executing', journalVersion: 0 } },
    });
    const settle = () => wish(id, 'set-result', { step: 'hold', output: 1, journalVersion: 0 });
    const both = await Promise.all([settle(), settle()]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([202, 409]);
    await until(async () => (await inspect(id))['journalVersion'] === 1);
    expect(await inspect(id)).toMatchObject({ words: [{ type: 'operator-set-result', name: 'hold' }] });
    expect(await wish(id, 'skip', { step: 'hold' })).toMatchObject({
      status: 409,
      body: { code: 'NOTHING_TO_DO' },
    });
    answer = () => succeeded({});
  });

  test('S96: a paused transaction keeps what it hears, and goes on when it is resumed', async () => {
    const id = await waiting();
    expect((await wish(id, 'pause')).status).toBe(202);
    await until(async () => (await inspect(id))['journalVersion'] === 2);
    expect(await wish(id, 'pause')).toMatchObject({ status: 409, body: { code: 'NOTHING_TO_DO' } });
    expect((await signal(id, { approved: true })).status).toBe(202);
    await until(async () => (await inspect(id))['journalVersion'] === 3);
    expect(asked.filter((each) => each.transactionId === id)).toHaveLength(1);
    expect((await wish(id, 'resume')).status).toBe(202);
    await reaches(id, 'completed');
  });

  test.each([
    ['B16: no reason', 'cancel', {}, 400],
    ['B100: a reason of a megabyte', 'cancel', { reason: 'x'.repeat(1_000_000) }, 413],
    ['B17: an actor of their own', 'cancel', { reason: 'x', actor: 'root' }, 400],
    ['a version that is no whole number', 'pause', { reason: 'x', journalVersion: 0.5 }, 400],
    ['a half that does not exist', 'skip', { reason: 'x', step: 'hold', operation: 'undo' }, 400],
    ['no step', 'skip', { reason: 'x' }, 400],
    ['no result', 'set-result', { reason: 'x', step: 'hold' }, 400],
  ])('%s is refused, and nothing is saved', async (_what, what, body, status) => {
    const before = await count('audit');
    expect((await ask('POST', `/transactions/${uuidv7(1)}/${what}`, body)).status).toBe(status);
    expect(await count('audit')).toBe(before);
  });

  test('B16: an action on an ended transaction is a 409', async () => {
    const id = await waiting();
    await wish(id, 'cancel');
    await reaches(id, 'compensated');
    for (const what of ['cancel', 'terminate', 'pause', 'resume'])
      expect(await wish(id, what)).toMatchObject({ status: 409, body: { code: 'TRANSACTION_ENDED' } });
  });
});

describe('POST /bulk', () => {
  test('S107: a bulk cancel reaches running and paused transactions alike, counts them, and counts those at their end apart', async () => {
    answer = () => undefined;
    const definition = 'trip';
    const ids = await Promise.all(
      Array.from({ length: 4 }, async () => String((await start(definition)).body['transactionId'])),
    );
    await until(
      async () => ids.length === asked.filter(({ transactionId }) => ids.includes(transactionId)).length,
    );
    expect((await wish(ids[0] ?? '', 'pause')).status).toBe(202);
    await until(async () => (await inspect(ids[0] ?? ''))['journalVersion'] === 1);
    const body = {
      action: 'cancel',
      filter: { definition },
      perSecond: 1_000,
      reason: 'over',
    };
    const begun = await ask('POST', '/bulk', body);
    expect(begun).toMatchObject({ status: 202, body: { status: 'running' } });
    const path = `/bulk/${String(begun.body['bulkId'])}`;
    await until(async () => (await ask('GET', path)).body['status'] === 'done');
    expect((await ask('GET', path)).body).toMatchObject({
      accepted: 4,
      declined: (await count(`transaction where definition = 'trip'`)) - 4,
    });
    answer = () => succeeded({});
    for (const id of ids)
      await until(async () => JSON.stringify((await inspect(id))['words']).includes('cancel-requested'));
    expect((await ask('POST', `${path}/stop`)).body).toMatchObject({ status: 'done' });
  }, 30_000);

  test.each([
    ['a filter that would reach everybody', { action: 'cancel', filter: {}, perSecond: 1, reason: 'x' }],
    ['B36: a rate of nothing', { action: 'cancel', filter: { status: 'parked' }, perSecond: 0, reason: 'x' }],
    ['B16: no reason', { action: 'resume', filter: { status: 'parked' }, perSecond: 1 }],
    ['an action that is none', { action: 'erase', filter: { status: 'parked' }, perSecond: 1, reason: 'x' }],
  ])('%s is refused', async (_what, body) => {
    expect((await ask('POST', '/bulk', body)).status).toBe(400);
  });

  test('a job that nobody knows is a 404', async () => {
    expect(await ask('GET', `/bulk/${uuidv7(1)}`)).toMatchObject({
      status: 404,
      body: { code: 'BULK_JOB_UNKNOWN' },
    });
  });
});
