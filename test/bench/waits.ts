/**
 * What a hundred thousand transactions in a month-long wait cost: memory, disk, a restart, an idle sweep, and the crowd that
 * falls due together. Everything passes through a real coordinator over a real Postgres with fsync; only the broker is
 * left out, for it would be measured instead.
 */
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { sagaProtocol, saga } from '@sagamore/engine';
import { startEmbeddedPostgres } from '@sagamore/local';
import {
  orchestratorMigrations,
  statement,
  type PostgresDatabase,
  type PostgresJournal,
} from '@sagamore/postgres';
import { uuidv7 } from '@sagamore/primitives';
import {
  Bus,
  Definitions,
  inboxTopic,
  startType,
  type ActiveSubscription,
  type Coordinator,
  type Delivery,
  type Subscription,
} from '@sagamore/runtime';
import { coordinatorOver, idleSweepMs, openDatabase, shards } from './rig.js';
import { throwaway } from './stack.js';

export interface Waits {
  readonly count: number;
  readonly perSecond: number;
  /** Of the process, all collected, MiB. */
  readonly rssMib: { readonly before: number; readonly after: number };
  /** Of the heap, for each transaction. */
  readonly heapBytes: { readonly kept: number; readonly evicted: number };
  readonly diskBytes: number;
  /** From the start until every shard is held. */
  readonly restartMs: { readonly kept: number; readonly evicted: number };
  /** Of one sweep that finds nothing, as its caller waits for it. */
  readonly sweepMs: number;
  readonly wakes: { readonly count: number; readonly perSecond: number };
}

const batch = 500;
const monthMs = 30 * 86_400_000;
/** Held in memory first, to compare with. */
const keptCount = 10_000;
const crowdCount = 5_000;
const crowdInMs = 15_000;

const waiting = saga<{ readonly until: number }>('waiting', { version: 1 })
  .wait('until', ({ input }) => input.until)
  .define();

const sizeOf = statement(
  'bench-waits-size',
  `select (pg_total_relation_size('transaction') + pg_total_relation_size('journal'))::float8 as bytes`,
);
const countFinal = statement(
  'bench-waits-final',
  `select count(*)::integer from transaction where phase = 'final'`,
);

/** Hands its one subscriber what it is given, and takes what is sent: nothing is, by one that only waits. */
class DirectBus extends Bus {
  subscription: Subscription | undefined;

  override async ensureTopics(): Promise<void> {}
  override async send(): Promise<void> {}
  override async start(): Promise<void> {}
  override async stop(): Promise<void> {}
  override healthy(): boolean {
    return true;
  }
  override async subscribe(subscription: Subscription): Promise<ActiveSubscription> {
    this.subscription = subscription;
    return {
      pause: async () => {},
      resume: () => {},
      isPaused: () => false,
      stop: async () => {},
      healthy: () => true,
    };
  }
}

/** Takes as long as its figures need: under a minute for a hundred thousand on two cores. */
export async function measureWaits(count: number, say: (text: string) => void): Promise<Waits> {
  const stops: (() => Promise<void> | void)[] = [];
  try {
    const postgres = await startEmbeddedPostgres({ directory: join(throwaway(stops), 'postgres') });
    stops.push(() => postgres.stop());
    const url = await postgres.createDatabase('orchestrator');
    const database = await openDatabase(url, orchestratorMigrations);
    stops.push(() => database.close());
    return await run(database, count, say);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

async function run(database: PostgresDatabase, count: number, say: (text: string) => void): Promise<Waits> {
  const until = database.now() + monthMs;
  say(`${keptCount} that stay in memory, to compare with`);
  const staying = await own(database, 12 * monthMs);
  await begin(staying, batch, until);
  const bare = memory();
  await begin(staying, keptCount, until);
  const kept = memory();
  const keptAgain = await restart(database, staying, 12 * monthMs);
  say(`${count} that leave it`);
  const evicting = await restart(database, keptAgain.owner, 60_000);
  const before = memory();
  const beganAt = performance.now();
  await begin(evicting.owner, count, until);
  const seconds = (performance.now() - beganAt) / 1_000;
  const after = memory();
  const [size] = await database.read<{ bytes: number }>(sizeOf);
  say('a restart, sweeps that find nothing, and a crowd that falls due together');
  const evicted = await restart(database, evicting.owner, 60_000);
  const swept = await idleSweepMs(evicted.owner.journal);
  const crowd = await wakeCrowd(database, evicted.owner);
  return {
    count,
    perSecond: count / seconds,
    rssMib: { before: before.rss / 2 ** 20, after: after.rss / 2 ** 20 },
    heapBytes: { kept: (kept.heap - bare.heap) / keptCount, evicted: (after.heap - before.heap) / count },
    diskBytes: (size?.bytes ?? 0) / (count + keptCount + batch),
    restartMs: { kept: keptAgain.ms, evicted: evicted.ms },
    sweepMs: swept,
    wakes: crowd,
  };
}

interface Owner {
  readonly coordinator: Coordinator;
  readonly journal: PostgresJournal;
  readonly subscription: Subscription;
}

async function own(database: PostgresDatabase, evictAfterMs: number): Promise<Owner> {
  const bus = new DirectBus();
  const definitions = new Definitions([sagaProtocol(waiting)]);
  const { coordinator, journal } = coordinatorOver(database, bus, { definitions, evictAfterMs });
  await coordinator.start();
  const { subscription } = bus;
  if (subscription === undefined) throw new Error('the coordinator has not subscribed');
  await subscription.onAssigned?.(Array.from({ length: shards }, (_, shard) => shard));
  return { coordinator, journal, subscription };
}

async function restart(
  database: PostgresDatabase,
  { coordinator }: Owner,
  evictAfterMs: number,
): Promise<{ readonly owner: Owner; readonly ms: number }> {
  await coordinator.stop();
  const startedAt = performance.now();
  const owner = await own(database, evictAfterMs);
  return { owner, ms: performance.now() - startedAt };
}

async function begin({ subscription, journal }: Owner, count: number, until: number): Promise<void> {
  for (let begun = 0; begun < count; begun += batch) {
    const many = Math.min(batch, count - begun);
    await subscription.handle(
      Array.from({ length: many }, (_, at) => start(at % shards, until, journal.now())),
    );
  }
}

function start(shard: number, until: number, nowMs: number): Delivery {
  const transactionId = uuidv7(nowMs);
  const message = {
    id: `${transactionId}/start`,
    type: startType,
    source: 'bench',
    topic: inboxTopic,
    key: transactionId,
    partition: shard,
    occurredAt: nowMs,
    data: { transactionId, definition: 'waiting', input: { until } },
  };
  return { message, origin: { topic: inboxTopic, partition: shard, offset: '0' } };
}

/** From their common instant until the last has gone on. */
async function wakeCrowd(database: PostgresDatabase, owner: Owner): Promise<Waits['wakes']> {
  await owner.coordinator.stop();
  const until = database.now() + crowdInMs;
  const evicting = await own(database, 10_000);
  await begin(evicting, crowdCount, until);
  const final = async () => (await database.read<{ count: number }>(countFinal))[0]?.count ?? 0;
  while ((await final()) < crowdCount) await new Promise((resolve) => setTimeout(resolve, 20));
  const seconds = (database.now() - until) / 1_000;
  await evicting.coordinator.stop();
  return { count: crowdCount, perSecond: crowdCount / seconds };
}

function memory(): { readonly rss: number; readonly heap: number } {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heap: heapUsed };
}
