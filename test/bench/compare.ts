/**
 * `npm run compare`: the same orders as sagas, by TCC and by two-phase commit, on the local profile and its durable Postgres,
 * one protocol after another. Every tenth order goes where no carrier serves it. Beside latency and rate it counts messages,
 * commits and WAL, and looks all the while at what a reader can see of orders that have not ended.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { placeOrderDefinitions, type OrderProtocol } from '@sagamore/contracts';
import { readStack, startLocal, type Local } from '@sagamore/local';
import type { Bus, Message } from '@sagamore/runtime';
import pg from 'pg';
import { cardNetwork, carrier } from './providers.js';

const { values } = parseArgs({
  options: {
    orders: { type: 'string', default: '500' },
    clients: { type: 'string', default: '16' },
    json: { type: 'boolean', default: false },
  },
});

/** One protocol's row. Per order, but for the times (ms) and the rate. */
interface Row {
  readonly protocol: OrderProtocol;
  readonly ordersPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rejected: number;
  readonly messages: number;
  readonly commits: number;
  readonly walBytes: number;
  /** Of the looks at the books: how many showed goods that had left the shelf for an order that was not CONFIRMED, and how
   *  many showed goods that were only held. */
  readonly looks: number;
  readonly takenUnconfirmed: number;
  readonly held: number;
}

interface Counters {
  readonly commits: number;
  readonly wal: number;
}

async function counters(client: pg.Client): Promise<Counters> {
  const { rows } =
    await client.query<Counters>(`select (select sum(xact_commit) from pg_stat_database)::float8 as commits,
    (pg_current_wal_lsn() - '0/0'::pg_lsn)::float8 as wal`);
  const [row] = rows;
  if (row === undefined) throw new Error('Postgres told no counters');
  return row;
}

/** Looks until it is told to stop. Stock is read BEFORE the orders, so that what it shows as taken had time to be confirmed. */
async function watch(stop: AbortSignal, stock: pg.Client, orders: pg.Client) {
  const seen = { looks: 0, takenUnconfirmed: 0, held: 0 };
  const first = await standing(stock, orders);
  for (; !stop.aborted; await pause(5)) {
    const { gone, reserved, confirmed } = await standing(stock, orders);
    seen.looks += 1;
    if (gone - first.gone > confirmed - first.confirmed) seen.takenUnconfirmed += 1;
    if (reserved > 0) seen.held += 1;
  }
  return seen;
}

async function standing(stock: pg.Client, orders: pg.Client) {
  const left = await stock.query<{ gone: number; reserved: number }>(
    `select -sum(available + reserved)::float8 as gone, sum(reserved)::float8 as reserved from stock`,
  );
  // One piece an order: the number of confirmed orders is the number of pieces sold.
  const ended = await orders.query<{ confirmed: number }>(
    `select count(*)::float8 as confirmed from orders where status = 'CONFIRMED'`,
  );
  return { gone: 0, reserved: 0, confirmed: 0, ...left.rows[0], ...ended.rows[0] };
}

async function place(url: string, protocol: OrderProtocol, index: number): Promise<number> {
  const body = {
    customerId: `customer-${index % 1_000}`,
    currency: 'EUR',
    lines: [{ sku: skus[index % skus.length], quantity: 1 }],
    paymentToken: 'tok_ok',
    shipTo: {
      name: 'Ada',
      street: 'Row 1',
      city: 'Oldport',
      postcode: '4051',
      country: index % 10 === 9 ? 'AQ' : 'CH',
    },
    protocol,
  };
  const startedAt = performance.now();
  const response = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID(), prefer: 'wait=60' },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(`an order by ${protocol} was answered ${response.status}`);
  await response.arrayBuffer();
  return performance.now() - startedAt;
}

async function run(url: string, protocol: OrderProtocol, orders: number): Promise<readonly number[]> {
  const latencies: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    for (let index = next++; index < orders; index = next++)
      latencies.push(await place(url, protocol, index));
  };
  await Promise.all(Array.from({ length: Number(values.clients) }, client));
  return latencies.toSorted((one, other) => one - other);
}

interface Place {
  readonly local: Local;
  readonly stock: pg.Client;
  readonly orders: pg.Client;
  readonly sent: () => number;
}

async function measure({ local, stock, orders, sent }: Place, protocol: OrderProtocol): Promise<Row> {
  await run(local.url, protocol, 50);
  const count = Number(values.orders);
  const messagesBefore = sent();
  const before = await counters(orders);
  const stopping = new AbortController();
  const watching = watch(stopping.signal, stock, orders);
  const startedAt = performance.now();
  const latencies = await run(local.url, protocol, count);
  const seconds = (performance.now() - startedAt) / 1_000;
  stopping.abort();
  const seen = await watching;
  const after = await counters(orders);
  const rejected = await orders.query<{ rejected: number }>(
    `select count(*)::float8 as rejected from (select status from orders where protocol = $1
       order by order_id desc limit $2) as last where status = 'REJECTED'`,
    [protocol, count],
  );
  return {
    protocol,
    ordersPerSecond: count / seconds,
    p50Ms: latencies[Math.floor(count * 0.5)] ?? 0,
    p99Ms: latencies[Math.floor(count * 0.99)] ?? 0,
    rejected: rejected.rows[0]?.rejected ?? 0,
    messages: (sent() - messagesBefore) / count,
    // The looks commit as well, twice each.
    commits: (after.commits - before.commits - 2 * seen.looks) / count,
    walBytes: (after.wal - before.wal) / count,
    ...seen,
  };
}

function countMessages(bus: Bus): () => number {
  let sent = 0;
  const send = bus.send.bind(bus);
  bus.send = (messages: readonly Message[]) => {
    sent += messages.length;
    return send(messages);
  };
  return () => sent;
}

async function connected(url: string | undefined): Promise<pg.Client> {
  if (url === undefined) throw new Error('the stack names no such database');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

function told(rows: readonly Row[]): string {
  const head = [
    'protocol',
    'orders/s',
    'p50 ms',
    'p99 ms',
    'rejected',
    'messages',
    'commits',
    'WAL kB',
    'taken, not confirmed',
    'held',
  ];
  const lines = rows.map((row) => [
    row.protocol,
    row.ordersPerSecond.toFixed(0),
    row.p50Ms.toFixed(0),
    row.p99Ms.toFixed(0),
    String(row.rejected),
    row.messages.toFixed(1),
    row.commits.toFixed(1),
    (row.walBytes / 1_024).toFixed(1),
    `${row.takenUnconfirmed} of ${row.looks} looks`,
    `${row.held} of ${row.looks} looks`,
  ]);
  const all = [head, ...lines];
  const widths = head.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  return all
    .map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .join('\n');
}

const directory = mkdtempSync(join(tmpdir(), 'sagamore-compare-'));
chmodSync(directory, 0o755);
const local = await startLocal({
  directory,
  port: 0,
  env: { LOG_LEVEL: 'error', LOG_PRETTY: 'false', CATALOGUE_SIZE: '1000', INITIAL_STOCK: '1000000' },
  providers: { payment: { cardNetwork }, shipping: { carrier } },
});
const urls = readStack(directory)?.databaseUrls;
const stock = await connected(urls?.['inventory']);
const orders = await connected(urls?.['order']);
const found = await stock.query<{ sku: string }>(
  `select sku from stock where available > 100000 order by sku`,
);
const skus = found.rows.map(({ sku }) => sku);
try {
  const sent = countMessages(local.running.host.bus);
  const rows: Row[] = [];
  for (const protocol of Object.keys(placeOrderDefinitions) as OrderProtocol[])
    rows.push(await measure({ local, stock, orders, sent }, protocol));
  process.stdout.write(
    values.json ? rows.map((row) => `${JSON.stringify(row)}\n`).join('') : `${told(rows)}\n`,
  );
} finally {
  await Promise.all([stock.end(), orders.end()]);
  await local.stop();
  rmSync(directory, { recursive: true, force: true });
}
