/**
 * The `Barrier` port: rows in the participant's own transaction that say which halves of a branch were answered.
 * A command meets them first and leaves one last. What they mean is `judge`'s affair; nothing here decides.
 */
import assert from 'node:assert/strict';
import type { BarrierRow, Reply } from '@sagamore/engine';
import { Barrier, type BranchKey, type StoredBarrierRow, type Tx } from '@sagamore/runtime';
import { statement } from './statement.js';
import { PostgresTx } from './transaction.js';

/** What makes a row of a branch unique (R4). */
export interface RowKey extends BranchKey {
  readonly operation: string;
  readonly generation: number;
}

interface FoundRow {
  readonly transaction_id: string;
  readonly branch_id: string;
  readonly operation: BarrierRow['operation'];
  readonly generation: number;
  readonly outcome: BarrierRow['outcome'];
  readonly reply: Reply | null;
  readonly claim_is_live: boolean | null;
}

const findRows = statement(
  'barrier-find',
  `select transaction_id, branch_id, operation, generation, outcome, reply,
     claimed_until > clock_timestamp() as claim_is_live
   from barrier
   where (transaction_id, branch_id) in (select * from unnest($1::uuid[], $2::text[]))`,
);

/** The seats of a batch. */
export const insertRows = statement(
  'barrier-insert',
  `insert into barrier (transaction_id, branch_id, operation, generation, outcome, reply)
   select * from unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::json[])`,
);

// A lock that lasts as long as the transaction, on the branch's name: a hash that another branch shares costs a retry.
const holdBranch = statement(
  'barrier-hold',
  'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as "isHeld"',
);

/** The transaction as this technology knows it. Asserts that it is one of Postgres. */
export function postgres(tx: Tx): PostgresTx {
  assert(tx instanceof PostgresTx, 'a transaction of a Postgres database was wanted');
  return tx;
}

/** In the one order in which every writer takes rows (R1). */
export function sorted<Row extends RowKey>(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted(
    (left, right) =>
      compare(left.transactionId, right.transactionId) ||
      compare(left.branchId, right.branchId) ||
      compare(left.operation, right.operation) ||
      left.generation - right.generation,
  );
}

/** The four key columns of `rows`, as arrays for `unnest`. */
export function keyColumns(rows: readonly RowKey[]) {
  return [
    rows.map((row) => row.transactionId),
    rows.map((row) => row.branchId),
    rows.map((row) => row.operation),
    rows.map((row) => row.generation),
  ] as const;
}

export class PostgresBarrier extends Barrier {
  override async find(tx: Tx, branches: readonly BranchKey[]): Promise<readonly StoredBarrierRow[]> {
    if (branches.length === 0) return [];
    const ids = branches.map((branch) => branch.transactionId);
    const names = branches.map((branch) => branch.branchId);
    return (await postgres(tx).query<FoundRow>(findRows, [ids, names])).map(toStored);
  }

  override async hold(tx: Tx, { transactionId, branchId }: BranchKey): Promise<boolean> {
    const name = `barrier/${transactionId}/${branchId}`;
    const [row] = await postgres(tx).query<{ isHeld: boolean }>(holdBranch, [name]);
    return row?.isHeld === true;
  }

  /** Resolves at once: the rows travel with COMMIT, so a conflict shows there (R1). */
  override async insert(tx: Tx, rows: readonly StoredBarrierRow[]): Promise<void> {
    if (rows.length === 0) return;
    const inOrder = sorted(rows);
    const outcomes = inOrder.map((row) => row.outcome);
    const replies = inOrder.map((row) => (row.reply === undefined ? null : JSON.stringify(row.reply)));
    postgres(tx).last(insertRows, [...keyColumns(inOrder), outcomes, replies]);
  }
}

function toStored(row: FoundRow): StoredBarrierRow {
  const { operation, generation, outcome, reply, claim_is_live: claimIsLive } = row;
  const key = { transactionId: row.transaction_id, branchId: row.branch_id, operation, generation, outcome };
  if (claimIsLive !== null) return { ...key, claimIsLive };
  return reply === null ? key : { ...key, reply };
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
