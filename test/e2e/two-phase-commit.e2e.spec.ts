/**
 * Goal: whatever dies in the middle of two-phase commit, all commit or all roll back, and nothing stays in doubt for longer
 * than the concept page says. Method: a process that kills itself at a chosen point, over real databases on two servers;
 * the participants' server is left alone, killed with -9 or stopped `immediate` before the process comes back.
 */
import { randomUUID } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { databaseEnvironment, startEmbeddedPostgres, type EmbeddedPostgres } from '@sagamore/local';
import { startSimulators } from '@sagamore/simulators';
import pg from 'pg';
import { z } from 'zod';
import { nodeFlags } from '../../deploy/local/node-flags.mjs';
import { audit } from '../audit/audit.js';

jest.setTimeout(180_000);

/** As the page on two-phase commit promises, after both sides are up again. */
const recoveryMsMax = 45_000;
const readyMsMax = 90_000;

/** Enough have prepared at each point, and no more: order and inventory prepare, the card and the parcel are held. */
const points = [
  { killAt: 'first-prepared', isDecided: false, inDoubtMin: 0, inDoubtMax: 2 },
  { killAt: 'all-prepared', isDecided: false, inDoubtMin: 2, inDoubtMax: 2 },
  { killAt: 'decided', isDecided: true, inDoubtMin: 2, inDoubtMax: 2 },
  { killAt: 'first-committed', isDecided: true, inDoubtMin: 0, inDoubtMax: 2 },
] as const;

const accidents = [
  { meanwhile: 'nothing else happens', signal: undefined },
  { meanwhile: 'their Postgres is killed with -9', signal: 'SIGKILL' },
  { meanwhile: 'their Postgres is stopped immediate', signal: 'SIGQUIT' },
] as const;

const cases = points.flatMap((point) => accidents.map((accident) => ({ ...point, ...accident })));

const directory = mkdtempSync(join(tmpdir(), 'sagamore-doubt-'));
const listed = z.object({ items: z.array(z.object({ sku: z.string(), available: z.number() })) });
let simulators: Awaited<ReturnType<typeof startSimulators>>;
let coordinators: EmbeddedPostgres;
let participants: EmbeddedPostgres;
let host: ChildProcess | undefined;
let said = '';

beforeAll(async () => {
  chmodSync(directory, 0o755);
  simulators = await startSimulators({ directory: join(directory, 'simulators') });
  coordinators = await startEmbeddedPostgres({ directory: join(directory, 'coordinators') });
  participants = await startEmbeddedPostgres({ directory: join(directory, 'participants') });
});

afterEach(async () => {
  await ended(host, 'SIGKILL');
});

afterAll(async () => {
  await ended(host, 'SIGKILL');
  await participants?.stop();
  await coordinators?.stop();
  await simulators?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Resolves once the process has ended, with the help of `signal` where one is given. */
async function ended(child: ChildProcess | undefined, signal?: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  if (signal !== undefined) child.kill(signal);
  await gone;
}

async function databaseUrls(): Promise<Readonly<Record<string, string>>> {
  const urls: Record<string, string> = { orchestrator: await coordinators.createDatabase('orchestrator') };
  for (const service of ['order', 'inventory', 'payment', 'shipping'])
    urls[service] = await participants.createDatabase(service);
  return urls;
}

/** Starts the process and answers where it serves, once its catalogue is known. */
async function launch(killAt: string): Promise<string> {
  said = '';
  const environment = {
    PATH: process.env['PATH'],
    LOG_LEVEL: 'silent',
    KILL_AT: killAt,
    CARD_NETWORK_URL: simulators.url,
    CARRIER_URL: simulators.url,
    ...databaseEnvironment(await databaseUrls()),
  };
  const child = spawn(process.execPath, [...nodeFlags, 'test/e2e/doubt.host.ts'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  host = child;
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  const url = await until('the host to be ready', readyMsMax, async () => /^ready (\S+)/m.exec(said)?.[1]);
  await until('the catalogue', readyMsMax, async () => {
    const response = await fetch(`${url}/products`).catch(() => undefined);
    return response?.ok === true && listed.parse(await response.json()).items.length > 0 ? true : undefined;
  });
  return url;
}

async function until<T>(what: string, ms: number, look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = performance.now() + ms; performance.now() < deadline; await pause(50)) {
    const found = await look();
    if (found !== undefined) return found;
    if (host !== undefined && host.exitCode !== null) break;
  }
  throw new Error(`${what} did not come within ${ms} ms, or the host ended; it said:\n${said}`);
}

async function asked<Row extends object>(service: string, sql: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: (await databaseUrls())[service] });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** What the participants' server keeps in doubt. */
async function inDoubt(): Promise<readonly string[]> {
  return (await asked<{ gid: string }>('order', 'select gid from pg_prepared_xacts order by gid')).map(
    ({ gid }) => gid,
  );
}

/** The status of the last order, once no transaction moves: also the card and the parcel have been settled then. */
async function endOfLast(): Promise<string | undefined> {
  const moving = await asked('orchestrator', `select from transaction where phase = 'moving'`);
  if (moving.length > 0) return undefined;
  const [last] = await asked<{ status: string }>(
    'order',
    'select status from orders order by order_id desc limit 1',
  );
  return last === undefined || last.status === 'PENDING' ? undefined : last.status;
}

async function place(url: string): Promise<void> {
  const body = {
    customerId: 'ada',
    currency: 'EUR',
    lines: [{ sku: 'ESPRESSO-CUP', quantity: 2 }],
    paymentToken: 'tok_ok',
    shipTo: { name: 'Ada', street: 'Row 1', city: 'Oldport', postcode: '4051', country: 'CH' },
    protocol: 'two-phase-commit',
  };
  const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
  // The process may die before it answers: what became of the order is read from its row.
  await fetch(`${url}/orders`, { method: 'POST', headers, body: JSON.stringify(body) }).catch(
    () => undefined,
  );
}

async function restart(signal: NodeJS.Signals): Promise<void> {
  process.kill(participants.pid, signal);
  await participants.stop();
  participants = await startEmbeddedPostgres({ directory: join(directory, 'participants') });
}

describe('two-phase commit, when something dies', () => {
  test.each(cases)(
    'S67, S68, S69: the coordinator at $killAt; then $meanwhile',
    async ({ killAt, isDecided, inDoubtMin, inDoubtMax, signal }) => {
      await place(await launch(killAt));
      await ended(host);
      expect(host?.signalCode).toBe('SIGKILL');
      const before = await inDoubt();
      expect(before.length).toBeGreaterThanOrEqual(inDoubtMin);
      expect(before.length).toBeLessThanOrEqual(inDoubtMax);

      if (signal !== undefined) await restart(signal);
      expect(await inDoubt()).toEqual(before);

      await launch('never');
      await until('the end of all doubt', recoveryMsMax, async () =>
        (await inDoubt()).length === 0 ? true : undefined,
      );
      const status = await until('the end of the order', recoveryMsMax, endOfLast);
      if (isDecided) expect(status).toBe('CONFIRMED');
    },
  );

  test('I17–I20: and no row, inside or outside, contradicts another', async () => {
    // The last host died as its test ended: what it had saved and not sent is another's to send, once its claim has run out.
    await launch('never');
    const environment = {
      ...databaseEnvironment(await databaseUrls()),
      SIMULATORS_DIRECTORY: join(directory, 'simulators'),
    };
    const findings = await audit(
      { directory, environment, waitSeconds: 30, mayStart: false, providers: true },
      { progress: () => undefined, finding: () => undefined },
    );
    const broken = findings.filter(({ violations }) => violations.length > 0);
    expect(broken.map(({ check, violations }) => [check.id, check.title, violations])).toEqual([]);
    expect(findings.length).toBeGreaterThan(20);
  });
});
