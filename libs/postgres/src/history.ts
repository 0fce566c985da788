/**
 * The `History` and `BarrierHistory` ports: removal in batches along the primary keys, which are in order of time. Each is one
 * statement, idempotent, and locks nothing that anybody else writes: what ended is never written again (I31).
 */
import type { TransactionId } from '@sagamore/engine';
import { BarrierHistory, History, type Removal, type RemovalPage, type Tombstone } from '@sagamore/runtime';
import type { PostgresDatabase } from './database.js';
import { statement } from './statement.js';

const nobody = '00000000-0000-0000-0000-000000000000';

/** The ids of one ms: all that share their first 48 bits. */
const msOf = (id: string) => `left(${id}::text, 13)`;
const firstOf = (id: string) => `(${msOf(id)} || '-0000-0000-000000000000')::uuid`;
const lastOf = (id: string) => `(${msOf(id)} || '-ffff-ffff-ffffffffffff')::uuid`;

// `ripe` reads the tombstones as they were BEFORE this statement, so what is planted now goes next time at the earliest.
const removeEnded = statement(
  'history-remove',
  `with page as materialized (
     select transaction_id, phase, status, updated_at from transaction
     where transaction_id > $1 and transaction_id < $2 order by transaction_id limit $3),
   doomed as materialized (
     select transaction_id, status from page
     where phase in ('final', 'held') and updated_at < to_timestamp($4::float8 / 1000) and not exists (
       select from transaction kin
       where kin.transaction_id between ${firstOf('page.transaction_id')} and ${lastOf('page.transaction_id')}
         and (kin.phase not in ('final', 'held') or kin.updated_at >= to_timestamp($4::float8 / 1000)))),
   planted as (
     insert into tombstone (transaction_id, status) select transaction_id, status from doomed
     on conflict (transaction_id) do nothing),
   ripe as materialized (
     select transaction_id from doomed join tombstone using (transaction_id)
     where planted_at < clock_timestamp() - interval '1 minute'),
   late as (
     delete from late_reply using ripe where late_reply.transaction_id = ripe.transaction_id),
   told as (
     delete from journal using ripe where journal.transaction_id = ripe.transaction_id),
   gone as (
     delete from transaction using ripe where transaction.transaction_id = ripe.transaction_id
     returning transaction.transaction_id)
   select (select count(*) from gone)::integer as removed,
     (select transaction_id from page order by transaction_id desc limit 1) as last`,
);

// By id, which grows with time: a row that is still wanted ends no search.
const removeAudits = statement(
  'history-audits',
  `with gone as (
     delete from audit where id in (
       select id from audit where occurred_at < to_timestamp($1::float8 / 1000) and not exists (
         select from transaction where transaction.transaction_id = audit.transaction_id and phase <> 'final')
       order by id limit $2)
     returning id),
   strange as (
     delete from late_reply where meaning = 'unknown-transaction'
       and occurred_at < to_timestamp($1::float8 / 1000))
   select count(*)::integer as removed from gone`,
);

// The keys under which somebody asked for a start live as long as what remembers the transaction itself.
const forget = statement(
  'history-forget',
  `with keys as (
     delete from accepted_start where input is null and transaction_id in (
       select transaction_id from accepted_start where transaction_id < $1 and input is null
       order by transaction_id limit $2)),
   gone as (
     delete from tombstone where transaction_id in (
       select transaction_id from tombstone where transaction_id < $1 order by transaction_id limit $2)
     returning transaction_id)
   select count(*)::integer as removed from gone`,
);

const findRemoved = statement(
  'history-removed',
  `select transaction_id, status from tombstone where transaction_id = any($1::uuid[])
     and not exists (select from transaction where transaction.transaction_id = tombstone.transaction_id)`,
);

// The oldest row of all stops the horizon, whatever its phase: what ended and is still stored may still be asked for.
// Its whole ms stays: no id of ours is of a version below seven. The answer is the lesser of what was raised before and what may be raised now.
const raiseHorizon = statement(
  'history-horizon',
  `with oldest as (
     select (${msOf('transaction_id')} || '-7000-8000-000000000000')::uuid as id from transaction order by transaction_id limit 1),
   reached as (
     select least($1::uuid, (select id from oldest)) as id),
   before as materialized (
     select horizon from retention for update),
   raised as (
     update retention set horizon = greatest(retention.horizon, reached.id) from reached, before)
   select least(before.horizon, reached.id) as horizon from before, reached`,
);

const removeRows = statement(
  'barrier-remove',
  `with gone as (
     delete from barrier where (transaction_id, branch_id, operation, generation) in (
       select transaction_id, branch_id, operation, generation from barrier
       where transaction_id < $1 and outcome <> 'claimed' order by transaction_id limit $2)
     returning transaction_id)
   select count(*)::integer as removed from gone`,
);

interface Count {
  readonly removed: number;
}

export class PostgresHistory extends History {
  constructor(private readonly database: PostgresDatabase) {
    super();
  }

  override async remove({ before, endedBefore, limit, after = nobody }: RemovalPage): Promise<Removal> {
    const values = [after, before, limit, endedBefore];
    const [done] = await this.database.read<Count & { last: TransactionId | null }>(removeEnded, values);
    const { removed = 0, last = null } = done ?? {};
    return last === null ? { removed } : { removed, last };
  }

  override removeAudits(before: number, limit: number): Promise<number> {
    return countOf(this.database.read<Count>(removeAudits, [before, limit]));
  }

  override forget(before: TransactionId, limit: number): Promise<number> {
    return countOf(this.database.read<Count>(forget, [before, limit]));
  }

  override async removed(ids: readonly TransactionId[]): Promise<readonly Tombstone[]> {
    const rows = await this.database.read<{ transaction_id: string; status: string }>(findRemoved, [ids]);
    return rows.map(({ transaction_id: transactionId, status }) => ({ transactionId, status }));
  }

  override async raiseHorizon(floor: TransactionId): Promise<TransactionId> {
    const [row] = await this.database.read<{ horizon: TransactionId }>(raiseHorizon, [floor]);
    return row?.horizon ?? nobody;
  }

  override now(): number {
    return this.database.now();
  }
}

export class PostgresBarrierHistory extends BarrierHistory {
  constructor(private readonly database: PostgresDatabase) {
    super();
  }

  override removeBelow(before: TransactionId, limit: number): Promise<number> {
    return countOf(this.database.read<Count>(removeRows, [before, limit]));
  }

  override now(): number {
    return this.database.now();
  }
}

async function countOf(rows: Promise<readonly Count[]>): Promise<number> {
  return (await rows)[0]?.removed ?? 0;
}
