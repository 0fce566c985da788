/**
 * Does to a running stack what a fault says, and takes it back. A process that is just coming back has no victim's pid yet:
 * then nothing is done. Must never leave anything paused, cut or full behind.
 */
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Links } from '../../deploy/local/toxiproxy/toxiproxy.js';
import type { Fault } from './faults.js';

/** A stack, as somebody sees it who wants to break it. */
export interface Victim {
  /** Read anew each time: a process that was started again has another. */
  readonly pids: () => Readonly<Record<string, number>>;
  readonly links: Links | undefined;
  /** The small disk on which Postgres lies; undefined when it lies on a real one. */
  readonly disk: string | undefined;
}

/** Resolves once the fault is healed; `stop` heals early. */
export async function inject(fault: Fault, victim: Victim, stop: AbortSignal): Promise<void> {
  const hold = (ms: number): Promise<unknown> =>
    pause(ms, undefined, { signal: stop }).catch(() => undefined);
  switch (fault.kind) {
    case 'kill':
      return signal(victim, fault.process, 'SIGKILL');
    case 'terminate':
      return signal(victim, fault.process, 'SIGTERM');
    case 'crash-postgres':
      // What `pg_ctl stop -m immediate` sends: no checkpoint, no goodbye to the clients.
      return signal(victim, 'postgres', 'SIGQUIT');
    case 'pause':
      return during(
        () => signal(victim, fault.process, 'SIGSTOP'),
        () => hold(fault.ms),
        () => signal(victim, fault.process, 'SIGCONT'),
      );
    case 'cut':
      return during(
        () => victim.links?.cut(fault.link),
        () => hold(fault.ms),
        () => victim.links?.heal(),
      );
    case 'slow':
      return during(
        () => victim.links?.slow(fault.link, fault.latencyMs),
        () => hold(fault.ms),
        () => victim.links?.heal(),
      );
    case 'fill-disk': {
      const { disk } = victim;
      if (disk === undefined) return;
      const ballast = join(disk, 'ballast');
      return during(
        () => fill(disk, ballast),
        () => hold(fault.ms),
        () => rmSync(ballast, { force: true }),
      );
    }
  }
}

async function during(
  begin: () => unknown,
  meanwhile: () => Promise<unknown>,
  heal: () => unknown,
): Promise<void> {
  try {
    await begin();
    await meanwhile();
  } finally {
    await heal();
  }
}

function signal(victim: Victim, name: string, what: NodeJS.Signals): void {
  const pid = victim.pids()[name];
  if (pid === undefined) return;
  try {
    process.kill(pid, what);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** Takes all that is free, block by block, until the disk says no. */
function fill(disk: string, ballast: string): void {
  const { bsize, bfree } = statfsSync(disk);
  const block = Buffer.alloc(4 * 1024 * 1024);
  try {
    for (let left = bsize * bfree; left > 0; left -= block.length)
      writeFileSync(ballast, block, { flag: 'a' });
  } catch (error) {
    if (codeOf(error) !== 'ENOSPC') throw error;
  }
}

/** Not asked by class: inside a test runner, Node's own errors are of a class of their own. */
function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
