/**
 * The `Intents` port: calls to the outside that were promised and whose outcome is not recorded yet (R7, R8).
 * Each is a `claimed` row of the barrier, whose one key decides between a call that begins and an undo that finds nothing.
 * It never makes a call, and never forgets one.
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

const key = ['transaction_id', 'branch_id', 'operation', 'generation'] as const;
const keyNames = key.join(', ');
const keys = 'unnest($1::uuid[], $2::text[], $3::text[], $4::integer[]';
const sameKeyAs = (table: string): string =>
  key.map((column) => `barrier.${column} = ${table}.${column}`).join(' and ');
const found = `${key.map((column) => `barrier.${column}`).join(', ')}, barrier.command, barrier.owner,
  (extract(epoch from barrier.claimed_until) * 1000)::float8 as claimed_until`;

const insertIntents = statement(
  'intent-insert',
  `insert into barrier (${keyNames}, owner, claimed_until, command, outcome)
   select ${keyNames}, owner, to_timestamp(claimed_until / 1000), command, 'claimed'
   from ${keys}, $5::text[], $6::float8[], $7::json[]) as given (${keyNames}, owner, claimed_until, command)`,
);

// Sorted below the lock, so that every transaction takes its rows in one order (R1).
const lockIntents = statement(
  'intent-lock',
  `select ${found} from barrier
   where (transaction_id, branch_id) in (select * from unnest($1::uuid[], $2::text[])) and outcome = 'claimed'
   order by ${keyNames} for update`,
);

// The instant is read once, below: a condition that is evaluated for each row is none that the index can be searched by.
const claimIntents = statement(
  'intent-claim',
  `update barrier set owner = $1, claimed_until = to_timestamp($2::float8 / 1000)
   from (select ${keyNames} from barrier where outcome = 'claimed' and claimed_until <= (select clock_timestamp())
         order by claimed_until limit $3 for update skip locked) as lapsed
   where ${sameKeyAs('lapsed')} and barrier.outcome = 'claimed'
   returning ${found}`,
);

const removeIntents = statement(
  'intent-remove',
  `delete from barrier using ${keys}) as given (${keyNames})
   where ${sameKeyAs('given')} and barrier.outcome = 'claimed'`,
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
