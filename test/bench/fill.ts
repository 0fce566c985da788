/**
 * Fills the databases of a running stack with what a long life leaves behind, and brings them to rest again: vacuumed, analysed
 * and on the disk. Nothing that it makes is ever run. It says beforehand what room that takes, and refuses where there is none.
 */
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import pg from 'pg';
import { checkpoint } from './database-figures.js';
import { bytesEach, fillStatements, perMs, type Filled, type FillStatement } from './fill.statements.js';
import { sum } from './row.js';
import type { BenchStack } from './stack.js';

const chunk = 20_000;
const progressMs = 5_000;
/** The first is older than any that the load places, and too young to be removed. */
const ageMs = 3_600_000;
/** What Postgres needs beside the rows: WAL, and room to sort. */
const reserveBytes = 3e9;

/** Resolves when `count` more are there. Throws when the disk has no room for them. */
export async function fill(
  filled: Filled,
  count: number,
  stack: Pick<BenchStack, 'databaseUrls' | 'adminUrl'>,
  say: (text: string) => void,
): Promise<void> {
  const { adminUrl } = stack;
  if (adminUrl === undefined) throw new Error('nobody may bring the databases to rest');
  say(roomFor(filled, count, await freeBytes()));
  const statements = fillStatements(filled);
  const services = [...new Set(statements.map(({ service }) => service))];
  const clients = await Promise.all(services.map((service) => connect(stack.databaseUrls[service])));
  try {
    const sessions = services.map((service, at) => ({
      client: clients[at]!,
      own: statements.filter((statement) => statement.service === service),
    }));
    const firstMs = Date.now() - ageMs - Math.ceil(count / perMs);
    const before = await sizeOf(clients);
    const startedAt = performance.now();
    for (let [from, saidAt] = [1, startedAt]; from <= count; from += chunk) {
      const until = Math.min(count, from + chunk - 1);
      await Promise.all(sessions.map((session) => insertInto(session, [from, until, firstMs])));
      if (performance.now() - saidAt < progressMs) continue;
      saidAt = performance.now();
      say(filledSoFar(until, count, saidAt - startedAt));
    }
    say('vacuum, analyze and a checkpoint');
    await Promise.all(sessions.map(bringToRest));
    await checkpoint(adminUrl);
    const bytes = (await sizeOf(clients)) - before;
    say(`they took ${gigabytes(bytes)}, ${(bytes / count).toFixed(0)} bytes each`);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

interface Session {
  readonly client: pg.Client;
  readonly own: readonly FillStatement[];
}

async function insertInto({ client, own }: Session, values: readonly number[]): Promise<void> {
  for (const { text } of own) await client.query(text, [...values]);
}

async function bringToRest({ client, own }: Session): Promise<void> {
  for (const { table } of own) await client.query(`vacuum (analyze) ${table}`);
}

async function connect(connectionString: string | undefined): Promise<pg.Client> {
  if (connectionString === undefined) throw new Error('a service has no database');
  const client = new pg.Client({ connectionString, options: '-c synchronous_commit=off -c jit=off' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Of all databases, with their indexes. */
async function sizeOf(clients: readonly pg.Client[]): Promise<number> {
  const sizes = await Promise.all(
    clients.map((client) =>
      client.query<{ bytes: number }>('select pg_database_size(current_database())::float8 as bytes'),
    ),
  );
  return sum(sizes.map(({ rows: [row] }) => row?.bytes ?? 0));
}

/** Where the databases of a throwaway stack lie. */
async function freeBytes(): Promise<number> {
  const { bavail, bsize } = await statfs(tmpdir());
  return bavail * bsize;
}

/** What it will take, in words. Throws when that is more than there is. */
export function roomFor(filled: Filled, count: number, free: number): string {
  const wanted = count * bytesEach[filled];
  const told = `${count.toLocaleString('en')} ${filled} transactions take about ${gigabytes(wanted)} of the disk, ${gigabytes(free)} are free`;
  if (wanted + reserveBytes > free) throw new Error(`${told}: fewer are bounded by --most`);
  return told;
}

/** How far it has come, and how long the rest will take at the same pace. */
export function filledSoFar(done: number, count: number, elapsedMs: number): string {
  const leftSeconds = ((count - done) * elapsedMs) / done / 1_000;
  return `${done.toLocaleString('en')} of ${count.toLocaleString('en')} filled in, about ${leftSeconds.toFixed(0)} s to go`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 0)} GB`;
}
