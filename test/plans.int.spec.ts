/**
 * Goal: each statement of an order's road finds its rows by a key, whatever the tables looked like when it was planned. A
 * connection plans a statement once; a plan that walked a partial index "of the few" would walk the dead entries of all
 * that were ever in it, and nobody would see more than a slow service.
 * Method: orders of every fate and protocol through the whole stack on a fresh database; every named statement that was
 * sent is planned again as the house plans it, and its scans are read from the plan.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { readStack, startLocal, type Local } from '@sagamore/local';
import { openDataSource, PostgresDatabase } from '@sagamore/postgres';
import pg from 'pg';
import { placeOrder } from './support/orders.js';

jest.setTimeout(90_000);

/** Who looks for rows that nobody named: at start, or once in a while, a few at a time and in the order of an index. */
const sweeps: ReadonlySet<string> = new Set([
  'consumer-pauses by consumer_pause_standing',
  'outbox-age by outbox_pkey',
  'outbox-claim by outbox_pkey',
  'product-listed by product_pkey',
  'stock-read-all by stock_pkey',
  'wish-unheard by audit_unheard',
  // Tables of one row.
  'journal-commit by nothing of retention',
  'sharding-read by nothing of sharding',
]);

interface Sent {
  readonly database: string;
  readonly name: string;
  readonly text: string;
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly PlanNode[];
}

const sent = new Map<string, Sent>();
const query = pg.Client.prototype.query;
let directory: string;
let stack: Local;

/** Notes every named statement and where it went. */
function listen(): void {
  pg.Client.prototype.query = new Proxy(query, {
    apply(original, client: pg.Client, given: unknown[]): unknown {
      const [asked] = given;
      if (isNamed(asked)) {
        const database = client.database ?? '';
        sent.set(`${database}/${asked.name}`, { database, name: asked.name, text: asked.text });
      }
      return Reflect.apply(original, client, given);
    },
  });
}

function isNamed(asked: unknown): asked is { readonly name: string; readonly text: string } {
  return typeof asked === 'object' && asked !== null && 'name' in asked && typeof asked.name === 'string';
}

beforeAll(async () => {
  listen();
  directory = mkdtempSync(join(tmpdir(), 'sagamore-plans-'));
  await chmod(directory, 0o755);
  stack = await startLocal({ directory, port: 0, env: { LOG_LEVEL: 'silent' } });
});

afterAll(async () => {
  pg.Client.prototype.query = query;
  await stack?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Scans that are told no key, as `statement by index`. */
async function keyless({ text, name }: Sent, client: pg.ClientBase): Promise<readonly string[]> {
  const places = [...text.matchAll(/\$(\d+)/g)].map(([, place]) => Number(place));
  const nulls = Array.from({ length: Math.max(0, ...places) }, () => 'null').join(', ');
  await client.query(`prepare looked_at as ${text}`);
  const { rows } = await client.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
    `explain (format json) execute looked_at${nulls === '' ? '' : ` (${nulls})`}`,
  );
  await client.query('deallocate looked_at');
  return scansOf(rows[0]!['QUERY PLAN'][0]!.Plan)
    .filter((node) => node['Index Cond'] === undefined)
    .map((node) => `${name} by ${node['Index Name'] ?? `nothing of ${node['Relation Name']}`}`)
    .filter((scan) => !sweeps.has(scan));
}

async function keylessIn(url: string): Promise<readonly string[]> {
  const database = await PostgresDatabase.open(await openDataSource({ url }));
  const client = await database.connect();
  try {
    const found: string[] = [];
    for (const each of sent.values())
      if (`/${each.database}` === new URL(url).pathname) found.push(...(await keyless(each, client)));
    return found;
  } finally {
    await client.end();
    await database.close();
  }
}

function scansOf(node: PlanNode): readonly PlanNode[] {
  const below = (node.Plans ?? []).flatMap(scansOf);
  return /^(Seq|Index|Index Only|Bitmap Index) Scan$/.test(node['Node Type']) ? [node, ...below] : below;
}

test('every statement of an order finds its rows by a key, as planned on a new database', async () => {
  for (const protocol of ['saga', 'tcc', 'two-phase-commit'])
    for (const country of ['CH', 'AQ'])
      expect((await placeOrder(stack.url, { protocol, country })).status).toBe(200);
  const found = await Promise.all(Object.values(readStack(directory)?.databaseUrls ?? {}).map(keylessIn));
  expect(sent.size).toBeGreaterThan(60);
  expect(found.flat()).toEqual([]);
});
