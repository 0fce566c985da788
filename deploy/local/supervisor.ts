/**
 * Keeps the processes of a local stack running: starts each, waits until it is ready, starts it again when it dies, and
 * stops all in the reverse order. A process manager's job in production; here so that `kill -9` can be tried by hand.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { nodeFlags } from './node-flags.mjs';

export interface ProcessSpecification {
  readonly name: string;
  /** The TypeScript entry file, from the repository's root. */
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  /** Answers 200 once the process is ready. */
  readonly readyUrl: string;
}

/** Restarts of one process before it is given up: more would hide a crash loop. */
const restartsMax = 50;
const readyMsMax = 60_000;

export class Supervisor {
  private readonly children = new Map<string, ChildProcess>();
  private readonly others = new Map<string, () => number>();
  private readonly started: string[] = [];
  private stopping = false;

  /** Logs go to `<directory>/logs/<name>.log`, pids to `<directory>/processes.json`. */
  constructor(
    private readonly directory: string,
    private readonly say: (text: string) => void,
  ) {
    mkdirSync(join(directory, 'logs'), { recursive: true });
  }

  /** Resolves when the process is ready; rejects when it ends or stays silent for a minute. */
  async start(specification: ProcessSpecification): Promise<void> {
    this.started.push(specification.name);
    const child = this.launch(specification, 0);
    await ready(specification, () => this.children.get(specification.name) !== child);
  }

  /** SIGTERM to each, last started first; SIGKILL to whatever is left after 20 s. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const name of this.started.toReversed()) await end(this.children.get(name));
  }

  private launch(specification: ProcessSpecification, restarts: number): ChildProcess {
    const { name, entry, env } = specification;
    const log = createWriteStream(join(this.directory, 'logs', `${name}.log`), { flags: 'a' });
    const child = spawn(process.execPath, [...nodeFlags, entry], {
      // Read by the Postgres client: its sessions tell whose they are.
      env: { ...process.env, PGAPPNAME: name, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    child.once('exit', (code, signal) => void this.onExit(specification, restarts, signal ?? `code ${code}`));
    this.children.set(name, child);
    this.writePids();
    return child;
  }

  private async onExit(specification: ProcessSpecification, restarts: number, how: string): Promise<void> {
    const { name } = specification;
    if (this.stopping) return;
    if (restarts >= restartsMax) {
      this.say(`${name} ended (${how}) for the ${restarts + 1}th time and stays down; see logs/${name}.log`);
      return;
    }
    this.say(`${name} ended (${how}); starting it again`);
    await pause(500);
    if (!this.stopping) this.launch(specification, restarts + 1);
  }

  /** Names a server that is kept alive elsewhere in the file of process ids. */
  alsoRuns(name: string, pid: () => number): void {
    this.others.set(name, pid);
    this.writePids();
  }

  /** Writes the file of process ids anew: whoever keeps another server alive calls it after a restart. */
  writePids(): void {
    const own = [...this.children].map(([name, { pid }]) => [name, pid] as const);
    const others = [...this.others].map(([name, pid]) => [name, pid()] as const);
    const pids = Object.fromEntries([...own, ...others]);
    writeFileSync(join(this.directory, 'processes.json'), `${JSON.stringify(pids, null, 2)}\n`);
  }
}

/** A server that this process started through its own library. */
interface Server {
  readonly pid: number;
  stop(): Promise<void>;
}

export interface KeptAlive<T extends Server> {
  /** The running one: another object after each restart. */
  current(): T;
  /** `listener` is called AFTER each restart, once the new server answers. */
  onRestart(listener: () => void): void;
  stop(): Promise<void>;
}

/** Starts a server and starts it again when it dies. `start` must bring it back where it was: same data, same port. */
export async function keepAlive<T extends Server>(
  name: string,
  start: (before?: T) => Promise<T>,
  say: (text: string) => void,
): Promise<KeptAlive<T>> {
  let server = await start();
  let restarted = (): void => {};
  const stop = new AbortController();
  const watching = (async () => {
    for (let restarts = 0; restarts < restartsMax; restarts++) {
      while (!stop.signal.aborted && isAlive(server.pid)) await pause(300);
      if (stop.signal.aborted) return;
      say(`${name} ended; starting it again`);
      await server.stop();
      server = await start(server);
      restarted();
    }
  })();
  watching.catch((error: unknown) => say(`${name} could not be started again: ${String(error)}`));
  return {
    current: () => server,
    onRestart: (listener) => void (restarted = listener),
    async stop() {
      stop.abort();
      await watching.catch(() => {});
      await server.stop();
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A port that was free a moment ago; for servers that must come back on the same one. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function ready({ name, readyUrl }: ProcessSpecification, isGone: () => boolean): Promise<void> {
  const deadline = performance.now() + readyMsMax;
  while (performance.now() < deadline) {
    if (isGone()) throw new Error(`${name} ended while it started; see its log`);
    if (await answers(readyUrl)) return;
    await pause(100);
  }
  throw new Error(`${name} was not ready after ${readyMsMax / 1_000} s; see its log`);
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const giveUp = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await gone;
  clearTimeout(giveUp);
}
