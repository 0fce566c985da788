/**
 * The `Journal` port: transactions and their events, one owner a shard, fenced by its epoch. The coordinator writes
 * here BEFORE it sends anything, and reads here after a crash. It must never write for an owner that was replaced.
 */
import assert from 'node:assert/strict';
import type { Phase, RestReason, TransactionEvent, TransactionId } from '@sagamore/engine';
import {
  Journal,
  type DuePlace,
  type Epoch,
  type JournalBatch,
  type JournalReceipt,
  type AcceptedReceipt,
  type AcceptedStart,
  type KnownStart,
  type LateRepliesToKeep,
  type ParentLink,
  type Shard,
  type StoredLock,
  type StoredLateReply,
  type StoredTransaction,
  type TransactionQuery,
  type UnbegunStart,
  type UnheardWish,
  type Wanted,
  type Wish,
  type WishReceipt,
} from '@sagamore/runtime';
import type { PostgresDatabase } from './database.js';
import { commitUnknown, isSessionLost, toFault } from './faults.js';
import { batchValues, commitBatch, receiptOf, type BatchAnswer } from './journal-batch.js';
import { TransactionLists } from './journal-list.js';
import { ownClaimMs, PostgresOutbox, type PostgresOutboxOptions } from './outbox.js';
import { findAround, listByKey, lockValues, toLock, withLocks, type FoundLock } from './locks.js';
import { keepLate, lateRepliesOf } from './late-reply.js';
import { moveShards, takeShard } from './shards.js';
import { toPrecedence } from './precedence.js';
import { bound, statement, type Statement } from './statement.js';
import { PostgresWishes, type Look } from './wishes.js';
import { WriterConnection, type Writer } from './writer-connection.js';

interface FoundTransaction {
  readonly transaction_id: string;
  readonly definition: string;
  readonly definition_version: number;
  readonly shard: number;
  readonly status: string;
  readonly phase: Phase;
  readonly reason: RestReason | null;
  readonly parent: ParentLink | null;
  /** As text, which tells the output null from no output. */
  readonly output: string | null;
  readonly input: unknown;
  readonly started_at: number;
  readonly updated_at: number;
  readonly due_at: number | null;
  readonly tenant: string | null;
  readonly priority: number | null;
  readonly events: readonly TransactionEvent[];
}

const columns = `transaction_id, definition, definition_version, shard, status, phase, reason, input, parent,
  tenant, priority,
  output::text as output, (extract(epoch from started_at) * 1000)::float8 as started_at,
  (extract(epoch from updated_at) * 1000)::float8 as updated_at,
  (extract(epoch from due_at) * 1000)::float8 as due_at`;

const events = `(select coalesce(json_agg(event order by seq), '[]') from journal
  where journal.transaction_id = transaction.transaction_id) as events`;

const findLive = statement(
  'journal-live',
  `select ${columns}, ${events} from transaction
   where shard = $1 and phase = 'moving' and due_at is null and ($2::uuid is null or transaction_id > $2)
   order by transaction_id limit $3`,
);

// A place is always given, the first one before all: so the index is entered where the last sweep left it.
const findDue = statement(
  'journal-due',
  `select ${columns}, ${events} from transaction
   where shard = any($1::integer[]) and due_at is not null and due_at <= to_timestamp($2::float8 / 1000)
     and (due_at, transaction_id) > (to_timestamp($3::float8 / 1000), $4::uuid)
   order by due_at, transaction_id limit $5`,
);

const beforeAll: DuePlace = { dueAt: -Infinity, transactionId: '00000000-0000-0000-0000-000000000000' };

const findById = statement(
  'journal-load',
  `select ${columns}, ${events} from transaction where transaction_id = any($1::uuid[])`,
);

const commitBatchWithLocks = withLocks(commitBatch);

const lists = new TransactionLists(columns);

const countParked = statement(
  'journal-count-parked',
  `select definition, count(*)::int as parked from transaction
   where phase = 'parked' and shard = any($1::int[]) group by definition`,
);

export class PostgresJournal extends Journal {
  readonly #wishes: PostgresWishes;
  readonly #claimMs: number;
  readonly #writer: WriterConnection;
  readonly #held = new Map<Shard, Epoch>();

  /** Opens a connection of its own at the first `take` or `commit`; `database.close` ends it. */
  constructor(
    private readonly database: PostgresDatabase,
    options: PostgresOutboxOptions = {},
  ) {
    super();
    this.#claimMs = options.claimMs ?? ownClaimMs;
    this.#wishes = new PostgresWishes(database, new PostgresOutbox(database, options));
    this.#writer = new WriterConnection(database, (writer) => moveShards(writer, this.#held));
  }

  override async take(shard: Shard, owner: string, shardCount: number): Promise<Epoch> {
    const { backend } = await this.#writer.open();
    const epoch = await takeShard(this.database, { shard, owner, shardCount, backend });
    this.#held.set(shard, Math.max(epoch, this.#held.get(shard) ?? 0));
    return epoch;
  }

  override async commit(
    epochs: ReadonlyMap<Shard, Epoch>,
    batch: JournalBatch,
    owner: string,
  ): Promise<JournalReceipt> {
    const writer = await this.#writer.open();
    const values = batchValues(epochs, batch, { owner, claimMs: this.#claimMs });
    const { locks } = batch;
    const answer =
      locks === undefined
        ? await this.#write(writer, commitBatch, values)
        : await this.#write(writer, commitBatchWithLocks, [...values, ...lockValues(locks, batch)]);
    this.database.observe(answer.ms);
    return receiptOf(epochs, batch, answer);
  }

  override async live(
    shard: Shard,
    page: { limit: number; after?: TransactionId },
  ): Promise<readonly StoredTransaction[]> {
    return await this.#read(findLive, [shard, page.after ?? null, page.limit]);
  }

  override async due(
    shards: readonly Shard[],
    { until, limit, after = beforeAll }: { until: number; limit: number; after?: DuePlace },
  ): Promise<readonly StoredTransaction[]> {
    return await this.#read(findDue, [shards, until, after.dueAt, after.transactionId, limit]);
  }

  override async load(ids: readonly TransactionId[]): Promise<readonly StoredTransaction[]> {
    return ids.length === 0 ? [] : await this.#read(findById, [ids]);
  }

  override async list(query: TransactionQuery): Promise<readonly StoredTransaction[]> {
    return await this.#read(...lists.of(query));
  }

  override wish(wish: Wish): Promise<WishReceipt> {
    return this.#wishes.wish(wish);
  }

  override wished(id: TransactionId, slot: string): Promise<Wanted | undefined> {
    return this.#wishes.wished(id, slot);
  }

  override unheardWishes(shards: readonly Shard[], query: Look): Promise<readonly UnheardWish[]> {
    return this.#wishes.unheard(shards, query);
  }

  override wishesFor(ids: readonly TransactionId[]): Promise<readonly UnheardWish[]> {
    return this.#wishes.wishesFor(ids);
  }

  override accept(start: AcceptedStart): Promise<AcceptedReceipt> {
    return this.#wishes.accept(start);
  }

  override unbegunStarts(shards: readonly Shard[], query: Look): Promise<readonly UnbegunStart[]> {
    return this.#wishes.unbegun(shards, query);
  }

  override accepted(id: TransactionId): Promise<KnownStart | undefined> {
    return this.#wishes.accepted(id);
  }

  override async locksAround(keys: readonly string[]): Promise<readonly StoredLock[]> {
    await this.#writer.settled();
    return (await this.database.read<FoundLock>(findAround, [keys])).map(toLock);
  }

  override async listLocks(page: { keysMax: number; after?: string }): Promise<readonly StoredLock[]> {
    return (await this.database.read<FoundLock>(listByKey, [page.keysMax, page.after ?? null])).map(toLock);
  }

  override async countParked(shards: readonly Shard[]): Promise<ReadonlyMap<string, number>> {
    type Found = { readonly definition: string; readonly parked: number };
    const found = await this.database.read<Found>(countParked, [shards]);
    return new Map(found.map(({ definition, parked }) => [definition, parked]));
  }

  override keepLate(late: LateRepliesToKeep): Promise<readonly StoredLateReply[]> {
    return keepLate(this.database, late);
  }

  override lateReplies(transactionId: TransactionId): Promise<readonly StoredLateReply[]> {
    return lateRepliesOf(this.database, transactionId);
  }

  override now(): number {
    return this.database.now();
  }

  /** One statement, so it is one transaction: locks, writes and commit happen without this process (R11). */
  async #write(writer: Writer, batch: Statement, values: readonly unknown[]): Promise<BatchAnswer> {
    try {
      const [answer] = (await writer.client.query<BatchAnswer>(bound(batch, values))).rows;
      assert(answer !== undefined, 'the statement always answers one row');
      return answer;
    } catch (error) {
      if (!isSessionLost(error)) throw toFault(error, batch.name);
      this.#writer.lose(writer);
      throw commitUnknown(error, batch.name);
    }
  }

  /** AFTER a lost commit nothing is read until that commit is either there or can no longer happen (R12). */
  async #read(wanted: typeof findLive, values: readonly unknown[]): Promise<readonly StoredTransaction[]> {
    await this.#writer.settled();
    return (await this.database.read<FoundTransaction>(wanted, values)).map(toStored);
  }
}

function toStored(row: FoundTransaction): StoredTransaction {
  const { definition, shard, status, phase, reason, input, parent, output, events: stored } = row;
  return {
    transactionId: row.transaction_id,
    definition,
    version: row.definition_version,
    shard,
    input,
    startedAt: row.started_at,
    status,
    phase,
    ...(reason === null ? {} : { reason }),
    ...(parent === null ? {} : { parent }),
    ...(output === null ? {} : { output: JSON.parse(output) as unknown }),
    updatedAt: row.updated_at,
    ...toPrecedence(row),
    ...(row.due_at === null ? {} : { dueAt: row.due_at }),
    events: stored,
  };
}
