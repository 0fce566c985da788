/**
 * Goal: what a customer must be able to trust us with stays where it belongs, and an outage tells strangers nothing. Method:
 * the real service over real HTTP and a real Postgres; everything it logs, traces, sends, answers and stores is searched for
 * what was sent, in requests that fit and in requests that do not; then the database is stopped under it.
 */
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { productsListedType } from '@sagamore/contracts';
import { MemoryBus } from '@sagamore/memory';
import { bootstrap, createLog, readConfig, type RunningApp } from '@sagamore/platform';
import { PostgresDatabase } from '@sagamore/postgres';
import { SystemClock, type Message } from '@sagamore/runtime';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { OrderModule } from './order.module.js';

const cardNumber = '4111111111111111';
const password = 'correct-horse-battery';
const operatorToken = 'an-operators-token-of-some-length';
const paymentToken = 'tok_a_customers_own';
const person = {
  name: 'Ada Secretsdottir',
  street: 'Hidden Row 7',
  city: 'Oldport',
  postcode: '4051',
  country: 'CH',
};
const goodBody = {
  customerId: 'ada',
  lines: [{ sku: 'CUP', quantity: 1 }],
  currency: 'EUR',
  paymentToken,
  shipTo: person,
};

let server: TestPostgres;
let databaseUrl: string;
let running: RunningApp;
let bus: MemoryBus;
const lines: string[] = [];
/** What a collector was told, as bytes: text stands in it as it is. */
const spans: string[] = [];
const collector = createServer((asked, answer) => {
  asked.on('data', (chunk: Buffer) => spans.push(chunk.toString('latin1')));
  asked.on('end', () => answer.writeHead(200).end());
});
const sent: Message[] = [];

beforeAll(async () => {
  server = await testPostgres();
  databaseUrl = await server.freshDatabase();
  const config = readConfig({
    DATABASE_URL_ORDER: databaseUrl,
    LOG_LEVEL: 'silent',
    OPERATOR_TOKEN: operatorToken,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await listening()}`,
    TRACE_PERCENT: '100',
    PORT: '0',
  });
  bus = new MemoryBus({ clock: new SystemClock() });
  const log = createLog({ level: 'debug', write: (line) => void lines.push(line) });
  const module = (host: Parameters<typeof OrderModule.forRoot>[0]) => OrderModule.forRoot({ ...host, log });
  running = await bootstrap({ service: 'order', module, config, bus });
  for (const topic of ['orchestrator.inbox', 'order.events'])
    await bus.subscribe({
      topic,
      group: 'test',
      handle: async (batch) => void sent.push(...batch.map(({ message }) => message)),
    });
  const products = [{ sku: 'CUP', name: 'Cup', prices: [{ currency: 'EUR', amountMinor: 1_299 }] }];
  const told = { source: 'inventory', topic: 'inventory.events', key: 'catalogue', occurredAt: 1 };
  await bus.send([{ ...told, id: '1', type: productsListedType, data: { products } }]);
  await until(async () => (await fetch(`${running.url}/health/ready`)).ok);
}, 60_000);

afterAll(async () => {
  await running?.stop();
  await server?.stop();
  collector.closeAllConnections();
  collector.close();
}, 60_000);

async function listening(): Promise<number> {
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const address = collector.address();
  if (address === null || typeof address === 'string') throw new Error('the collector has no port');
  return address.port;
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

let keys = 0;

function post(body: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const own = { 'content-type': 'application/json', 'idempotency-key': `key-${++keys}` };
  return fetch(`${running.url}/orders`, { method: 'POST', body, headers: { ...own, ...headers } });
}

/** Every row of every table, as text. */
async function everyRow(): Promise<string> {
  const { dataSource } = running.app.get(PostgresDatabase, { strict: false });
  const tables: readonly { readonly name: string }[] = await dataSource.query(
    `select table_name as name from information_schema.tables where table_schema = 'public'`,
  );
  const rows = await Promise.all(
    tables.map(({ name }) => dataSource.query(`select to_jsonb(t) as row from "${name}" t`)),
  );
  return JSON.stringify(rows);
}

describe('B86: what was sent in confidence', () => {
  const misplaced = [
    ['a card number where the token belongs', JSON.stringify({ ...goodBody, paymentToken: cardNumber })],
    ['a card number as a field of its own', JSON.stringify({ ...goodBody, cardNumber })],
    ['a password beside', JSON.stringify({ ...goodBody, password })],
    ['a card number in a body that is cut off', `{"paymentToken":"${cardNumber}","password":"${password}`],
    [
      'a card number as currency and customer',
      JSON.stringify({ ...goodBody, currency: cardNumber, customerId: `${cardNumber} ` }),
    ],
    ['a password that is no text', JSON.stringify({ ...goodBody, paymentToken: { password } })],
  ] as const;

  test.each(misplaced)('%s is refused, and its value is in no answer', async (_what, body) => {
    const response = await post(body, { authorization: `Bearer ${operatorToken}` });
    expect([400, 422]).toContain(response.status);
    const text = await response.text();
    for (const secret of [cardNumber, password, operatorToken, paymentToken, person.street])
      expect(text).not.toContain(secret);
  });

  test('in headers, queries and paths nobody writes it down', async () => {
    await post(JSON.stringify(goodBody), {
      cookie: `session=${password}`,
      'x-correlation-id': `${password} ${cardNumber}`,
    });
    await (await fetch(`${running.url}/orders?token=${operatorToken}&password=${password}`)).text();
    await (
      await fetch(`${running.url}/metrics`, { headers: { authorization: `Bearer ${operatorToken}x` } })
    ).text();
  });

  test('is after all that in no log line, no span, no message and no row', async () => {
    expect((await post(JSON.stringify(goodBody))).status).toBe(202);
    await until(() => sent.length >= 2 && spans.join('').includes('POST /orders'));
    const written = [lines.join('\n'), spans.join('\n'), JSON.stringify(sent), await everyRow()];
    for (const text of written)
      for (const secret of [cardNumber, password, operatorToken]) expect(text).not.toContain(secret);
  });

  test('and the token and the address of an order are where they are needed alone', async () => {
    const seen = [...lines, ...spans].join('\n');
    for (const secret of [paymentToken, person.name, person.street]) expect(seen).not.toContain(secret);
    expect(JSON.stringify(sent)).toContain(paymentToken);
  });
});

describe('B87: an outage', () => {
  const outsidersMust = (text: string): void => {
    const { host, port, username, password: secret } = new URL(databaseUrl);
    for (const inside of [
      host,
      `:${port}`,
      `${username}:`,
      secret,
      'postgres',
      'ECONNREFUSED',
      'select ',
      '.ts:',
    ])
      expect(text).not.toContain(inside);
  };

  test('of the broker leaves orders taken, and readiness names it without its address', async () => {
    await bus.stop();
    expect((await post(JSON.stringify(goodBody))).status).toBe(202);
    const response = await fetch(`${running.url}/health/ready`);
    const text = await response.text();
    expect(response.status).toBe(503);
    expect(JSON.parse(text)).toMatchObject({
      status: 'not-ready',
      checks: expect.arrayContaining([{ name: 'order broker', status: 'down' }]),
    });
    outsidersMust(text);
  });

  test('of the database is a 503 that asks to come back, and tells a stranger nothing', async () => {
    await server.server.stop();
    const answers = await Promise.all([
      post(JSON.stringify(goodBody)),
      fetch(`${running.url}/orders`),
      fetch(`${running.url}/orders/0199a1b2-c3d4-7e5f-8a6b-0c1d2e3f4a5b`),
    ]);
    for (const response of answers) {
      const text = await response.text();
      expect([response.status, text]).toEqual([503, expect.stringContaining('"status":503')]);
      expect(response.headers.get('retry-after')).toBe('1');
      outsidersMust(text);
    }
    const ready = await fetch(`${running.url}/health/ready`);
    expect(ready.status).toBe(503);
    const text = await ready.text();
    expect(text).toContain('order database');
    outsidersMust(text);
    expect((await fetch(`${running.url}/health/live`)).status).toBe(200);
  });
});
