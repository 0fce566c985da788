/**
 * A coordinator of the bench's own over a real Postgres, without the rest of the house: for what waits and for the synthetic
 * saga. It wires what the platform wires, and measures nothing but an idle sweep.
 */
import {
  openDataSource,
  PostgresDatabase,
  PostgresJournal,
  PostgresOutbox,
  runMigrations,
} from '@sagamore/postgres';
import { seededRandom } from '@sagamore/primitives';
import { Coordinator, OutboxRelay, SystemClock, type Bus, type CoordinatorOptions } from '@sagamore/runtime';
import type { orchestratorMigrations } from '@sagamore/postgres';

/** As many as the product has by default. */
export const shards = 4;
const sweepsWarm = 20;
const sweepsMeasured = 200;

/** Opens a database with these tables, made where they are missing. The caller closes. */
export async function openDatabase(
  url: string,
  migrations: typeof orchestratorMigrations,
): Promise<PostgresDatabase> {
  const dataSource = await openDataSource({ url, migrations, poolSize: 4 });
  await runMigrations(dataSource);
  return PostgresDatabase.open(dataSource);
}

export interface RiggedCoordinator {
  readonly coordinator: Coordinator;
  readonly relay: OutboxRelay;
  readonly journal: PostgresJournal;
}

/** Neither it nor its relay has started. */
export function coordinatorOver(
  database: PostgresDatabase,
  bus: Bus,
  options: Omit<CoordinatorOptions, 'owner' | 'shardCount'>,
): RiggedCoordinator {
  const clock = new SystemClock();
  const owner = 'bench';
  const journal = new PostgresJournal(database);
  const relay = new OutboxRelay(new PostgresOutbox(database), bus, clock, { owner });
  const ports = { journal, relay, bus, clock, random: seededRandom(1) };
  return { coordinator: new Coordinator(ports, { ...options, owner, shardCount: shards }), relay, journal };
}

/** What one sweep that finds nothing takes, as its caller waits for it, ms. */
export async function idleSweepMs(journal: PostgresJournal): Promise<number> {
  const held = Array.from({ length: shards }, (_, shard) => shard);
  const look = () => journal.due(held, { until: journal.now() + 5_000, limit: 1_000 });
  for (let round = 0; round < sweepsWarm; round++) await look();
  const startedAt = performance.now();
  for (let round = 0; round < sweepsMeasured; round++) await look();
  return (performance.now() - startedAt) / sweepsMeasured;
}
