/**
 * The `Outbox` port: facts saved with the state that implies them; the relay publishes them AFTER the commit and
 * removes them AFTER the broker's acknowledgement. No high-water mark: late commits would be passed over (R17).
 */
import assert from 'node:assert/strict';
import { Outbox, type Message, type OutboxClaim, type OutboxRow, type Tx } from '@sagamore/runtime';
import { postgres } from './barrier.js';
import type { PostgresDatabase } from './database.js';
import { statement, type Statement } from './statement.js';

export interface PostgresOutboxOptions {
  /** How long a row belongs to the process that saved it; a crash delays it by so much. Default 10 s. */
  readonly claimMs?: number;
}

/** The default of `claimMs`: longer than a healthy publish, shorter than a customer's patience. */
export const ownClaimMs = 10_000;

// An insert from an ordered select numbers the rows in that order.
const appendRows = statement(
  'outbox-append',
  `insert into outbox (key, owner, claimed_until, message)
   select key, $1, clock_timestamp() + $2::float8 * interval '1 ms', message
   from unnest($3::text[], $4::json[]) with ordinality as given (key, message, place)
   order by place
   returning id::text`,
);

// One relay claims at a time: two that looked at once could each take a half of one key's rows.
const lockClaims = statement('outbox-claim-lock', `select pg_advisory_xact_lock(hashtext('outbox'))`);

// Oldest first, so a limit cuts a key's rows from behind; a row behind one that is still claimed stays.
const claimRows = statement(
  'outbox-claim',
  `update outbox set owner = $1, claimed_until = clock_timestamp() + $2::float8 * interval '1 ms'
   from (select id from outbox lapsed
         where claimed_until <= clock_timestamp() and not exists (
           select from outbox earlier where earlier.key = lapsed.key and earlier.id < lapsed.id
             and earlier.claimed_until > clock_timestamp())
         order by id limit $3 for update) as mine
   where outbox.id = mine.id
   returning outbox.id::text, outbox.message`,
);

const inheritRows = statement(
  'outbox-inherit',
  `update outbox set owner = $1, claimed_until = clock_timestamp() + $2::float8 * interval '1 ms'
   from (select id from outbox where id > $4::bigint order by id limit $3 for update) as theirs
   where outbox.id = theirs.id
   returning outbox.id::text, outbox.message`,
);

const removeRows = statement('outbox-remove', 'delete from outbox where id = any($1::bigint[])');

const readAge = statement(
  'outbox-age',
  `select greatest(0, extract(epoch from clock_timestamp() - occurred_at) * 1000)::float8 as ms
   from outbox order by id limit 1`,
);

export class PostgresOutbox extends Outbox {
  readonly #claimMs: number;

  constructor(
    private readonly database: PostgresDatabase,
    options: PostgresOutboxOptions = {},
  ) {
    super();
    this.#claimMs = options.claimMs ?? ownClaimMs;
  }

  override async append(tx: Tx, messages: readonly Message[], owner: string): Promise<readonly OutboxRow[]> {
    if (messages.length === 0) return [];
    const keys = messages.map((message) => message.key);
    const bodies = messages.map((message) => JSON.stringify(message));
    const rows = await postgres(tx).query<{ id: string }>(appendRows, [owner, this.#claimMs, keys, bodies]);
    return numbered(
      rows.map((row) => row.id),
      messages,
    );
  }

  override claim({ owner, claimMs, limit }: OutboxClaim): Promise<readonly OutboxRow[]> {
    return this.#claimBy(claimRows, [owner, claimMs, limit]);
  }

  override inherit({
    owner,
    claimMs,
    limit,
    after = '0',
  }: Parameters<Outbox['inherit']>[0]): Promise<readonly OutboxRow[]> {
    return this.#claimBy(inheritRows, [owner, claimMs, limit, after]);
  }

  async #claimBy(wanted: Statement, values: readonly unknown[]): Promise<readonly OutboxRow[]> {
    const rows = await this.database.transaction(async (tx) => {
      // Two statements in one flush: the second must look AFTER the lock is held, with a snapshot of its own.
      const [, claimed] = await Promise.all([tx.query(lockClaims), tx.query<OutboxRow>(wanted, values)]);
      return claimed;
    });
    return rows.toSorted((left, right) => Number(BigInt(left.id) - BigInt(right.id)));
  }

  override async remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.database.read(removeRows, [ids]);
  }

  override async age(): Promise<number> {
    const [oldest] = await this.database.read<{ ms: number }>(readAge);
    return oldest?.ms ?? 0;
  }
}

/** Joins the ids that were given with the messages they were given to; both are in the same order. */
export function numbered(ids: readonly string[], messages: readonly Message[]): readonly OutboxRow[] {
  assert.equal(ids.length, messages.length, 'every message that was saved has an id');
  const inOrder = ids.toSorted((left, right) => Number(BigInt(left) - BigInt(right)));
  return messages.map((message, at) => ({ id: inOrder[at]!, message }));
}
