/**
 * Goal: a continuous auditor sees what breaks beside it, sees it repaired, and outlives databases that go away. Method: the
 * real auditor in short rounds over real databases, in which the test breaks, repairs and locks.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { databaseEnvironment } from '@sagamore/local';
import pg from 'pg';
import { testPostgres } from '../support/postgres.js';
import { watch, type Standing } from './auditor.js';
import { completed, healthyBooks, transaction, type Books } from './books.fixture.js';
import { openFindingsDoor } from './findings.door.js';
import type { Changes } from './standing.js';

jest.setTimeout(60_000);
const unknown = '01990000-0000-7000-8000-0000000000ff';
const patienceMs = 20_000;

interface Round {
  readonly standing: Standing;
  readonly changes: Changes;
}

let books: Books;
let stop: AbortController;
let rounds: Round[];
let watching: Promise<Standing>;

beforeAll(async () => {
  books = await healthyBooks();
});

afterAll(async () => {
  await books?.close();
  await (await testPostgres()).stop();
});

beforeEach(() => begin(500));

afterEach(async () => {
  stop.abort();
  await watching;
});

function begin(graceMs: number): void {
  stop = new AbortController();
  rounds = [];
  const environment = databaseEnvironment(books.urls);
  watching = watch(
    { directory: 'nowhere', environment, providers: false, everyMs: 20, graceMs },
    (standing, changes) => void rounds.push({ standing, changes }),
    stop.signal,
  );
}

/** The first round from now on of which this is so. */
async function round(what: string, isSo: (one: Round) => boolean): Promise<Round> {
  const deadline = performance.now() + patienceMs;
  for (let next = rounds.length; performance.now() < deadline; await pause(10)) {
    for (; next < rounds.length; next++) {
      const one = rounds[next];
      if (one !== undefined && isSo(one)) return one;
    }
  }
  throw new Error(`waited ${patienceMs / 1_000} s for ${what}`);
}

const found = (id: string) => round(`${id} to be found`, ({ changes }) => names(changes.found).includes(id));
const gone = (id: string) => round(`${id} to be gone`, ({ changes }) => names(changes.gone).includes(id));
const names = (rows: Changes['found']): readonly string[] => rows.map(({ check }) => check.id);

async function asAdministrator(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: (await testPostgres()).server.url('postgres') });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

test('I02: stock that does not fit its moves is found at once, stands, and is gone once it is repaired', async () => {
  const first = await round('a round', () => true);
  expect(first.standing).toMatchObject({ findings: [], suspected: 0, away: undefined });
  await books.databases.inventory.query('update stock set available = available + 5');
  const seen = await found('I02');
  expect(seen.changes.found[0]?.violation).toMatchObject({
    service: 'inventory',
    sku: 'COFFEE',
    balance: '102',
  });
  const later = await round('another round', ({ changes }) => changes.found.length === 0);
  expect(names(later.standing.findings)).toContain('I02');
  await books.databases.inventory.query('update stock set available = available - 5');
  await gone('I02');
  await round('nothing to stand', ({ standing }) => standing.findings.length + standing.suspected === 0);
});

test('I10, I21, S101: a transaction, a message and a lock that stay behind are suspected first, and found when they stay', async () => {
  const lock = `insert into semantic_lock (transaction_id, started_at, shard, can_yield, key, branch_id, policy)
    values ('${completed}', now(), 0, false, 'a-key', 'a-branch', 'wait')`;
  await books.databases.orchestrator.query(transaction(unknown, 'executing', null));
  await books.databases.orchestrator.query(lock);
  await books.databases.order.query(
    `insert into outbox (key, owner, claimed_until, message) values ('k', 'nobody', now(), '{}')`,
  );
  const before = await round('a suspicion', ({ standing }) => standing.suspected >= 3);
  expect(before.changes.found).toEqual([]);
  await round('all three', ({ standing }) =>
    ['I10', 'I21', 'S101'].every((id) => names(standing.findings).includes(id)),
  );
  await books.databases.orchestrator.query(`delete from transaction where transaction_id = '${unknown}'`);
  await books.databases.orchestrator.query('delete from semantic_lock');
  await books.databases.order.query('delete from outbox');
  await round('nothing to stand', ({ standing }) => standing.findings.length + standing.suspected === 0);
});

test('I38: a database that goes away ends nothing, and what was found stands until it can be looked at again', async () => {
  await books.databases.inventory.query('update stock set available = available + 1');
  await found('I02');
  const database = new URL(books.urls.payment).pathname.slice(1);
  await asAdministrator(`alter database ${database} allow_connections false`);
  try {
    const away = await round('a round that cannot be held', ({ standing }) => standing.away !== undefined);
    expect(away.standing.away).toContain('the database of payment does not answer');
    expect(names(away.standing.findings)).toContain('I02');
    await books.databases.inventory.query('update stock set available = available - 1');
    const still = await round('another', ({ standing }) => standing.away !== undefined);
    expect(names(still.standing.findings)).toContain('I02');
  } finally {
    await asAdministrator(`alter database ${database} allow_connections true`);
  }
  await gone('I02');
});

test('whoever asks at the door is told what stands, where its story is, and whether that is current', async () => {
  const { standing: healthy } = await round('a round', () => true);
  let now: Standing | undefined;
  const door = await openFindingsDoor(0, () => now);
  try {
    expect((await fetch(door.url)).status).toBe(503);
    now = healthy;
    expect(await (await fetch(door.url)).json()).toMatchObject({ current: true, why: null, findings: [] });
    await books.databases.orchestrator.query(transaction(unknown, 'executing', null));
    ({ standing: now } = await found('I10'));
    const answer = await fetch(door.url);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.json()).toMatchObject({
      findings: expect.arrayContaining([
        expect.objectContaining({ id: 'I10', transaction: `/transactions/${unknown}` }),
      ]),
    });
    expect((await fetch(door.url, { method: 'POST' })).status).toBe(404);
  } finally {
    await books.databases.orchestrator.query(`delete from transaction where transaction_id = '${unknown}'`);
    await door.close();
  }
});
