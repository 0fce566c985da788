/**
 * `npm run failover`: how long the transactions of an orchestrator stand still when it dies (kill -9) and when it is told to
 * leave (SIGTERM). Method: two orchestrators over a real Kafka under a steady stream of orders. The store's clock is read
 * BEFORE the signal; the answer is the instant of the first event that the journal holds under the shard's next epoch.
 * Shards are measured one by one; each has orders under way at any moment.
 */
import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { readStack, terminal } from '@sagamore/local';
import { AuditedDatabase } from '../audit/database.js';
import { planOrders } from '../e2e/fates.js';
import { OrdersClient } from '../e2e/orders.client.js';
import { stackProcess, type StackProcess } from '../e2e/stack.process.js';

const { colours, line } = terminal;
const victim = 'orchestrator-2';
/** Longer than any session time-out in use; then the shard is without an owner. */
const patienceMs = 60_000;
/** A process that has just begun to share the work is let do so for a moment. */
const settleMs = 1_500;

interface HeldShard {
  readonly shard: number;
  readonly epoch: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
  if (!/^[1-9]\d?$/.test(values.rounds))
    throw new TypeError(`--rounds takes 1 to 99, found ${values.rounds}`);
  const stack = stackProcess('deploy/local/kafka/main.ts', ['--port', '0', '--orchestrators', '2']);
  const stop = new AbortController();
  try {
    line(colours.dim('starting a stack with two orchestrators'));
    await stack.start();
    const store = await AuditedDatabase.open(readStack(stack.directory)?.databaseUrls['orchestrator'] ?? '');
    const load = keepOrdering(stack, stop.signal);
    // A stack that is given up takes its orders along.
    load.catch(() => undefined);
    for (const signal of ['SIGKILL', 'SIGTERM'] as const)
      report(signal, await rounds(Number(values.rounds), () => failover(stack, store, signal)));
    stop.abort();
    await load;
    await store.close();
  } catch (error) {
    line(stack.tail());
    throw error;
  } finally {
    stop.abort();
    await stack.dispose();
  }
}

async function keepOrdering(stack: StackProcess, stop: AbortSignal): Promise<void> {
  const log = join(stack.directory, 'client.jsonl');
  const client = new OrdersClient({ place: stack.place, log, atOnce: 32 });
  for (let seed = 1; !stop.aborted; seed++)
    await client.run(
      planOrders({ seed, orders: 100, run: `load-${seed}`, among: (fate) => fate.name === 'good' }),
    );
}

async function rounds(count: number, once: () => Promise<readonly number[]>): Promise<readonly number[]> {
  const figures: number[] = [];
  for (let round = 0; round < count; round++) figures.push(...(await once()));
  return figures;
}

/** Milliseconds that each shard of the victim stood still. */
async function failover(
  stack: StackProcess,
  store: AuditedDatabase,
  signal: 'SIGKILL' | 'SIGTERM',
): Promise<readonly number[]> {
  const held = await untilShared(store);
  await pause(settleMs);
  const [now] = await store.query<{ ms: number }>(
    `select extract(epoch from clock_timestamp()) * 1000 as ms`,
  );
  const signalledAt = now?.ms ?? Number.NaN;
  process.kill(stack.pids()[victim] ?? Number.NaN, signal);
  const figures: number[] = [];
  for (const one of held) figures.push((await nextEventAt(store, one)) - signalledAt);
  line(`  ${signal}: ${figures.map((ms) => `${Math.round(ms)} ms`).join(', ')}`);
  return figures;
}

/** The victim's shards, once both processes hold some. */
async function untilShared(store: AuditedDatabase): Promise<readonly HeldShard[]> {
  return patiently('both orchestrators to hold shards', async () => {
    const rows = await store.query<HeldShard & { process: string }>(
      `select shard, epoch, application_name as process from shard join pg_stat_activity on pid = backend`,
    );
    const [own, others] = [true, false].map((mine) =>
      rows.filter(({ process }) => (process === victim) === mine),
    );
    return own?.length && others?.length ? own : undefined;
  });
}

async function nextEventAt(store: AuditedDatabase, { shard, epoch }: HeldShard): Promise<number> {
  return patiently(`the next event of shard ${shard}`, async () => {
    const [row] = await store.query<{ at: number | null }>(
      `select min((event->>'at')::float8) as at from journal join transaction using (transaction_id)
       where shard = $1 and epoch > $2`,
      [shard, epoch],
    );
    return row?.at ?? undefined;
  });
}

async function patiently<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`waited ${patienceMs / 1_000} s for ${what}`);
    await pause(50);
  }
}

function report(signal: string, figures: readonly number[]): void {
  const sorted = figures.toSorted((one, other) => one - other).map(Math.round);
  const [median, most] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  line(`${colours.bold(signal)}: median ${median} ms, longest ${most} ms, ${sorted.length} shards`);
}

await main().catch((error: unknown) => {
  process.stderr.write(`${colours.red('✘')} ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
