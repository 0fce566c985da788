/**
 * Goal: a stack of separate processes over a real Kafka and Postgres answers every order as it must, whatever breaks
 * meanwhile, and no row contradicts another. Method: a client that knows only REST places orders of mixed fate and repeats what
 * was not answered; faults drawn from the seed strike as long as it does; then everything is healed, each result is
 * compared with the order's fate, and the audit reads every row.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readStack } from '@sagamore/local';
import { seededRandom } from '@sagamore/primitives';
import { Links, missingForToxiproxy } from '../../deploy/local/toxiproxy/toxiproxy.js';
import { planOrders } from '../e2e/fates.js';
import { OrdersClient, surprises } from '../e2e/orders.client.js';
import { runAudit, stackProcess, untilServing, type StackProcess } from '../e2e/stack.process.js';
import { describeFault, drawFaults } from './faults.js';
import { inject, type Victim } from './injector.js';

export interface ChaosOptions {
  readonly seed: number;
  readonly orders: number;
  readonly orchestrators: number;
  /** Between the begin of two faults. */
  readonly gapMs: { readonly least: number; readonly most: number };
  /** Puts Postgres on a small disk of its own that can be filled. Only root can have that. */
  readonly smallDisk: boolean;
  readonly atOnce: number;
  readonly say: (text: string) => void;
  /** Gives the run up: it is healed, stopped and removed, and `chaos` rejects. */
  readonly interrupted?: AbortSignal;
}

export interface Verdict {
  /** What went otherwise than it must, in words; empty when all is well. */
  readonly problems: readonly string[];
  readonly faults: number;
  /** Orders that were followed to their end. */
  readonly ended: number;
}

/** One order may meet several faults on its way, each of which may cost it a session and a restart. */
const patienceMs = 300_000;
const diskSize = '900m';

/** Starts a stack, breaks it, judges it and removes it. Rejects when it cannot be started. */
export async function chaos(options: ChaosOptions): Promise<Verdict> {
  const links = missingForToxiproxy() === undefined ? ['--links'] : [];
  const flags = ['--port', '0', '--orchestrators', String(options.orchestrators), ...links];
  const stack = stackProcess('deploy/local/kafka/main.ts', flags);
  const disk = options.smallDisk ? mountSmallDisk(join(stack.directory, 'postgres'), options.say) : undefined;
  try {
    await stack.start();
    const verdict = await Promise.race([strike(stack, disk, options), givenUp(options.interrupted)]);
    if (verdict.problems.length > 0) options.say(`the stack's last words:\n${stack.tail()}`);
    await stack.stop();
    return verdict;
  } finally {
    if (disk !== undefined) spawnSync('umount', ['--lazy', disk]);
    await stack.dispose();
  }
}

/** Never resolves. */
function givenUp(interrupted: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    interrupted?.addEventListener('abort', () => reject(new Error('the run was interrupted')));
  });
}

async function strike(
  stack: StackProcess,
  disk: string | undefined,
  options: ChaosOptions,
): Promise<Verdict> {
  const { seed, orders, atOnce } = options;
  const log = join(stack.directory, 'client.jsonl');
  const client = new OrdersClient({ place: stack.place, log, atOnce, patienceMs });
  const stop = new AbortController();
  const breaking = breakThings(stack, disk, options, stop.signal);
  const problems: string[] = [];
  try {
    const results = await client.run(planOrders({ seed, orders, run: `chaos-${seed}` }));
    stop.abort();
    const faults = await breaking;
    await untilServing(stack.place);
    const ends = await client.rescue(results);
    await client.readAgain(ends);
    problems.push(...surprises(ends));
    return { problems: [...problems, ...(await auditProblems(stack, log))], faults, ended: ends.length };
  } catch (error) {
    stop.abort();
    const faults = await breaking;
    problems.push(error instanceof Error ? error.message : String(error));
    return { problems: [...problems, ...(await auditProblems(stack, log))], faults, ended: 0 };
  }
}

/** Resolves with the number of faults, all of them healed, once told to stop. */
async function breakThings(
  stack: StackProcess,
  disk: string | undefined,
  { seed, gapMs, say }: ChaosOptions,
  stop: AbortSignal,
): Promise<number> {
  const linksUrl = readStack(stack.directory)?.linksUrl;
  const links = linksUrl === undefined ? undefined : new Links(linksUrl);
  const victim: Victim = { pids: stack.pids, links, disk };
  const random = seededRandom(seed + 7);
  const targets = {
    processes: Object.keys(stack.pids()).toSorted(),
    links: (await links?.names())?.toSorted() ?? [],
    hasSmallDisk: disk !== undefined,
  };
  const startedAt = performance.now();
  let count = 0;
  const faults = drawFaults(random, targets);
  for (;;) {
    const gap = gapMs.least + random.next() * (gapMs.most - gapMs.least);
    await pause(gap, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) return count;
    count++;
    const fault = faults.next().value;
    say(`${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(4)} s  ${describeFault(fault)}`);
    await inject(fault, victim, stop);
  }
}

async function auditProblems(stack: StackProcess, log: string): Promise<readonly string[]> {
  const { code, output } = await runAudit(stack.directory, log);
  return code === 0 ? [] : [`the audit ended with ${code}:\n${output}`];
}

/** A memory disk at `directory`, or undefined where none may be mounted. */
function mountSmallDisk(directory: string, say: (text: string) => void): string | undefined {
  mkdirSync(directory, { recursive: true });
  const options = `size=${diskSize},mode=755`;
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]);
  if (status === 0) return directory;
  say('no small disk could be mounted (that takes root): the disk is never full in this run');
  return undefined;
}
