/**
 * The `Intents` port: calls to the outside that were promised and whose outcome is not recorded yet (R7, R8).
 * Each row has a `claimed` row in the barrier. It never makes a call, and never forgets one.
 */
import {
  Intents,
  type BranchKey,
  type CommandData,
  type Intent,
  type Message,
  type Tx,
} from '@sagamore/runtime';
import { keyColumns, postgres, sorted } from './barrier.js';
import type { PostgresDatabase } from './database.js';
import { statement } from './statement.js';

interface FoundIntent {
  readonly transaction_id: string;
  readonly branch_id: string;
  readonly operation: Intent['operation'];
  readonly generation: number;
  readonly command: Message<CommandData>;
  readonly owner: string;
  readonly claimed_until: number;
}

const keys = 'unnest($1::uuid[], $2::text[], $3::text[], $4::integer[]';
const keyNames = 'transaction_id, branch_id, operation, generation';
const found = `intent.transaction_id, intent.branch_id, intent.operation, intent.generation, intent.command,
  intent.owner, (extract(epoch from intent.claimed_until) * 1000)::float8 as claimed_until`;

// The barrier row takes the branch's seat: without it a call that begins and an undo that finds nothing could both
// commit, because they would write into different tables.
const insertIntents = statement(
  'intent-insert',
  `with given as materialized (
     select * from ${keys}, $5::text[], $6::float8[], $7::json[])
       as given (${keyNames}, owner, claimed_until, command)),
   seated as (
     insert into barrier (${keyNames}, outcome) select ${keyNames}, 'claimed' from given)
   insert into intent (${keyNames}, owner, claimed_until, command)
   select ${keyNames}, owner, to_timestamp(claimed_until / 1000), command from given`,
);

// Sorted below the lock, so that every transaction takes its rows in one order (R1).
const lockIntents = statement(
  'intent-lock',
  `select ${found} from intent
   where (transaction_id, branch_id) in (select * from unnest($1::uuid[], $2::text[]))
   order by ${keyNames} for update`,
);

const claimIntents = statement(
  'intent-claim',
  `update intent set owner = $1, claimed_until = to_timestamp($2::float8 / 1000)
   from (select ${keyNames} from intent where claimed_until <= clock_timestamp()
         order by claimed_until limit $3 for update skip locked) as lapsed
   where intent.transaction_id = lapsed.transaction_id and intent.branch_id = lapsed.branch_id
     and intent.operation = lapsed.operation and intent.generation = lapsed.generation
   returning ${found}`,
);

const removeIntents = statement(
  'intent-remove',
  `with given as materialized (select * from ${keys}) as given (${keyNames})),
   removed as (
     delete from intent using given
     where intent.transaction_id = given.transaction_id and intent.branch_id = given.branch_id
       and intent.operation = given.operation and intent.generation = given.generation
     returning ${keyNames.replaceAll(/\w+/g, 'intent.$&')})
   delete from barrier using removed
   where barrier.transaction_id = removed.transaction_id and barrier.branch_id = removed.branch_id
     and barrier.operation = removed.operation and barrier.generation = removed.generation
     and barrier.outcome = 'claimed'`,
);

export class PostgresIntents extends Intents {
  constructor(private readonly database: PostgresDatabase) {
    super();
  }

  /** Resolves at once: the rows travel with COMMIT, so a conflict shows there. */
  override async insert(tx: Tx, intents: readonly Intent[]): Promise<void> {
    if (intents.length === 0) return;
    const inOrder = sorted(intents);
    postgres(tx).last(insertIntents, [
      ...keyColumns(inOrder),
      inOrder.map((intent) => intent.owner),
      inOrder.map((intent) => intent.claimedUntil),
      inOrder.map((intent) => JSON.stringify(intent.command)),
    ]);
  }

  override async lock(tx: Tx, branches: readonly BranchKey[]): Promise<readonly Intent[]> {
    if (branches.length === 0) return [];
    const ids = branches.map((branch) => branch.transactionId);
    const names = branches.map((branch) => branch.branchId);
    return (await postgres(tx).query<FoundIntent>(lockIntents, [ids, names])).map(toIntent);
  }

  override async claimExpired(claim: {
    owner: string;
    claimedUntil: number;
    limit: number;
  }): Promise<readonly Intent[]> {
    const values = [claim.owner, claim.claimedUntil, claim.limit];
    return (await this.database.read<FoundIntent>(claimIntents, values)).map(toIntent);
  }

  /** Also takes the `claimed` rows out of the barrier, whose place the outcomes take with COMMIT. */
  override async remove(tx: Tx, intents: readonly Intent[]): Promise<void> {
    if (intents.length === 0) return;
    await postgres(tx).query(removeIntents, keyColumns(sorted(intents)));
  }
}

function toIntent(row: FoundIntent): Intent {
  const { operation, generation, command, owner } = row;
  const key = { transactionId: row.transaction_id, branchId: row.branch_id, operation, generation };
  return { ...key, command, owner, claimedUntil: row.claimed_until };
}
