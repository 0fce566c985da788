/**
 * Looks for a server that still runs on a data directory although the process that started it is gone (a kill -9
 * leaves one), and stops it. It must never stop anything but a Postgres on exactly that directory.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** What `postmaster.pid` says. */
export interface PidFile {
  readonly pid: number;
  /** The server accepts connections. */
  readonly ready: boolean;
}

const statusLine = 7;

/** Reads `postmaster.pid` of a data directory; undefined when there is none. */
export function readPidFile(data: string): PidFile | undefined {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 1
      ? { pid, ready: lines[statusLine]?.trim() === 'ready' }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Stops the server that was left behind on `data`, if there is one, and resolves AFTER it has ended.
 *  Throws when the server's starter still lives: then it is no orphan but somebody's database. */
export async function stopOrphan(data: string, log: (line: string) => void): Promise<void> {
  const pid = readPidFile(data)?.pid;
  if (pid === undefined || !isServerOf(pid, data)) return;
  const starter = starterOf(data);
  // A server whose starter died has been given another parent.
  if (starter !== process.pid && starter !== undefined && parentOf(pid) === starter) {
    throw new Error(`the data directory ${data} is in use by process ${starter}`);
  }
  log(`stopping the Postgres process ${pid} that an earlier run left behind`);
  process.kill(pid, 'SIGINT');
  if (await ended(pid, 5_000)) return;
  process.kill(pid, 'SIGQUIT');
  if (!(await ended(pid, 5_000)))
    throw new Error(`the Postgres process ${pid} left behind on ${data} does not stop`);
}

/** Notes beside `data` that this process starts its server. */
export function noteStarter(data: string): void {
  writeFileSync(starterFile(data), String(process.pid));
}

/** Waits until process `pid` has ended, at most `ms`; answers whether it has. */
export async function ended(pid: number, ms: number): Promise<boolean> {
  for (const deadline = performance.now() + ms; performance.now() < deadline; await pause(20)) {
    if (!isAlive(pid)) return true;
  }
  return !isAlive(pid);
}

/** Whether a process of this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A pid file outlives a crash and pids are given again, so the id alone proves nothing. */
function isServerOf(pid: number, data: string): boolean {
  const words = commandOf(pid);
  return words.includes('postgres') && words.includes(data);
}

function starterFile(data: string): string {
  return join(dirname(data), 'starter');
}

function starterOf(data: string): number | undefined {
  const file = starterFile(data);
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
}

function commandOf(pid: number): string {
  const file = `/proc/${pid}/cmdline`;
  if (existsSync(file)) return readFileSync(file, 'utf8').replaceAll('\0', ' ');
  return spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '';
}

function parentOf(pid: number): number | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' });
  if (stdout) return Number(stdout.trim());
  const status = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '';
  const found = /^PPid:\s+(\d+)$/m.exec(status)?.[1];
  return found === undefined ? undefined : Number(found);
}
