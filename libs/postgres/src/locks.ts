/**
 * The registry of semantic locks on Postgres: what a journal batch adds to its statement when claims come or go, and the
 * two ways in which the queues are read. It decides nothing; a batch without locks never sees any of this.
 */
import assert from 'node:assert/strict';
import type { LockPolicy } from '@sagamore/engine';
import type { JournalBatch, LockChanges, StoredLock } from '@sagamore/runtime';
import { statement, type Statement } from './statement.js';

/** Any number, the same in every version of this code: keys are locked under it. */
const lockClass = 712_640;

/** The parts of the statement; `at` is the number of values before theirs. They hang on `owned` and `started`, as the
 *  parts of the journal do.
 *  A key is locked until the commit BEFORE a place is drawn: so places of one key are in the order of commits, and nobody
 *  who was told "you hold it" can later find somebody before them. Keys are locked in one order, so that two batches
 *  cannot wait in a circle. */
function parts(at: number): string {
  const value = (number: number) => `$${at + number}`;
  return `,
   queues as materialized (
     select key, pg_advisory_xact_lock(${lockClass}, hash) from (
       select distinct hashtext(key) as hash, key from unnest(${value(1)}::text[]) as given (key)
       order by hash, key) as wanted),
   claimed as (
     insert into semantic_lock (key, transaction_id, branch_id, shard, policy, can_yield, started_at)
     select key, transaction_id, branch_id, shard, policy, can_yield, to_timestamp(started_at / 1000)
     from unnest(${value(1)}::text[], ${value(2)}::uuid[], ${value(3)}::text[], ${value(4)}::integer[],
       ${value(5)}::text[], ${value(6)}::boolean[], ${value(7)}::float8[], ${value(8)}::boolean[]) with ordinality
       as given (key, transaction_id, branch_id, shard, policy, can_yield, started_at, starting, number)
     join queues using (key) join owned using (shard)
     where not starting or transaction_id in (select transaction_id from started)
     order by number),
   freed as (
     delete from semantic_lock
     using unnest(${value(9)}::uuid[], ${value(10)}::text[], ${value(11)}::integer[])
       as given (transaction_id, branch_id, shard) join owned using (shard)
     where semantic_lock.transaction_id = given.transaction_id and semantic_lock.branch_id = given.branch_id)`;
}

/** Where the parts of a batch end and its answer begins. */
const answer = '\n   select array(';

/** `batch` with the registry's parts, whose values follow its own. */
export function withLocks(batch: Statement): Statement {
  const [writes, rest] = batch.text.split(answer);
  assert(rest !== undefined, `${batch.name} does not end as expected`);
  const at = Math.max(...[...batch.text.matchAll(/\$(\d+)/g)].map(([, place]) => Number(place)));
  return statement(`${batch.name}-locks`, `${writes}${parts(at)}${answer}${rest}`);
}

/** The values of those parts, in their order. */
export function lockValues(
  { taken, released }: LockChanges,
  { starts }: Pick<JournalBatch, 'starts'>,
): readonly unknown[] {
  const starting = new Set(starts.map(({ transactionId }) => transactionId));
  return [
    taken.map(({ key }) => key),
    taken.map(({ transactionId }) => transactionId),
    taken.map(({ branchId }) => branchId),
    taken.map(({ shard }) => shard),
    taken.map(({ policy }) => policy),
    taken.map(({ canYield }) => canYield),
    taken.map(({ startedAt }) => startedAt),
    taken.map(({ transactionId }) => starting.has(transactionId)),
    released.map(({ transactionId }) => transactionId),
    released.map(({ branchId }) => branchId),
    released.map(({ shard }) => shard),
  ];
}

const columns = `claim.key, claim.place::float8, claim.transaction_id, claim.branch_id, claim.policy, claim.shard,
  claim.can_yield and transaction.phase = 'moving' as can_yield,
  (extract(epoch from claim.started_at) * 1000)::float8 as started_at,
  (extract(epoch from claim.claimed_at) * 1000)::float8 as claimed_at`;

export const findAround = statement(
  'lock-around',
  `with recursive near (key) as (
     select unnest($1::text[])
     union
     select other.key from near join semantic_lock own on own.key = near.key
       join semantic_lock other on other.transaction_id = own.transaction_id)
   select ${columns} from semantic_lock claim join transaction using (transaction_id)
   where claim.key in (select key from near) order by claim.key collate "C", claim.place`,
);

export const listByKey = statement(
  'lock-list',
  `with page as (
     select distinct key collate "C" as key from semantic_lock
     where $2::text is null or key collate "C" > $2 order by 1 limit $1)
   select ${columns} from semantic_lock claim join transaction using (transaction_id)
   where claim.key in (select key from page) order by claim.key collate "C", claim.place`,
);

export interface FoundLock {
  readonly key: string;
  readonly place: number;
  readonly transaction_id: string;
  readonly branch_id: string;
  readonly policy: LockPolicy;
  readonly shard: number;
  readonly can_yield: boolean;
  readonly started_at: number;
  readonly claimed_at: number;
}

export function toLock(row: FoundLock): StoredLock {
  const { key, place, policy, shard } = row;
  return {
    key,
    place,
    policy,
    shard,
    transactionId: row.transaction_id,
    branchId: row.branch_id,
    canYield: row.can_yield,
    startedAt: row.started_at,
    claimedAt: row.claimed_at,
  };
}
