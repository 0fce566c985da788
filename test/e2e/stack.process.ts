/**
 * A stack as a user starts it: a process of its own, told apart by its group, with its output kept in a file. A test may
 * kill it in any way; in the end nothing of it is left running.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { z } from 'zod';
import { stopOrphan } from '../../apps/local/src/postgres-orphan.js';
import { readStack } from '../../apps/local/src/stack-file.js';
import type { ClientPlace } from './orders.client.js';

const startMsMax = 240_000;
const readyMsMax = 60_000;
const stopMsMax = 40_000;
const tailLines = 40;

/** One stack in a directory of its own. */
export interface StackProcess {
  readonly directory: string;
  readonly place: ClientPlace;
  /** Starts it, again if need be, and resolves once it says that it is ready. */
  start(): Promise<void>;
  /** kill -9 of every process of the stack at once, its servers of data excepted, as a machine's user would do it. */
  killAll(): Promise<void>;
  /** SIGTERM, as Ctrl-C does it; resolves once all of it has ended. Rejects when it does not within 40 s. */
  stop(): Promise<void>;
  /** The processes of a supervised stack, by name. */
  pids(): Readonly<Record<string, number>>;
  /** All that it said, without colours. */
  output(): string;
  /** The end of what it said. */
  tail(): string;
  /** Stops it, by force in the end, and removes its data. Idempotent. */
  dispose(): Promise<void>;
}

const pidFile = z.record(z.string(), z.int());

/** `entry`: the TypeScript file of the stack; `environment`: what its processes are told beyond ours. Nothing is started yet. The
 *  caller disposes. */
export function stackProcess(
  entry: string,
  flags: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): StackProcess {
  const directory = mkdtempSync(join(tmpdir(), 'sagamore-e2e-'));
  // Its Postgres may run as another user, who must be able to enter.
  chmodSync(directory, 0o755);
  const log = join(directory, 'stack.log');
  let child: ChildProcess | undefined;
  const said = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '');
  const urlOf = (name: 'orderUrl' | 'orchestratorUrl' | 'simulatorsUrl'): string =>
    readStack(directory)?.[name] ?? 'http://127.0.0.1:9';
  const pids = (): Readonly<Record<string, number>> => {
    const file = join(directory, 'processes.json');
    return existsSync(file) ? pidFile.parse(JSON.parse(readFileSync(file, 'utf8'))) : {};
  };
  const killAll = async (): Promise<void> => {
    if (child?.pid === undefined || hasEnded(child)) return;
    process.kill(-child.pid, 'SIGKILL');
    await untilEnded(child, stopMsMax);
  };
  return {
    directory,
    place: {
      orderUrl: () => urlOf('orderUrl'),
      orchestratorUrl: () => urlOf('orchestratorUrl'),
      simulatorsUrl: () => urlOf('simulatorsUrl'),
    },
    async start() {
      const before = said().length;
      child = launch([entry, ...flags, '--directory', directory], log, environment);
      await untilReady(child, () => said().slice(before));
    },
    killAll,
    async stop() {
      child?.kill('SIGTERM');
      if (child !== undefined && !(await untilEnded(child, stopMsMax)))
        throw new Error(`the stack did not stop within ${stopMsMax / 1_000} s`);
    },
    pids,
    output: () => stripVTControlCharacters(said()),
    tail: () => said().split('\n').slice(-tailLines).join('\n'),
    async dispose() {
      if (child !== undefined && !hasEnded(child)) {
        child.kill('SIGTERM');
        if (!(await untilEnded(child, stopMsMax))) await killAll();
      }
      child = undefined;
      await stopOrphan(join(directory, 'postgres', 'data'), () => undefined);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** As npm would run it, but in a process group of its own, so that one signal reaches all of it. */
function launch(
  words: readonly string[],
  log: string,
  environment: Readonly<Record<string, string>>,
): ChildProcess {
  const output = openSync(log, 'a');
  try {
    return spawn(process.execPath, ['deploy/local/run.mjs', ...words], {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...environment },
    });
  } finally {
    closeSync(output);
  }
}

async function untilReady(child: ChildProcess, said: () => string): Promise<void> {
  const deadline = performance.now() + startMsMax;
  while (performance.now() < deadline && !hasEnded(child)) {
    if (/^ready http/m.test(said())) return;
    await pause(100);
  }
  throw new Error(`the stack did not become ready within ${startMsMax / 1_000} s:\n${said()}`);
}

/** Resolves once both doors of the stack say that nothing is missing behind them; a process that was killed may still be
 *  coming back. Rejects after `msMax`, by default a minute. */
export async function untilServing(
  place: Pick<ClientPlace, 'orderUrl' | 'orchestratorUrl'>,
  msMax = readyMsMax,
): Promise<void> {
  const deadline = performance.now() + msMax;
  for (const url of [place.orderUrl, place.orchestratorUrl]) {
    while (!(await isReady(`${url()}/health/ready`))) {
      if (performance.now() > deadline) throw new Error(`${url()} is not ready within ${msMax / 1_000} s`);
      await pause(100);
    }
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function untilEnded(child: ChildProcess, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (performance.now() < deadline && !hasEnded(child)) await pause(50);
  return hasEnded(child);
}

/** What a child process said, its colours left out, and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs an entry file of the workspace to its end. Rejects after `msMax`, having ended it. */
export async function runToEnd(
  words: readonly string[],
  msMax: number,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Ended> {
  const child = spawn(process.execPath, ['deploy/local/run.mjs', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment,
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const patience = new AbortController();
  const late = pause(msMax, 'late' as const, { signal: patience.signal }).catch(() => null);
  const code = await Promise.race([closed, late]);
  patience.abort();
  if (code !== 'late') return { code, output: stripVTControlCharacters(output) };
  child.kill('SIGTERM');
  throw new Error(`${words.join(' ')} did not end within ${msMax / 1_000} s:\n${output}`);
}

/** Runs the audit of a stack's directory as a user does, and answers what it said. */
export function runAudit(directory: string, clientLog: string): Promise<Ended> {
  const words = ['test/audit/main.ts', '--directory', directory, '--client-log', clientLog, '--wait', '60'];
  return runToEnd(words, 90_000);
}
