/**
 * Goal: the audit as a command keeps its word: what it prints, and how it ends. Method: the real process over real
 * databases named by the environment, ledgers and a client's log in files.
 */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runToEnd, type Ended } from '../e2e/stack.process.js';
import { testPostgres } from '../support/postgres.js';
import { compensated, completed, healthyBooks, parked, type Books } from './books.fixture.js';

jest.setTimeout(60_000);
let books: Books;
let directory: string;

beforeAll(async () => {
  books = await healthyBooks();
  directory = mkdtempSync(join(tmpdir(), 'sagamore-audit-'));
  writeFileSync(join(directory, 'card-network.jsonl'), `${cardLines()}\n{"operation":"charge","key":"torn`);
  writeFileSync(join(directory, 'carrier.jsonl'), `${carrierLine()}\n`);
  writeFileSync(join(directory, 'client.jsonl'), clientLines());
});

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await books?.close();
  await (await testPostgres()).stop();
});

function audit(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const plain = { PATH: process.env['PATH'], NO_COLOR: '1' };
  return runToEnd(['test/audit/main.ts', ...words], 50_000, { ...plain, ...environment });
}

function named(): Record<string, string> {
  const urls = Object.entries(books.urls).map(([service, url]) => [
    `DATABASE_URL_${service.toUpperCase()}`,
    url,
  ]);
  return { ...Object.fromEntries(urls), SIMULATORS_DIRECTORY: directory };
}

function line(entry: object): string {
  return JSON.stringify({
    operation: 'o',
    key: 'k',
    fingerprint: 'f',
    answer: { status: 201, body: {} },
    entry,
  });
}

function cardLines(): string {
  const charge = (id: string, amountMinor: number) =>
    line({ kind: 'charge', key: `${id}/charge-payment`, amountMinor, currency: 'EUR', reference: id, at: 1 });
  const refund = line({
    kind: 'refund',
    key: `${compensated}/charge-payment/refund`,
    payment: { kind: 'charge', key: `${compensated}/charge-payment` },
    amountMinor: 1_890,
    currency: 'EUR',
    reference: compensated,
    at: 2,
  });
  const refused = JSON.stringify({
    operation: 'charge',
    key: 'k',
    fingerprint: 'f',
    answer: { status: 402, body: {} },
  });
  return [charge(completed, 3_780), refused, charge(compensated, 1_890), refund, charge(parked, 1_890)].join(
    '\n',
  );
}

function carrierLine(): string {
  return line({ kind: 'shipment', key: `${completed}/create-shipment`, reference: completed, at: 1 });
}

function clientLines(): string {
  const answer = { type: 'answer', customerId: 'ada', idempotencyKey: 'k1', http: 202, orderId: completed };
  const read = { type: 'read', orderId: completed, http: 200, status: 'CONFIRMED' };
  return [answer, read, { type: 'read', orderId: completed, http: 0 }]
    .map((one) => `${JSON.stringify(one)}\n`)
    .join('');
}

test('books in which every row is right end it with 0, every check asked', async () => {
  const { code, output } = await audit(['--client-log', join(directory, 'client.jsonl')], named());

  expect(output).toMatch(/\n35 checks, 0 violations\n$/);
  expect(output).not.toContain('skipped');
  expect(code).toBe(0);
});

test('checks that lack a client log or ledgers are skipped with the reason, and are not counted', async () => {
  const { code, output } = await audit(['--no-providers'], named());

  expect(output).toContain(
    'I32  no client was told that an acknowledged order does not exist — skipped: no --client-log',
  );
  expect(output).toContain('skipped: no ledgers of the providers');
  expect(output).toMatch(/\n26 checks, 0 violations\n$/);
  expect(code).toBe(0);
});

test('a row that breaks an invariant ends it with 1 and is shown, as JSON too', async () => {
  await books.databases.inventory.query('update stock set available = available + 1');
  try {
    const table = await audit([], named());
    const json = await audit(['--json'], named());

    expect(table.output).toMatch(/✘ I02 .*\n\s+service=inventory sku=COFFEE balance=98 moves=97 /);
    expect(table.output).toMatch(/\n31 checks, 1 violations\n$/);
    expect(table.code).toBe(1);
    const lines = json.output
      .trimEnd()
      .split('\n')
      .map((text): unknown => JSON.parse(text));
    expect(lines).toHaveLength(36);
    expect(lines).toContainEqual(
      expect.objectContaining({
        id: 'I02',
        violations: [
          expect.objectContaining({ service: 'inventory', sku: 'COFFEE', balance: '98', moves: '97' }),
        ],
      }),
    );
    expect(lines.at(-1)).toEqual({ type: 'end', checks: 31, violations: 1 });
    expect(json.code).toBe(1);
  } finally {
    await books.databases.inventory.query('update stock set available = available - 1');
  }
});

test('it says what it waits for, and audits what does not come to rest', async () => {
  await books.databases.order.query(
    `insert into outbox (key, owner, claimed_until, message) values ('k', 'nobody', now(), '{"type": "order.placed"}')`,
  );
  try {
    const { code, output } = await audit(['--wait', '1'], named());

    expect(output).toContain('waiting for 1 messages in outboxes');
    expect(output).toContain('not quiet after 1 s: 1 messages in outboxes');
    expect(output).toMatch(/✘ I21 /);
    expect(code).toBe(1);
  } finally {
    await books.databases.order.query('delete from outbox');
  }
});

test('watching tells a line a round, what is found and what is gone, and ends as it stands', async () => {
  const words = ['--watch', '--every', '0', '--rounds', '2', '--port', '0'];
  const sound = await audit(words, named());
  expect(sound.output).toMatch(/^findings http:\/\/127\.0\.0\.1:\d+\/findings\n/);
  expect(
    sound.output.match(/^\d\d:\d\d:\d\d  31 checks, 0 findings, 0 suspected  \d+\.\d s$/gm),
  ).toHaveLength(2);
  expect(sound.code).toBe(0);

  await books.databases.inventory.query('update stock set available = available + 1');
  try {
    const broken = await audit(words, named());
    expect(broken.output.match(/^✘ I02 /gm)).toHaveLength(1);
    expect(broken.output).toContain('31 checks, 1 findings, 0 suspected');
    expect(broken.code).toBe(1);
    const json = await audit([...words, '--json'], named());
    const lines = json.output
      .trimEnd()
      .split('\n')
      .map((text): unknown => JSON.parse(text));
    expect(lines).toMatchObject([
      { type: 'found', id: 'I02', violation: { sku: 'COFFEE' } },
      { type: 'round', rounds: 1, checks: 31, findings: 1 },
      { type: 'round', rounds: 2, findings: 1 },
    ]);
  } finally {
    await books.databases.inventory.query('update stock set available = available - 1');
  }
});

test('watching databases that never answered says so once, and ends with 2', async () => {
  const away = { ...named(), DATABASE_URL_PAYMENT: 'postgres://127.0.0.1:9/payment' };
  const { code, output } = await audit(['--watch', '--every', '0', '--rounds', '3'], away);
  expect(output.match(/cannot be read: the database of payment does not answer/g)).toHaveLength(1);
  expect(code).toBe(2);
});

test.each([
  ['where no stack was ever started', () => ['--directory', directory], () => ({}), 'run npm start first'],
  [
    'where some databases are named and others are not',
    () => [],
    () => ({ DATABASE_URL_ORDER: 'postgres://127.0.0.1:9/order' }),
    'set DATABASE_URL_INVENTORY, DATABASE_URL_PAYMENT',
  ],
  [
    'where a database does not answer',
    () => [],
    () => ({ ...named(), DATABASE_URL_PAYMENT: 'postgres://127.0.0.1:9/payment' }),
    'the database of payment does not answer',
  ],
  [
    'where the client log is not there',
    () => ['--client-log', 'nowhere.jsonl'],
    named,
    'nowhere.jsonl does not exist',
  ],
  ['where an option is unknown', () => ['--wat'], named, "Unknown option '--wat'"],
  [
    'where an option does not fit',
    () => ['--wait', 'long'],
    named,
    '--wait takes seconds from 0 to 99999, found long',
  ],
  [
    'where a port does not fit',
    () => ['--watch', '--port', '70000'],
    named,
    '--port takes a number from 0 to 65535, found 70000',
  ],
])('it ends with 2 and says what to do %s', async (_, words, environment, sentence) => {
  const { code, output } = await audit(words(), environment());

  expect(output).toContain(sentence);
  expect(output).not.toMatch(/\n\s+at /);
  expect(code).toBe(2);
});
