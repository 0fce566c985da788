/**
 * Brings foreign software to this machine once: whoever comes first makes it, the others wait, later ones find it. What it
 * is made of stands in a file of ours, and the file's content names the result, so that another version is made anew.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
/** A cold cache on a slow line takes minutes; ten mean that nothing moves any more. */
const lockWaitMs = 600_000;

export interface Recipe {
  /** Where it is kept, below the cache: `SAGAMORE_CACHE`, or `.sagamore` of this repository. */
  readonly name: string;
  /** The file whose content says what is made. */
  readonly file: string;
  /** Makes it in a directory that does not exist yet. */
  readonly make: (directory: string) => Promise<void>;
  /** Told when another process is making it. */
  readonly log: (line: string) => void;
}

/** The directory where the result lies, or will lie. */
export function placeOf({ name, file }: Pick<Recipe, 'name' | 'file'>): string {
  const cache = process.env['SAGAMORE_CACHE'] ?? join(repository, '.sagamore');
  const version = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 12);
  return join(cache, `${name}-${version}`);
}

/** The directory that holds the result, making it first if need be. Safe to call from several processes at once. Throws
 *  what `make` throws; then nothing is kept. */
export async function madeOnce(recipe: Recipe): Promise<string> {
  const place = placeOf(recipe);
  if (existsSync(place)) return place;
  const release = await lock(`${place}.lock`, recipe.log);
  try {
    if (existsSync(place)) return place;
    const partial = `${place}.partial`;
    rmSync(partial, { recursive: true, force: true });
    await recipe.make(partial);
    // The rename is the marker of completeness: one that was killed leaves only a `.partial` directory behind.
    renameSync(partial, place);
    return place;
  } finally {
    release();
  }
}

/** Runs a command to its end; throws with its last lines when it fails. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  );
  if (code !== 0) throw new Error(`${command} ended with code ${code}: ${output.trim()}`);
}

/** Whether a command is there and works. */
export function answers(command: string, argument: string): boolean {
  return spawnSync(command, [argument], { stdio: 'ignore' }).status === 0;
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function lock(path: string, log: (line: string) => void): Promise<() => void> {
  mkdirSync(join(path, '..'), { recursive: true });
  const deadline = performance.now() + lockWaitMs;
  while (!tryLock(path)) {
    if (performance.now() > deadline)
      throw new Error(`waited ${lockWaitMs} ms for ${path}, held by another process`);
    log('another process is at it already; waiting for it');
    await pause(1_000);
  }
  return () => rmSync(path, { force: true });
}

function tryLock(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    // A holder that died leaves its file behind; an empty one is being written at this moment.
    const holder = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (holder !== '' && !isAlive(Number(holder))) rmSync(path, { force: true });
    return false;
  }
}
