/**
 * Who owns which shard: taking one raises its epoch under the row lock that every journal commit shares, so the new
 * owner reads all that the old one achieved, and the old one achieves nothing more (R10, R11).
 */
import { Fault } from '@sagamore/resilience';
import type { Epoch, Shard } from '@sagamore/runtime';
import type { PostgresDatabase } from './database.js';
import { bound, statement } from './statement.js';
import type { PostgresTx } from './transaction.js';
import { endBackend, type Backend, type Writer } from './writer-connection.js';

/** How long a takeover waits for the commits of the old owner BEFORE it ends the backend that makes them. */
const waitMs = 1_000;
const attemptsMax = 5;

const setLockTimeout = statement('shard-lock-timeout', `select set_config('lock_timeout', $1, true)`);

const keepCount = statement(
  'sharding-keep',
  'insert into sharding (shard_count) values ($1) on conflict do nothing',
);

const readCount = statement('sharding-read', 'select shard_count from sharding');

const raiseEpoch = statement(
  'shard-take',
  `insert into shard (shard, epoch, owner, backend, backend_started_at) values ($1, 1, $2, $3, $4::timestamptz)
   on conflict (shard) do update set epoch = shard.epoch + 1, owner = excluded.owner, backend = excluded.backend,
     backend_started_at = excluded.backend_started_at, taken_at = clock_timestamp()
   returning epoch::integer`,
);

const readBackend = statement(
  'shard-backend',
  'select backend as pid, backend_started_at::text as "startedAt" from shard where shard = $1',
);

const moveBackend = statement(
  'shard-move-backend',
  `update shard set backend = $3, backend_started_at = $4::timestamptz
   from unnest($1::integer[], $2::bigint[]) as held (shard, epoch)
   where shard.shard = held.shard and shard.epoch = held.epoch`,
);

export interface Taking {
  readonly shard: Shard;
  readonly owner: string;
  readonly shardCount: number;
  /** The backend on which the new owner will write. */
  readonly backend: Backend;
}

/** Takes a shard; waits for commits in hand, and after a second ends the backend that the row names, unless it is the
 *  taker's own. Throws `SHARD_COUNT_CHANGED`, and `SERIALIZATION_CONFLICT` when somebody else holds the row. */
export async function takeShard(database: PostgresDatabase, taking: Taking): Promise<Epoch> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await database.transaction((tx) => raise(tx, taking));
    } catch (error) {
      if (!isLockTimeout(error) || attempt >= attemptsMax) throw error;
      await endOwner(database, taking);
    }
  }
}

/** Tells the rows of the shards in `epochs` that their owner now writes on another backend. */
export async function moveShards(writer: Writer, epochs: ReadonlyMap<Shard, Epoch>): Promise<void> {
  const { pid, startedAt } = writer.backend;
  if (epochs.size === 0) return;
  await writer.client.query(bound(moveBackend, [[...epochs.keys()], [...epochs.values()], pid, startedAt]));
}

async function raise(tx: PostgresTx, { shard, owner, shardCount, backend }: Taking): Promise<Epoch> {
  const [, , counts, epochs] = await Promise.all([
    tx.query(setLockTimeout, [String(waitMs)]),
    tx.query(keepCount, [shardCount]),
    tx.query<{ shard_count: number }>(readCount),
    tx.query<{ epoch: number }>(raiseEpoch, [shard, owner, backend.pid, backend.startedAt]),
  ]);
  const stored = counts[0]?.shard_count;
  const epoch = epochs[0]?.epoch;
  if (stored === shardCount && epoch !== undefined) return epoch;
  const message = `shard ${shard} was asked for as one of ${shardCount}, and ${stored} are stored`;
  throw new Fault('SHARD_COUNT_CHANGED', message, { retryable: false });
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof Fault && error.code === 'SERIALIZATION_CONFLICT';
}

async function endOwner(database: PostgresDatabase, { shard, backend }: Taking): Promise<void> {
  const [recorded] = await database.read<Backend>(readBackend, [shard]);
  if (recorded === undefined || recorded.pid === backend.pid) return;
  await database.read(endBackend, [recorded.pid, recorded.startedAt]);
}
