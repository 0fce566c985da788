/**
 * The one statement that makes a coordinator's batch durable, and the arrays it is fed with. Between an order's reply
 * and its next command there is exactly this. Pure but for its SQL: it sends nothing itself.
 */
import type {
  Epoch,
  JournalBatch,
  JournalReceipt,
  Message,
  Shard,
  TransactionRecord,
  TransactionStatus,
} from '@sagamore/runtime';
import { numbered } from './outbox.js';
import { statement } from './statement.js';

/** What the statement answers. */
export interface BatchAnswer {
  readonly owned: readonly number[];
  readonly started: readonly string[];
  readonly told: readonly string[];
  /** The store's clock. */
  readonly ms: number;
}

/** A record without a status of its own in the batch has only just begun. */
const begun = { status: 'begun', phase: 'moving' } as const;

// Everything hangs on `owned`: its rows are locked in share mode and only where the epoch is still the stored one, so
// a takeover waits for this statement, and a statement that waited for a takeover finds nothing that is its own (R10).
// What a repeated start brought along is dropped with it (R16); one that was removed is as known as one that is stored (S45). A final status never changes (I31).
export const commitBatch = statement(
  'journal-commit',
  `with owned as materialized (
     select shard.shard, shard.epoch from shard
     join unnest($1::integer[], $2::bigint[]) as held (shard, epoch)
       on held.shard = shard.shard and held.epoch = shard.epoch
     order by shard.shard for share of shard),
   started as (
     insert into transaction (transaction_id, definition, definition_version, shard, status, phase, reason, input,
       started_at, updated_at, parent, output, due_at, tenant, priority)
     select transaction_id, definition, version, shard, status, phase, reason, input,
       to_timestamp(started_at / 1000), to_timestamp(updated_at / 1000), parent, output,
       to_timestamp(due_at / 1000), tenant, priority
     from unnest($3::uuid[], $4::text[], $5::integer[], $6::integer[], $7::text[], $8::text[], $9::json[],
       $10::json[], $11::float8[], $12::float8[], $30::json[], $31::json[], $33::float8[],
       $37::text[], $38::smallint[])
       as given (transaction_id, definition, version, shard, status, phase, reason, input, started_at, updated_at,
         parent, output, due_at, tenant, priority)
     join owned using (shard)
     where transaction_id >= (select horizon from retention)
       and not exists (select from tombstone where tombstone.transaction_id = given.transaction_id)
     order by transaction_id
     on conflict (transaction_id) do nothing
     returning transaction_id),
   written as (
     insert into journal (transaction_id, seq, epoch, event)
     select transaction_id, seq, epoch, event
     from unnest($13::uuid[], $14::integer[], $15::integer[], $16::boolean[], $17::json[])
       as given (transaction_id, seq, shard, starting, event)
     join owned using (shard)
     where not starting or transaction_id in (select transaction_id from started)
     order by transaction_id, seq),
   moved as (
     update transaction set status = given.status, phase = given.phase, reason = given.reason,
       updated_at = to_timestamp(given.at / 1000), output = given.output,
       due_at = to_timestamp(given.due_at / 1000)
     from unnest($18::uuid[], $19::integer[], $20::text[], $21::text[], $22::json[], $23::float8[], $32::json[],
       $34::float8[]) as given (transaction_id, shard, status, phase, reason, at, output, due_at)
     join owned on owned.shard = given.shard
     where transaction.transaction_id = given.transaction_id and transaction.shard = given.shard
       and transaction.phase <> 'final'),
   told as (
     insert into outbox (key, owner, claimed_until, message)
     select key, $24, clock_timestamp() + $25::float8 * interval '1 ms', message
     from unnest($26::text[], $27::integer[], $28::boolean[], $29::json[]) with ordinality
       as given (key, shard, starting, message, place)
     join owned using (shard)
     where not starting or key in (select transaction_id::text from started)
     order by place
     returning id),
   heard as (
     update audit set heard_at = clock_timestamp()
     from unnest($35::bigint[], $36::integer[]) as given (id, shard) join owned using (shard)
     where audit.id = given.id)
   select array(select shard from owned) as owned,
     array(select transaction_id::text from started) as started,
     array(select id::text from told) as told,
     (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
);

/** The values of `commitBatch`, in its order. */
export function batchValues(
  epochs: ReadonlyMap<Shard, Epoch>,
  batch: JournalBatch,
  claim: { readonly owner: string; readonly claimMs: number },
): readonly unknown[] {
  const { heard = [] } = batch;
  const starting = new Set(batch.starts.map((start) => start.transactionId));
  const statuses = new Map(batch.statuses.map((status) => [status.transactionId, status]));
  const moves = [...statuses.values()].filter((status) => !starting.has(status.transactionId));
  return [
    [...epochs.keys()],
    [...epochs.values()],
    ...startColumns(batch.starts, statuses),
    ...entryColumns(batch, starting),
    ...moveColumns(moves),
    claim.owner,
    claim.claimMs,
    ...factColumns(batch, starting),
    ...familyColumns(batch.starts, statuses),
    moves.map((status) => json(status.output)),
    batch.starts.map((start) => statuses.get(start.transactionId)?.dueAt ?? null),
    moves.map((status) => status.dueAt ?? null),
    heard.map(({ wishId }) => wishId),
    heard.map(({ shard }) => shard),
    batch.starts.map(({ tenant }) => tenant ?? null),
    batch.starts.map(({ priority }) => priority ?? null),
  ];
}

/** What became of the batch. */
export function receiptOf(
  epochs: ReadonlyMap<Shard, Epoch>,
  { starts, facts }: JournalBatch,
  answer: BatchAnswer,
): JournalReceipt {
  const owned = new Set(answer.owned);
  const started = new Set(answer.started);
  const ours = starts.filter((start) => owned.has(start.shard));
  const known = new Set(ours.map((start) => start.transactionId).filter((id) => !started.has(id)));
  const told = facts.filter(({ shard, message }) => owned.has(shard) && !known.has(message.key));
  return {
    stale: [...epochs.keys()].filter((shard) => !owned.has(shard)),
    known: [...known],
    facts: numbered(
      answer.told,
      told.map((fact) => fact.message),
    ),
  };
}

/** One statement cannot change a row that it inserts, so a start is inserted with the status it reached. */
function startColumns(
  starts: readonly TransactionRecord[],
  statuses: ReadonlyMap<string, TransactionStatus>,
) {
  const reached = starts.map((start) => {
    return statuses.get(start.transactionId) ?? { ...begun, at: start.startedAt, reason: undefined };
  });
  return [
    starts.map((start) => start.transactionId),
    starts.map((start) => start.definition),
    starts.map((start) => start.version),
    starts.map((start) => start.shard),
    reached.map((status) => status.status),
    reached.map((status) => status.phase),
    reached.map((status) => json(status.reason)),
    starts.map((start) => JSON.stringify(start.input ?? null)),
    starts.map((start) => start.startedAt),
    reached.map((status) => status.at),
  ];
}

/** Null for most: what only children and the completed have. */
function familyColumns(
  starts: readonly TransactionRecord[],
  statuses: ReadonlyMap<string, TransactionStatus>,
) {
  return [
    starts.map((start) => json(start.parent)),
    starts.map((start) => json(statuses.get(start.transactionId)?.output)),
  ];
}

function entryColumns({ entries }: JournalBatch, starting: ReadonlySet<string>) {
  return [
    entries.map((entry) => entry.transactionId),
    entries.map((entry) => entry.seq),
    entries.map((entry) => entry.shard),
    entries.map((entry) => starting.has(entry.transactionId)),
    entries.map((entry) => JSON.stringify(entry.event)),
  ];
}

function moveColumns(moves: readonly TransactionStatus[]) {
  return [
    moves.map((status) => status.transactionId),
    moves.map((status) => status.shard),
    moves.map((status) => status.status),
    moves.map((status) => status.phase),
    moves.map((status) => json(status.reason)),
    moves.map((status) => status.at),
  ];
}

/** A fact's key is the id of its transaction, which is how a fact of a repeated start is known. */
function factColumns({ facts }: JournalBatch, starting: ReadonlySet<string>) {
  const messages: readonly Message[] = facts.map((fact) => fact.message);
  return [
    messages.map((message) => message.key),
    facts.map((fact) => fact.shard),
    messages.map((message) => starting.has(message.key)),
    messages.map((message) => JSON.stringify(message)),
  ];
}

function json(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
