/**
 * What each process of a stack holds: open files and sockets as the kernel counts them, sessions as Postgres counts them, and
 * the heap that is in use once everything dead was collected. It asks the process's own inspector for the last, so the stack
 * must have been started with `inspected`. Linux alone.
 */
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { readStack } from '../../apps/local/src/stack-file.js';
import type { StackProcess } from './stack.process.js';

/** The environment that opens an inspector in every process, each on a port that the system gives. */
export const inspected = { NODE_OPTIONS: '--inspect=127.0.0.1:0' } as const;

/** What one process holds. */
export interface Held {
  /** Open files that are no sockets: pipes, the event loop's own, logs. */
  readonly files: number;
  /** But for those to the providers. */
  readonly sockets: number;
  /** Sockets that are kept warm to the providers outside: as many as there were calls at one time, and never given back. */
  readonly warm: number;
  /** Sessions of Postgres. */
  readonly sessions: number;
  readonly heapMib: number;
}

const figureNames = ['files', 'sockets', 'sessions', 'heapMib'] as const;

type Counts = Omit<Held, 'heapMib'>;

/** Figures by the name of the process. */
type HeldBy<Figures = Held> = Readonly<Record<string, Figures>>;

const watchMs = 250;
/** Longer than a pool keeps a connection, and a client a socket, that nobody needs: 10 s and 4 s. */
const restMs = 12_000;
const inspectorMsMax = 10_000;

/** The figures of `names` at rest. Pools hold more than they need until a while after a load, and now and then two rounds of a
 *  poll meet and need one more; so each count is the least over a time in which what is not needed is let go. What was lost
 *  track of is held all that time. */
export async function heldAtRest(stack: StackProcess, names: readonly string[]): Promise<HeldBy> {
  // First, so that the connections to the inspectors are gone before anything is counted.
  const heaps = await heapsOf(stack, names);
  const looks: HeldBy<Counts>[] = [];
  for (const end = performance.now() + restMs; performance.now() < end; await pause(watchMs))
    looks.push(await countsOf(stack, names));
  return Object.fromEntries(
    names.map((name) => [
      name,
      { ...leastOf(looks.flatMap((look) => look[name] ?? [])), heapMib: heaps[name] ?? Number.NaN },
    ]),
  );
}

function leastOf(looks: readonly Counts[]): Counts {
  const least = (figure: keyof Counts): number => Math.min(...looks.map((look) => look[figure]));
  return {
    files: least('files'),
    sockets: least('sockets'),
    warm: least('warm'),
    sessions: least('sessions'),
  };
}

/** What is not back within 10 %, or one where ten per cent are less than one, in words. */
export function strayed(before: HeldBy, after: HeldBy): readonly string[] {
  return Object.entries(before).flatMap(([name, figures]) =>
    figureNames.flatMap((figure) => {
      const [was, is] = [figures[figure], after[name]?.[figure] ?? Number.NaN];
      return Math.abs(is - was) <= Math.max(1, was / 10) ? [] : [`${name} ${figure}: ${was} became ${is}`];
    }),
  );
}

/** One look. */
async function countsOf(stack: StackProcess, names: readonly string[]): Promise<HeldBy<Counts>> {
  const pids = stack.pids();
  const sessions = await sessionsOf(stack);
  const warm = socketsTo(Number(new URL(stack.place.simulatorsUrl()).port));
  return Object.fromEntries(
    names.map((name) => [name, { ...openOf(pids[name] ?? Number.NaN, warm), sessions: sessions[name] ?? 0 }]),
  );
}

function openOf(pid: number, toProviders: ReadonlySet<string>): Omit<Counts, 'sessions'> {
  const directory = `/proc/${pid}/fd`;
  const targets = readdirSync(directory).flatMap((fd) => {
    try {
      return [readlinkSync(join(directory, fd))];
    } catch {
      // Closed between the two looks.
      return [];
    }
  });
  const sockets = targets.filter((target) => target.startsWith('socket:'));
  const warm = sockets.filter((target) => toProviders.has(target)).length;
  return { files: targets.length - sockets.length, sockets: sockets.length - warm, warm };
}

/** The sockets of this machine whose other end is this port of it, as the links of file descriptors name them. */
function socketsTo(port: number): ReadonlySet<string> {
  const peer = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return new Set(
    rows.filter(([, , remote]) => remote?.endsWith(peer)).map((fields) => `socket:[${fields[9]}]`),
  );
}

async function sessionsOf(stack: StackProcess): Promise<Readonly<Record<string, number>>> {
  const rows = await onDatabase(stack, 'orchestrator', (client) =>
    client.query<{ name: string; count: number }>(
      'select application_name as name, count(*)::int as count from pg_stat_activity group by 1',
    ),
  );
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
}

/** Ends every session of the services at once, as a firewall that was started again would. */
export async function cutSessions(stack: StackProcess): Promise<void> {
  for (const service of Object.keys(readStack(stack.directory)?.databaseUrls ?? {}))
    await onDatabase(stack, service, (client) =>
      client.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()',
      ),
    );
}

async function onDatabase<Row>(
  stack: StackProcess,
  service: string,
  ask: (client: pg.Client) => Promise<{ readonly rows: readonly Row[] }>,
): Promise<readonly Row[]> {
  const connectionString = readStack(stack.directory)?.databaseUrls[service] ?? '';
  const client = new pg.Client({ connectionString, application_name: 'spec' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await ask(client)).rows;
  } finally {
    await client.end();
  }
}

async function heapsOf(
  stack: StackProcess,
  names: readonly string[],
): Promise<Readonly<Record<string, number>>> {
  const heaps: Record<string, number> = {};
  for (const name of names) heaps[name] = await heapOf(inspectorOf(stack.directory, name));
  return heaps;
}

/** A process that was started again has said so once more in the same log. */
function inspectorOf(directory: string, name: string): string {
  const log = join(directory, 'logs', `${name}.log`);
  const said = existsSync(log) ? readFileSync(log, 'utf8') : '';
  const url = [...said.matchAll(/Debugger listening on (ws:\S+)/g)].at(-1)?.[1];
  if (url === undefined) throw new Error(`${name} tells of no inspector`);
  return url;
}

const usage = z.object({ usedSize: z.number() });

/** MiB in use after everything dead was collected. What a finalizer lets go is dead only at the next collection. */
async function heapOf(url: string): Promise<number> {
  const socket = new WebSocket(url);
  const answers = new Map<number, (result: unknown) => void>();
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = z.object({ id: z.number(), result: z.unknown() }).parse(JSON.parse(String(data)));
    answers.get(id)?.(result);
  });
  const ask = (method: string): Promise<unknown> => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const id = answers.size + 1;
    answers.set(id, resolve);
    socket.send(JSON.stringify({ id, method }));
    return within(inspectorMsMax, `${url} answers ${method}`, promise);
  };
  try {
    await within(inspectorMsMax, `${url} opens`, opened(socket));
    for (let round = 0; round < 3; round++) await ask('HeapProfiler.collectGarbage');
    return usage.parse(await ask('Runtime.getHeapUsage')).usedSize / 1024 ** 2;
  } finally {
    socket.close();
  }
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error('the inspector refused')), { once: true });
  });
}

async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = pause(ms, undefined, { signal: over.signal }).then(() => {
    throw new Error(`waited ${ms / 1_000} s until ${what}`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}
