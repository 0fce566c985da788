/**
 * A Toxiproxy for this machine alone, without Docker: built once from its published Go module, then cached. It stands between
 * a service and a server, and cuts or slows what goes through it. Everything is on loopback.
 * Its state is in memory: whoever starts it again declares its links again.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../kafka/probe.js';
import { answers, madeOnce, placeOf, run } from '../made-once.js';

const recipe = { name: 'toxiproxy', file: fileURLToPath(new URL('./go.mod.txt', import.meta.url)) };
const command = 'github.com/Shopify/toxiproxy/v2/cmd/server';
const readyWaitMs = 30_000;
const answerWaitMs = 10_000;

export interface LocalToxiproxy {
  /** Where `links` speaks to it. */
  readonly url: string;
  /** Idempotent. Every link is cut with it. */
  stop(): Promise<void>;
}

/** What this machine lacks to run one, as a sentence; undefined when it lacks nothing. */
export function missingForToxiproxy(): string | undefined {
  if (existsSync(placeOf(recipe)) || answers('go', 'version')) return undefined;
  return 'cutting connections needs Toxiproxy, which is built once with Go (go), and no go was found';
}

/** Builds it if need be (a minute, once), starts it and resolves when it answers. Its log goes into `directory`. */
export async function startToxiproxy(options: {
  readonly directory: string;
  readonly log: (line: string) => void;
}): Promise<LocalToxiproxy> {
  const missing = missingForToxiproxy();
  if (missing !== undefined) throw new Error(missing);
  const directory = resolve(options.directory);
  mkdirSync(directory, { recursive: true });
  const place = await madeOnce({
    ...recipe,
    log: options.log,
    make: (partial) => build(partial, options.log),
  });
  const [port] = await freePorts(1);
  const child = launch(join(place, 'toxiproxy'), directory, port!);
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(child, `${url}/version`);
  } catch (error) {
    await end(child);
    throw error;
  }
  return { url, stop: () => end(child) };
}

/** Speaks to a Toxiproxy. A link is known by its name. Every call rejects when it is not answered with success. */
export class Links {
  constructor(private readonly url: string) {}

  /** What comes to `listen` goes to `upstream`; both are loopback ports. */
  async join(name: string, listen: number, upstream: number): Promise<void> {
    const ends = { listen: `127.0.0.1:${listen}`, upstream: `127.0.0.1:${upstream}` };
    await this.ask('POST', '/proxies', { name, ...ends, enabled: true });
  }

  async names(): Promise<readonly string[]> {
    return Object.keys(await this.ask('GET', '/proxies'));
  }

  /** Ends every connection and refuses new ones. */
  async cut(name: string): Promise<void> {
    await this.ask('POST', `/proxies/${name}`, { enabled: false });
  }

  /** Answers arrive this much later. */
  async slow(name: string, latencyMs: number): Promise<void> {
    const attributes = { latency: latencyMs, jitter: Math.round(latencyMs / 4) };
    await this.ask('POST', `/proxies/${name}/toxics`, { type: 'latency', stream: 'downstream', attributes });
  }

  /** Makes every link whole again. */
  async heal(): Promise<void> {
    await this.ask('POST', '/reset');
  }

  private async ask(method: string, path: string, body?: object): Promise<object> {
    const response = await fetch(this.url + path, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(answerWaitMs),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`Toxiproxy answered ${method} ${path} with ${response.status}: ${text}`);
    const read: unknown = text === '' ? {} : JSON.parse(text);
    return typeof read === 'object' && read !== null ? read : {};
  }
}

async function build(directory: string, log: (line: string) => void): Promise<void> {
  log('building Toxiproxy from its Go module (a minute, once)');
  mkdirSync(directory, { recursive: true });
  copyFileSync(recipe.file, join(directory, 'go.mod'));
  // Where modules come from, and whether their sums are looked up, is Go's own setting; the module's version is pinned.
  const env = { ...process.env, GOFLAGS: '-mod=mod', GOSUMDB: process.env['GOSUMDB'] ?? 'off' };
  await run('go', ['build', '-o', 'toxiproxy', command], { cwd: directory, env });
  log('Toxiproxy is built');
}

function launch(binary: string, directory: string, port: number): ChildProcess {
  const output = openSync(join(directory, 'toxiproxy.log'), 'w');
  const child = spawn(binary, ['-host', '127.0.0.1', '-port', String(port)], {
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  child.unref();
  const endWithParent = () => child.kill('SIGTERM');
  process.once('exit', endWithParent);
  child.once('exit', () => process.off('exit', endWithParent));
  return child;
}

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  const deadline = performance.now() + readyWaitMs;
  while (performance.now() < deadline && child.exitCode === null) {
    try {
      if ((await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok) return;
    } catch {
      // Not yet.
    }
    await pause(50);
  }
  throw new Error('Toxiproxy did not answer; see its log');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill('SIGKILL');
  await gone;
}
