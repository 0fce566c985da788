/**
 * The rows of the ledger of late replies. Written by the owner of a shard under its epoch, read by people; bounded,
 * because what fills it comes over the wire.
 */
import type { Half, Reply } from '@sagamore/engine';
import type { LateRepliesToKeep, StoredLateReply } from '@sagamore/runtime';
import type { PostgresDatabase } from './database.js';
import { statement } from './statement.js';

interface FoundLateReply {
  readonly transaction_id: string;
  readonly branch_id: string;
  readonly operation: Half;
  readonly generation: number;
  readonly outcome: Reply['outcome'];
  readonly meaning: StoredLateReply['meaning'];
  readonly at: number;
}

const columns = `transaction_id, branch_id, operation, generation, outcome, meaning,
  (extract(epoch from occurred_at) * 1000)::float8 as at`;

// The literal lets the partial index count.
const keep = statement(
  'late-reply-keep',
  `insert into late_reply (transaction_id, branch_id, operation, generation, outcome, meaning, occurred_at)
   select transaction_id, branch_id, operation, generation, outcome, meaning, to_timestamp(at / 1000)
   from unnest($1::uuid[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::integer[], $7::text[],
     $8::text[], $9::float8[])
     as given (transaction_id, shard, epoch, branch_id, operation, generation, outcome, meaning, at)
   where exists (select from shard where shard.shard = given.shard and shard.epoch = given.epoch)
     and (select count(*) from late_reply known where known.transaction_id = given.transaction_id) < $10
     and (meaning <> 'unknown-transaction'
       or (select count(*) from late_reply where meaning = 'unknown-transaction') < $11)
   order by transaction_id, branch_id, operation, generation, outcome
   on conflict do nothing
   returning ${columns}`,
);

const find = statement(
  'late-reply-find',
  `select ${columns} from late_reply where transaction_id = $1 order by occurred_at, branch_id, operation`,
);

/** Answers those that were not there before. */
export async function keepLate(
  database: PostgresDatabase,
  { epochs, replies, ofTransactionMax, ofNobodyMax }: LateRepliesToKeep,
): Promise<readonly StoredLateReply[]> {
  const kept = await database.read<FoundLateReply>(keep, [
    replies.map((late) => late.transactionId),
    replies.map((late) => late.shard),
    replies.map((late) => epochs.get(late.shard) ?? null),
    replies.map((late) => late.branchId),
    replies.map((late) => late.operation),
    replies.map((late) => late.generation),
    replies.map((late) => late.outcome),
    replies.map((late) => late.meaning),
    replies.map((late) => late.at),
    ofTransactionMax,
    ofNobodyMax,
  ]);
  return kept.map(toStored);
}

export async function lateRepliesOf(
  database: PostgresDatabase,
  transactionId: string,
): Promise<readonly StoredLateReply[]> {
  return (await database.read<FoundLateReply>(find, [transactionId])).map(toStored);
}

function toStored({
  transaction_id: transactionId,
  branch_id: branchId,
  ...late
}: FoundLateReply): StoredLateReply {
  return { transactionId, branchId, ...late };
}
