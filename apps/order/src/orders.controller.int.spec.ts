/**
 * Goal: the REST API as a customer meets it: what is accepted, what is repeated, what is refused, and that a refusal
 * writes nothing. Method: the real service over real HTTP and a real Postgres, with the bus in memory; the rest of the
 * saga is played by the test.
 */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { productsListedType, stockChangedType } from '@sagamore/contracts';
import { MemoryBus } from '@sagamore/memory';
import { bootstrap, readConfig, type RunningApp } from '@sagamore/platform';
import { PostgresDatabase, statement } from '@sagamore/postgres';
import { uuidv7 } from '@sagamore/primitives';
import { commandMessage, SystemClock, type Message } from '@sagamore/runtime';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { RouteRecord } from '../../../test/support/routes.js';
import { OrderModule } from './order.module.js';

const serverMsMax = 60_000;
const clock = new SystemClock();
const goodBody = {
  customerId: 'ada',
  lines: [{ sku: 'CUP', quantity: 2 }],
  currency: 'EUR',
  paymentToken: 'tok_visa',
  shipTo: { name: 'Ada', street: 'Main 1', city: 'Turin', postcode: '10100', country: 'IT' },
};
const line = { sku: 'CUP', quantity: 1 };

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body where it is JSON. */
  readonly json: Record<string, unknown>;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Sent as it is when it is text or bytes, else as JSON. */
  readonly body?: unknown;
}

let server: TestPostgres;
let running: RunningApp;
let database: PostgresDatabase;
let bus: MemoryBus;
let keys = 0;
const starts: Message[] = [];
const routes = new RouteRecord();

beforeAll(async () => {
  server = await testPostgres();
  const config = readConfig({
    DATABASE_URL_ORDER: await server.freshDatabase(),
    LOG_LEVEL: 'silent',
    PORT: '0',
  });
  bus = new MemoryBus({ clock });
  running = await bootstrap({
    service: 'order',
    module: (host) => OrderModule.forRoot(host),
    config,
    bus,
    prepare: routes.listen,
  });
  database = running.app.get(PostgresDatabase, { strict: false });
  await bus.subscribe({
    topic: 'orchestrator.inbox',
    group: 'test',
    handle: async (batch) => void starts.push(...batch.map(({ message }) => message)),
  });
  expect((await post(goodBody)).status).toBe(503);
  await tellCatalogue();
}, serverMsMax);

afterAll(async () => {
  await running?.stop();
  await server?.stop();
}, serverMsMax);

beforeEach(async () => {
  await database.dataSource.query('truncate orders, outbox');
});

async function tellCatalogue(): Promise<void> {
  const price = (currency: string, amountMinor: number) => ({ currency, amountMinor });
  const products = [
    { sku: 'CUP', name: 'Cup', prices: [price('EUR', 1299), price('JPY', 2000), price('KWD', 4500)] },
    { sku: 'TEE', name: 'Tee', prices: [price('EUR', 2500)] },
    { sku: 'YACHT', name: 'Yacht', prices: [price('EUR', 999_999_999_999)] },
  ];
  const told = { source: 'inventory', topic: 'inventory.events', key: 'catalogue', occurredAt: 1 };
  await bus.send([
    { ...told, id: '1', type: productsListedType, data: { products } },
    { ...told, id: '2', type: productsListedType, data: { products: 'not a listing' } },
    {
      ...told,
      id: '3',
      type: stockChangedType,
      data: { levels: [{ sku: 'CUP', available: 7, version: 1 }] },
    },
  ]);
  await until(async () => JSON.stringify((await get('/products')).json).includes('"available":7'));
}

/** Waits for a condition, at most ten seconds. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = clock.now() + 10_000;
  while (!(await condition())) {
    if (clock.now() > deadline) throw new Error('the condition did not come true');
    await new Promise<void>((resolve) => void clock.after(10, resolve));
  }
}

function ask(path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${running.url}${path}`, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) });
      });
    });
    request.on('error', reject);
    request.end(
      body === undefined || typeof body === 'string' || body instanceof Uint8Array
        ? body
        : JSON.stringify(body),
    );
  });
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function get(path: string): Promise<Answer> {
  return ask(path);
}

function post(body: unknown, headers: Asked['headers'] = {}): Promise<Answer> {
  const own = { 'content-type': 'application/json', 'idempotency-key': `key-${++keys}` };
  return ask('/orders', { method: 'POST', headers: { ...own, ...headers }, body });
}

async function orderCount(): Promise<number> {
  const [row] = await database.read<{ n: number }>(
    statement('test-count', 'select count(*)::int as n from orders'),
  );
  return row!.n;
}

/** A problem in the form that every refusal has, with nothing written beside it. */
async function expectRefusal(answer: Answer, ...statuses: number[]): Promise<void> {
  expect(statuses).toContain(answer.status);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json).toMatchObject({ status: answer.status, code: expect.stringMatching(/^[A-Z_]+$/) });
  expect(answer.text).not.toMatch(/select |insert |\.ts|node_modules|at \w+ \(/i);
  expect(answer.headers['x-correlation-id']).toMatch(/^[\w-]+$/);
  expect(await orderCount()).toBe(0);
}

/** Ends an order as the saga would. */
async function end(orderId: string, type: 'order.confirm' | 'order.reject'): Promise<void> {
  const reason = { code: 'card-declined' };
  const command = {
    type: 'send' as const,
    participant: 'order',
    messageType: type,
    branchId: 'end-order',
    operation: 'action' as const,
    generation: 1,
    attempt: 1,
    payload: type === 'order.confirm' ? { orderId } : { orderId, reason },
  };
  const replyTo = { topic: 'orchestrator.inbox', partition: 0 };
  await bus.send([commandMessage(command, { transactionId: orderId, replyTo, at: 0 })]);
}

describe('POST /orders', () => {
  test('answers 202 with a place to look, and the start is on its way', async () => {
    const answer = await post(goodBody);
    const orderId = String(answer.json['orderId']);
    expect(answer).toMatchObject({
      status: 202,
      json: { orderId, transactionId: orderId, status: 'PENDING' },
      headers: { location: `/orders/${orderId}` },
    });
    await until(async () => starts.some((message) => message.key === orderId));
    const order = await get(`/orders/${orderId}`);
    expect(order.json).toEqual({
      orderId,
      transactionId: orderId,
      customerId: 'ada',
      status: 'PENDING',
      reason: null,
      protocol: 'saga',
      lines: [{ sku: 'CUP', quantity: 2, unitPriceMinor: 1299 }],
      total: { amountMinor: 2598, currency: 'EUR' },
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      updatedAt: expect.any(String),
      links: {
        self: `/orders/${orderId}`,
        transaction: `/transactions/${orderId}`,
        events: `/orders/${orderId}/events`,
      },
    });
    expect(order.text).not.toContain('tok_visa');
  });

  test('an order remembers the protocol it was placed by, and its transaction begins by that', async () => {
    const orderId = String((await post({ ...goodBody, protocol: 'tcc' })).json['orderId']);
    await until(async () => starts.some((message) => message.key === orderId));
    expect((await get(`/orders/${orderId}`)).json['protocol']).toBe('tcc');
    expect(starts.find(({ key }) => key === orderId)?.data).toMatchObject({ definition: 'place-order-tcc' });
  });

  test.each(['SAGA', 'xa', '', null, 1, ['tcc'], { $gt: '' }, 'constructor', '__proto__'])(
    'B33: the protocol %j is refused',
    async (protocol) => {
      await expectRefusal(await post({ ...goodBody, protocol }), 400);
    },
  );

  test('B23: one key for the same order by another protocol is refused', async () => {
    await post(goodBody, { 'idempotency-key': 'protocols' });
    const other = await post({ ...goodBody, protocol: 'tcc' }, { 'idempotency-key': 'protocols' });
    expect([other.status, other.json['code']]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  });

  test('S46: a repeat gets the same status, body and place, also after the end', async () => {
    const first = await post(goodBody, { 'idempotency-key': 'same' });
    await end(String(first.json['orderId']), 'order.confirm');
    await until(
      async () => (await get(`/orders/${String(first.json['orderId'])}`)).json['status'] === 'CONFIRMED',
    );
    const again = await post(goodBody, { 'idempotency-key': 'same' });
    expect([again.status, again.text, again.headers['location']]).toEqual([
      first.status,
      first.text,
      first.headers['location'],
    ]);
  });

  test('B21: without an Idempotency-Key it is refused', async () => {
    const headers = { 'content-type': 'application/json' };
    await expectRefusal(await ask('/orders', { method: 'POST', headers, body: goodBody }), 400);
  });

  test('B22: one key 50 times in parallel gets 50 times the same answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => post(goodBody, { 'idempotency-key': 'race' })),
    );
    expect(new Set(answers.map((answer) => `${answer.status} ${answer.text}`)).size).toBe(1);
    expect(await orderCount()).toBe(1);
  });

  test('B23: the same key with another body is a 422', async () => {
    const first = await post(goodBody, { 'idempotency-key': 'taken' });
    const other = await post({ ...goodBody, lines: [line] }, { 'idempotency-key': 'taken' });
    expect(other).toMatchObject({ status: 422, json: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    expect(other.text).not.toContain(String(first.json['orderId']));
    expect(await orderCount()).toBe(1);
  });

  test.each(['', 'x'.repeat(256), 'x'.repeat(10_000), 'a b', 'ключ', 'naïve', '"open', 'a\tb'])(
    'B27: a key that does not fit is refused (%#)',
    async (key) => {
      const sent = Buffer.from(key).toString('latin1');
      await expectRefusal(await post(goodBody, { 'idempotency-key': sent }), 400);
    },
  );

  test('B27: two keys are refused', async () => {
    await expectRefusal(await post(goodBody, { 'idempotency-key': ['one', 'two'] }), 400);
  });

  test.each(['a', 'x'.repeat(255)])('B27: a key of 1 and of 255 characters is taken (%#)', async (key) => {
    expect((await post(goodBody, { 'idempotency-key': key })).status).toBe(202);
  });

  test('B29: order of keys and spacing do not make another body', async () => {
    const first = await post(goodBody, { 'idempotency-key': 'form' });
    const turned = Object.fromEntries(Object.entries(goodBody).toReversed());
    const again = await post(JSON.stringify(turned, undefined, 4), { 'idempotency-key': 'form' });
    expect([again.status, again.text]).toEqual([first.status, first.text]);
  });

  test.each([
    "' OR 1=1--",
    "'; DROP TABLE orders;--",
    '${jndi:ldap://x}',
    '{{7*7}}',
    '#{7*7}',
    '`id`',
    '$(id)',
    '<b>',
  ])('B31, B34: %s is text where text is due, and refused where a word is', async (text) => {
    for (const member of ['customerId', 'currency', 'paymentToken'])
      await expectRefusal(await post({ ...goodBody, [member]: text }), 400);
    await expectRefusal(await post({ ...goodBody, lines: [{ sku: text, quantity: 1 }] }), 400);
    await expectRefusal(await get(`/orders/${encodeURIComponent(text)}`), 404);
    expect((await post({ ...goodBody, shipTo: { ...goodBody.shipTo, name: text, city: text } })).status).toBe(
      202,
    );
    const [row] = await database.dataSource.query<{ name: string }[]>(
      `select ship_to ->> 'name' as name from orders`,
    );
    expect(row?.name).toBe(text);
  });

  test.each([{ $gt: '' }, [], ['x'], {}, 7, true, null])(
    'B33: %j is refused where text is due',
    async (value) => {
      for (const member of ['customerId', 'currency', 'paymentToken', 'shipTo', 'lines'])
        await expectRefusal(await post({ ...goodBody, [member]: value }), 400);
      await expectRefusal(await post({ ...goodBody, shipTo: { ...goodBody.shipTo, city: value } }), 400);
    },
  );

  test.each([
    '0',
    '-1',
    '-0',
    '1.5',
    '1e3',
    '"2"',
    'true',
    'null',
    '[]',
    '2147483648',
    '9007199254740992',
    '9223372036854775808',
    '1e400',
    '0.1',
    '1e-7',
    '9007199254740993',
    '1'.repeat(30),
    'NaN',
    'Infinity',
    '"1,000"',
    '"１００"',
  ])('B36, B37: the quantity %s is refused', async (token) => {
    const raw = JSON.stringify({ ...goodBody, lines: [{ sku: 'CUP', quantity: 77 }] }).replace('77', token);
    await expectRefusal(await post(raw), 400);
  });

  test('B38: a total beyond 10^12 minor units is a 422', async () => {
    const lines = [
      { sku: 'YACHT', quantity: 999 },
      { sku: 'CUP', quantity: 999 },
    ];
    const answer = await post({ ...goodBody, lines });
    await expectRefusal(answer, 422);
    expect(answer.json['code']).toBe('TOTAL_EXCEEDED');
  });

  test.each([
    ['XXX', 422],
    ['eur', 422],
    ['EURO', 422],
    ['€', 400],
  ])('B39: the currency %s is a %i', async (currency, status) => {
    await expectRefusal(await post({ ...goodBody, currency }), status);
  });

  test('B39: a currency of a line’s own is refused; currencies without and with three decimals count whole', async () => {
    await expectRefusal(await post({ ...goodBody, lines: [{ ...line, currency: 'USD' }] }), 400);
    for (const [currency, amountMinor] of [
      ['JPY', 2000],
      ['KWD', 4500],
    ]) {
      const answer = await post({ ...goodBody, currency, lines: [line] });
      const order = await get(String(answer.headers['location']));
      expect(order.json['total']).toEqual({ amountMinor, currency });
    }
  });

  test.each([
    'price',
    'total',
    'status',
    'state',
    'paid',
    'sagaId',
    'isAdmin',
    'createdAt',
    'orderId',
    'transactionId',
  ])('B17, B40: the member %s is refused', async (member) => {
    await expectRefusal(await post({ ...goodBody, [member]: 1 }), 400);
    await expectRefusal(await post({ ...goodBody, lines: [{ ...line, [member]: 1 }] }), 400);
  });

  test('B44: no line and 1 001 lines are refused, lines of one SKU are merged', async () => {
    await expectRefusal(await post({ ...goodBody, lines: [] }), 400);
    await expectRefusal(await post({ ...goodBody, lines: Array.from({ length: 1_001 }, () => line) }), 400);
    const answer = await post({ ...goodBody, lines: [line, { sku: 'TEE', quantity: 1 }, line] });
    const order = await get(String(answer.headers['location']));
    expect(order.json['lines']).toMatchObject([
      { sku: 'CUP', quantity: 2 },
      { sku: 'TEE', quantity: 1 },
    ]);
  });

  test('B45: an unknown SKU is a 422', async () => {
    const answer = await post({ ...goodBody, lines: [line, { sku: 'NOPE', quantity: 1 }] });
    await expectRefusal(answer, 422);
    expect(answer.json['code']).toBe('SKU_UNKNOWN');
  });

  test.each([
    ['U+0000', Buffer.from('a\\u0000b')],
    ['a lone surrogate', Buffer.from('\\ud800')],
    ['overlong UTF-8', Buffer.from([0xc0, 0xaf])],
    ['10 000 combining marks', Buffer.from('a' + '\u0301'.repeat(10_000))],
  ])('B46: %s in a text is refused', async (_name, bytes) => {
    const [before, after] = JSON.stringify({ ...goodBody, shipTo: { ...goodBody.shipTo, name: '@@' } }).split(
      '@@',
    );
    await expectRefusal(await post(Buffer.concat([Buffer.from(before!), bytes, Buffer.from(after!)])), 400);
  });

  test.each(['\ufeffAda', '\u202eadA', 'A\u200bda', 'é', 'e\u0301'])(
    'B46, B47: %j is stored exactly',
    async (name) => {
      expect((await post({ ...goodBody, shipTo: { ...goodBody.shipTo, name } })).status).toBe(202);
      const [row] = await database.dataSource.query<{ name: string }[]>(
        `select ship_to ->> 'name' as name from orders`,
      );
      expect(row?.name).toBe(name);
    },
  );

  test('B47: a SKU that only looks like one of ours is refused', async () => {
    await expectRefusal(await post({ ...goodBody, lines: [{ sku: 'СUP', quantity: 1 }] }), 400);
  });

  test('B48: emoji are fine, and lengths count code points', async () => {
    const named = (name: string) => post({ ...goodBody, shipTo: { ...goodBody.shipTo, name } });
    await expectRefusal(await named('😀'.repeat(201)), 400);
    expect((await named('😀'.repeat(200))).status).toBe(202);
  });

  test('B49: JSON nested 10 000 deep is refused', async () => {
    await expectRefusal(await post('['.repeat(10_000) + ']'.repeat(10_000)), 400);
  });

  test('B50: a huge body is cut off', async () => {
    const answer = await post(`{"a":"${'x'.repeat(2_000_000)}"}`).catch((error: unknown) => error);
    // Either the refusal arrives, or the connection is closed while we still send.
    if (!(answer instanceof Error)) expect(answer).toMatchObject({ status: 413 });
    expect(await orderCount()).toBe(0);
    expect((await get('/products')).status).toBe(200);
  });

  test.each(['{"a":1} x', '{"a":1,}', '// c\n{}', "{'a':1}", '"text"', '7', 'null', '', '[1]', '\ufeff{}'])(
    'B53: the body %j is refused',
    async (body) => {
      await expectRefusal(await post(body), 400);
    },
  );

  test.each([
    'application/xml',
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/json; charset=utf-7',
  ])('B54: the content type %s is refused', async (type) => {
    await expectRefusal(await post(goodBody, { 'content-type': type }), 415);
  });

  test('B54: without a content type it is refused', async () => {
    const headers = { 'idempotency-key': 'typeless' };
    await expectRefusal(await ask('/orders', { method: 'POST', headers, body: goodBody }), 415);
  });

  test('B55: who asks for XML gets JSON or a 406', async () => {
    const answer = await ask('/products', { headers: { accept: 'text/xml' } });
    if (answer.status !== 406) expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect([200, 406]).toContain(answer.status);
  });

  test('B60: line breaks reach no header', async () => {
    const answer = await get('/orders/x%0d%0aset-cookie:%20a=b');
    await expectRefusal(answer, 400, 404);
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(
      (await post(goodBody, { prefer: 'wait=x%0d%0aa: b' })).headers['preference-applied'],
    ).toBeUndefined();
  });

  test('B66: evil shapes are refused quickly', async () => {
    const evil = `${'a'.repeat(50_000)}!`;
    const started = clock.now();
    await expectRefusal(
      await post({ ...goodBody, customerId: evil, paymentToken: `tok_${evil}`, currency: evil }),
      400,
    );
    expect(clock.now() - started).toBeLessThan(1_000);
  });

  test.each(['{"__proto__":{"x":1}}', '{"constructor":{"prototype":{"x":1}}}', '{"toString":1}'])(
    'B67: %s pollutes nothing',
    async (raw) => {
      const merged = JSON.stringify(goodBody).slice(0, -1) + ',' + raw.slice(1);
      await expectRefusal(await post(merged), 400);
      expect(Reflect.get({}, 'x')).toBeUndefined();
    },
  );
});

describe('Prefer: wait', () => {
  test('R30: answers 200 with the order once it is final', async () => {
    const asking = post(goodBody, { prefer: 'wait=10', 'idempotency-key': 'wait' });
    await until(async () => (await orderCount()) === 1);
    const { json } = await get('/orders');
    const [order] = json['items'] as { orderId: string }[];
    await end(order!.orderId, 'order.reject');
    expect(await asking).toMatchObject({
      status: 200,
      headers: { 'preference-applied': 'wait=10', location: `/orders/${order!.orderId}` },
      json: { orderId: order!.orderId, status: 'REJECTED', reason: { code: 'card-declined' } },
    });
    expect(await post(goodBody, { prefer: 'wait=10', 'idempotency-key': 'wait' })).toMatchObject({
      status: 200,
      json: { status: 'REJECTED' },
    });
  });

  test('answers 202 when the wait is over, and a repeat may wait again', async () => {
    const headers = { prefer: 'wait=1', 'idempotency-key': 'over' };
    const first = await post(goodBody, headers);
    expect(first).toMatchObject({ status: 202, headers: { 'preference-applied': 'wait=1' } });
    await end(String(first.json['orderId']), 'order.confirm');
    await until(async () => (await post(goodBody, headers)).json['status'] === 'CONFIRMED');
  });
});

describe('GET /orders', () => {
  test('pages lead through all orders of a filter, newest first', async () => {
    const ids: string[] = [];
    for (const customerId of ['ada', 'bob', 'ada', 'ada']) {
      ids.push(String((await post({ ...goodBody, customerId })).json['orderId']));
    }
    const first = await get('/orders?customerId=ada&limit=2');
    const cursor = String(first.json['nextCursor']);
    const second = await get(`/orders?customerId=ada&limit=2&cursor=${cursor}`);
    const idsOf = ({ json }: Answer) =>
      (json['items'] as { orderId: string }[]).map((order) => order.orderId);
    expect([...idsOf(first), ...idsOf(second)]).toEqual([ids[3], ids[2], ids[0]]);
    expect(second.json['nextCursor']).toBeNull();
    expect(idsOf(await get('/orders?status=CONFIRMED'))).toEqual([]);
    expect((await get(`/orders?customerId=bob&cursor=${cursor}`)).status).toBe(400);
    expect((await get(`/orders?customerId=ada&cursor=${cursor}x`)).status).toBe(400);
  });

  test.each(['sort=total;drop', 'sort=total', 'order=desc,(select%201)', 'order=asc'])(
    'B32: ?%s is refused, for there is one order alone',
    async (query) => {
      await expectRefusal(await get(`/orders?${query}`), 400);
    },
  );

  test.each(['%25', 'a%25b', '%5f%25', '%25'.repeat(500)])(
    'B35: the customer %s is no pattern, and is refused',
    async (text) => {
      await expectRefusal(await get(`/orders?customerId=${text}`), 400);
    },
  );

  test('B35: an underscore in a customer stands for itself', async () => {
    await post({ ...goodBody, customerId: 'a_b' });
    await post({ ...goodBody, customerId: 'axb' });
    expect((await get('/orders?customerId=a_b')).json['items']).toHaveLength(1);
  });

  test.each(['limit=-1', 'limit=0', 'limit=1.5', 'limit=1e9', 'page=-1', 'cursor=abc', 'cursor='])(
    'B64: ?%s is refused',
    async (query) => {
      await expectRefusal(await get(`/orders?${query}`), 400);
    },
  );

  test.each([
    'createdAfter=0000-00-00',
    'createdAfter=%2B275761-01-01T00:00:00Z',
    'createdBefore=2026-01-01T00:00:00%2B99:99',
    'updatedAt=2026-02-30',
  ])('B65: ?%s is refused, like every filter that there is not', async (query) => {
    await expectRefusal(await get(`/orders?${query}`), 400);
  });

  test.each(['__proto__=1', 'a[__proto__][x]=1'])('B67: ?%s is refused', async (query) => {
    await expectRefusal(await get(`/orders?${query}`), 400);
    expect(Reflect.get({}, 'x')).toBeUndefined();
  });

  test.each([
    'customerId=a&customerId=b',
    'customerId[$ne]=1',
    'status=PENDING&status=CONFIRMED',
    'status=pending',
  ])('B68: ?%s is refused', async (query) => {
    await expectRefusal(await get(`/orders?${query}`), 400);
  });

  test.each(['fields=startInput', 'fields=shipTo,paymentToken', 'include=requestHash', 'expand=shipTo'])(
    'B20: ?%s is refused on the list, and shows nothing more of one order',
    async (query) => {
      await expectRefusal(await get(`/orders?${query}`), 400);
      const path = String((await post(goodBody)).headers['location']);
      expect((await get(`${path}?${query}`)).text).toBe((await get(path)).text);
    },
  );

  test('B70: fifty lists at once are served beside everything else', async () => {
    await Promise.all(Array.from({ length: 50 }, () => post(goodBody)));
    const lists = Array.from({ length: 50 }, () => get('/orders?limit=200'));
    const live = await get('/health/live');
    expect(live.status).toBe(200);
    for (const list of await Promise.all(lists)) expect(list.json['items']).toHaveLength(50);
  });

  test('B64: a limit above 200 means 200', async () => {
    expect((await get('/orders?limit=1000000')).status).toBe(200);
  });

  test.each([uuidv7(0), 'no-uuid', '0', 'a'.repeat(400), uuidv7(0).toUpperCase(), '..%2f..%2fetc'])(
    'the order %s is unknown',
    async (orderId) => {
      await expectRefusal(await get(`/orders/${orderId}`), 404);
      await expectRefusal(await get(`/orders/${orderId}/events`), 404);
    },
  );
});

describe('one order', () => {
  test('B12: ids cannot be counted through', async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => String((await post(goodBody)).json['orderId'])),
    );
    // The tail of a UUIDv7 is luck alone.
    expect(new Set(ids.map((id) => id.slice(-17))).size).toBe(ids.length);
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      const [last] = id.slice(-1);
      const next = await get(`/orders/${id.slice(0, -1)}${last === '0' ? '1' : '0'}`);
      expect(next.status).toBe(404);
    }
  });

  test.each(['PATCH', 'PUT', 'DELETE'])(
    'B18: %s changes nothing, for nothing of it can be changed',
    async (method) => {
      const path = String((await post(goodBody)).headers['location']);
      const before = await get(path);
      const body = JSON.stringify({ status: 'CONFIRMED', total: 0 });
      const headers = { 'content-type': 'application/json', 'content-length': String(body.length) };
      const answer = await ask(path, { method, headers, body });
      expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
      expect((await get(path)).text).toBe(before.text);
    },
  );

  test('B19: whoever reads it learns nothing of the inside, nor where and with what card', async () => {
    const path = String((await post(goodBody)).headers['location']);
    const id = path.split('/').at(-1) ?? '';
    await end(id, 'order.reject');
    await until(async () => (await get(path)).json['status'] === 'REJECTED');
    const texts = [await get(path), await get('/orders'), await ask(`${path}/events`)].map(
      ({ text }) => text,
    );
    for (const text of texts) {
      expect(text).not.toMatch(/tok_|Turin|Main 1|key-\d|hash|epoch|shard|startInput|journal/i);
    }
  });

  test('B61: who claims to be another host is answered with paths alone', async () => {
    const answer = await post(goodBody, {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example',
    });
    expect(answer.headers['location']).toMatch(/^\/orders\/[0-9a-f-]+$/);
    const order = await get(String(answer.headers['location']));
    expect(JSON.stringify([answer, order])).not.toContain('evil.example');
  });

  test('B25: who never heard the answer gets the same order', async () => {
    const headers = {
      'content-type': 'application/json',
      'idempotency-key': 'unheard',
      prefer: 'wait=30',
    };
    const unheard = httpRequest(`${running.url}/orders`, { method: 'POST', headers });
    unheard.on('error', () => undefined);
    unheard.end(JSON.stringify(goodBody));
    await until(async () => (await orderCount()) === 1);
    unheard.destroy();
    const again = await post(goodBody, { 'idempotency-key': 'unheard' });
    expect(again.status).toBe(202);
    expect(await orderCount()).toBe(1);
    expect((await get(`/orders/${String(again.json['orderId'])}`)).status).toBe(200);
  });

  test('B30: a key is kept for ever', async () => {
    const first = await post(goodBody, { 'idempotency-key': 'old' });
    await database.dataSource.query(`update orders set created_at = created_at - interval '10 years'`);
    const again = await post(goodBody, { 'idempotency-key': 'old' });
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect(await orderCount()).toBe(1);
  });
});

describe('the event stream of an order', () => {
  test('tells where the order stands, then its end, and ends', async () => {
    const orderId = String((await post(goodBody)).json['orderId']);
    const stream = ask(`/orders/${orderId}/events`);
    await end(orderId, 'order.confirm');
    const { text, headers, status } = await stream;
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/event-stream');
    const events = text.split('\n\n').filter((part) => part.includes('event: order'));
    expect(events.at(-1)).toContain('"status":"CONFIRMED"');
    expect(text).toContain('id: 2\n');
  });

  test('resumes after Last-Event-ID, and tells who has seen the end not to come back', async () => {
    const orderId = String((await post(goodBody)).json['orderId']);
    await end(orderId, 'order.confirm');
    await until(async () => (await get(`/orders/${orderId}`)).json['status'] === 'CONFIRMED');
    const resumed = await ask(`/orders/${orderId}/events`, { headers: { 'last-event-id': '1' } });
    expect(resumed.text.match(/^id: .*$/gm)).toEqual(['id: 2']);
    const seen = await ask(`/orders/${orderId}/events`, { headers: { 'last-event-id': '2' } });
    expect([seen.status, seen.text]).toEqual([204, '']);
    const junk = await ask(`/orders/${orderId}/events`, { headers: { 'last-event-id': '-1; drop' } });
    expect(junk.text).toContain('id: 2\n');
  });
});

describe('GET /products', () => {
  test('tells prices in the currency asked for, and what is available', async () => {
    expect((await get('/products')).json).toEqual({
      items: [
        { sku: 'CUP', name: 'Cup', price: { amountMinor: 1299, currency: 'EUR' }, available: 7 },
        { sku: 'TEE', name: 'Tee', price: { amountMinor: 2500, currency: 'EUR' }, available: 0 },
        {
          sku: 'YACHT',
          name: 'Yacht',
          price: { amountMinor: 999_999_999_999, currency: 'EUR' },
          available: 0,
        },
      ],
    });
    expect((await get('/products?currency=JPY')).json['items']).toHaveLength(1);
    await expectRefusal(await get('/products?currency=XXX'), 400, 422);
  });
});

describe('the process', () => {
  test('is ready once the catalogue is known', async () => {
    const ready = await get('/health/ready');
    expect(ready.status).toBe(200);
    expect(ready.text).toContain('order catalogue');
  });

  test('B91: serves what it describes, and nothing else', async () => {
    expect(await routes.differences(running.url)).toEqual([]);
    for (const path of ['/v1/orders', '/v0/orders', '/api/orders', '/docs', '/debug', '/.env', '/admin'])
      await expectRefusal(await get(path), 404);
  });

  test('B27: a key with U+0000 is no HTTP', async () => {
    const { hostname, port } = new URL(running.url);
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.end('POST /orders HTTP/1.1\r\nhost: a\r\nidempotency-key: a\0b\r\ncontent-length: 0\r\n\r\n');
      });
      let read = '';
      socket.on('data', (chunk) => (read += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => resolve(read));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(await orderCount()).toBe(0);
  });
});
