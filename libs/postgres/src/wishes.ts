/**
 * What people want of transactions, in Postgres: the audit's rows, which are also the queue of what nobody has heard yet.
 * A wish is saved under the lock of its transaction's row, and so is the look that precedes the end of a wait: which of
 * the two was first is then one order for everybody (S34). It judges nothing.
 */
import type { TransactionId } from '@sagamore/engine';
import type {
  AcceptedReceipt,
  AcceptedStart,
  KnownStart,
  OutboxRow,
  Shard,
  UnbegunStart,
  UnheardWish,
  Wanted,
  Wish,
  WishReceipt,
} from '@sagamore/runtime';
import type { PostgresDatabase } from './database.js';
import type { PostgresOutbox } from './outbox.js';
import { toPrecedence, type StoredPrecedence } from './precedence.js';
import { statement } from './statement.js';
import type { PostgresTx } from './transaction.js';

const lockTransaction = statement(
  'wish-lock',
  'select from transaction where transaction_id = $1 for no key update',
);

// One that has not begun has no row yet, so those who wish and those who look meet at that of its start.
const lockStart = statement(
  'wish-lock-start',
  `select from accepted_start where transaction_id = $1
     and not exists (select from transaction where transaction_id = $1) for no key update`,
);

/** The earlier wish in whose way a new one would be: the same that nobody heard, the same signal ever, and another signal of
 *  the name that nobody heard, for the first of a name is the only one that counts (S41). `$2`: slot, `$3`: signal's name. */
const isEarlier = `(slot = $2::text and (heard_at is null or action = 'signal-received')
    or heard_at is null and action = 'signal-received' and body ->> 'name' = $3::text)`;

// A statement of its own, AFTER the lock: only so it sees what the lock waited for, and reads the clock under it.
const keepWish = statement(
  'wish-keep',
  `insert into audit (transaction_id, shard, slot, version, parked_at, message_id, action, body, actor, reason, before)
   select $1, shard, $2::text, $4::integer, parked_at, $5, $6, $7::json, $8, $9, standing
   from (select shard, case when phase = 'parked' then updated_at end as parked_at,
       json_build_object('status', status, 'phase', phase, 'reason', reason) as standing
     from transaction where transaction_id = $1 and phase in ('moving', 'parked')
     union all
     select shard, null, json_build_object('status', 'accepted')
     from accepted_start where transaction_id = $1 and input is not null
       and not exists (select from transaction where transaction_id = $1)) as subject
   where (select count(*) from journal where transaction_id = $1) = $4::integer
     and not exists (select from audit where transaction_id = $1 and ${isEarlier})
   returning (extract(epoch from occurred_at) * 1000)::float8 as at`,
);

const findInSlot = statement(
  'wish-in-slot',
  `select body from audit where transaction_id = $1 and slot = $2 order by id desc limit 1`,
);

const findRepeated = statement(
  'wish-repeated',
  `select body from audit where transaction_id = $1 and ${isEarlier} order by slot = $2 desc, id desc limit 1`,
);

const wishColumns = `audit.id::text as "wishId", transaction_id::text as "transactionId", audit.shard, body as wanted, actor,
  audit.reason, (extract(epoch from occurred_at) * 1000)::float8 as at,
  (extract(epoch from parked_at) * 1000)::float8 as "parkedAt"`;

// Where the definition is missing nobody can hear more than that it shall go on; such wishes must not stand in front of
// all others for ever.
const findUnheard = statement(
  'wish-unheard',
  `select ${wishColumns}
   from audit join transaction using (transaction_id)
   where heard_at is null and audit.shard = any($1::integer[]) and phase in ('moving', 'parked')
     and (transaction.reason ->> 'kind' is distinct from 'no-handler' or action = 'operator-resumed')
     and occurred_at <= clock_timestamp() - $2::float8 * interval '1 ms'
   order by audit.id limit $3`,
);

const passLocks = statement(
  'wish-pass',
  'select from transaction where transaction_id = any($1::uuid[]) order by transaction_id for share',
);

const passStarts = statement(
  'wish-pass-starts',
  'select from accepted_start where transaction_id = any($1::uuid[]) order by transaction_id for share',
);

const findFor = statement(
  'wish-for',
  `select ${wishColumns} from audit where transaction_id = any($1::uuid[]) and heard_at is null order by audit.id`,
);

const keepStart = statement(
  'start-accept',
  `insert into accepted_start (actor, key, transaction_id, request_hash, definition, shard, input, tenant, priority)
   values ($1, $2, $3, $4, $5, $6, $7::json, $8, $9) on conflict (actor, key) do nothing returning 1 as fresh`,
);

const findStart = statement(
  'start-find',
  `select transaction_id::text as "transactionId", request_hash as "requestHash" from accepted_start
   where actor = $1 and key = $2`,
);

const forgetBegun = statement(
  'start-begun',
  `update accepted_start set input = null where input is not null and shard = any($1::integer[])
     and exists (select from transaction where transaction.transaction_id = accepted_start.transaction_id)`,
);

const findUnbegun = statement(
  'start-unbegun',
  `select transaction_id::text as "transactionId", definition, shard, input, tenant, priority from accepted_start
   where input is not null and shard = any($1::integer[])
     and accepted_at <= clock_timestamp() - $2::float8 * interval '1 ms'
   order by accepted_at limit $3`,
);

const findAccepted = statement(
  'start-accepted',
  // As text, which tells the input null from none.
  `select transaction_id::text as "transactionId", definition, shard, input::text as input,
     (extract(epoch from accepted_at) * 1000)::float8 as "acceptedAt"
   from accepted_start where transaction_id = $1`,
);

/** Which of what nobody heard is looked for. */
export interface Look {
  readonly olderThanMs: number;
  readonly limit: number;
}

/** The part of `Journal` that is about wishes and starts. */
export class PostgresWishes {
  constructor(
    private readonly database: PostgresDatabase,
    private readonly outbox: PostgresOutbox,
  ) {}

  async wish(wish: Wish): Promise<WishReceipt> {
    const { transactionId, wanted, slot, message } = wish;
    const name = wanted.type === 'signal-received' ? wanted.name : null;
    return await this.database.transaction(async (tx) => {
      const [, , [kept], [earlier]] = await Promise.all([
        tx.query(lockTransaction, [transactionId]),
        tx.query(lockStart, [transactionId]),
        tx.query<{ at: number }>(keepWish, [
          transactionId,
          slot,
          name,
          wish.version,
          message.id,
          wanted.type,
          JSON.stringify(wanted),
          wish.actor,
          wish.reason,
        ]),
        tx.query<{ body: Wanted }>(findRepeated, [transactionId, slot, name]),
      ]);
      if (kept !== undefined) return { outcome: 'taken', at: kept.at, rows: await this.#append(tx, wish) };
      return earlier === undefined ? { outcome: 'stale' } : { outcome: 'repeated', wanted: earlier.body };
    });
  }

  async wished(id: TransactionId, slot: string): Promise<Wanted | undefined> {
    const [found] = await this.database.read<{ body: Wanted }>(findInSlot, [id, slot]);
    return found?.body;
  }

  async unheard(shards: readonly Shard[], { olderThanMs, limit }: Look): Promise<readonly UnheardWish[]> {
    return (await this.database.read<FoundWish>(findUnheard, [shards, olderThanMs, limit])).map(toWish);
  }

  async wishesFor(ids: readonly TransactionId[]): Promise<readonly UnheardWish[]> {
    if (ids.length === 0) return [];
    const found = await this.database.transaction(async (tx) => {
      const [, , wishes] = await Promise.all([
        tx.query(passLocks, [ids]),
        tx.query(passStarts, [ids]),
        tx.query<FoundWish>(findFor, [ids]),
      ]);
      return wishes;
    });
    return found.map(toWish);
  }

  async accept(start: AcceptedStart): Promise<AcceptedReceipt> {
    const { actor, key, transactionId, requestHash, definition, shard, input, message, owner } = start;
    return await this.database.transaction(async (tx) => {
      const [fresh, [known]] = await Promise.all([
        tx.query(keepStart, [
          actor,
          key,
          transactionId,
          requestHash,
          definition,
          shard,
          JSON.stringify(input ?? null),
          start.tenant ?? null,
          start.priority ?? null,
        ]),
        tx.query<{ transactionId: string; requestHash: string }>(findStart, [actor, key]),
      ]);
      const rows = fresh.length === 0 ? [] : await this.outbox.append(tx, [message], owner);
      return { transactionId, requestHash, ...known, rows };
    });
  }

  async unbegun(shards: readonly Shard[], { olderThanMs, limit }: Look): Promise<readonly UnbegunStart[]> {
    await this.database.read(forgetBegun, [shards]);
    const found = await this.database.read<UnbegunStart & StoredPrecedence>(findUnbegun, [
      shards,
      olderThanMs,
      limit,
    ]);
    return found.map(({ tenant, priority, ...start }) => ({
      ...start,
      ...toPrecedence({ tenant, priority }),
    }));
  }

  async accepted(id: TransactionId): Promise<KnownStart | undefined> {
    const [found] = await this.database.read<FoundStart>(findAccepted, [id]);
    if (found === undefined) return undefined;
    const { input, ...start } = found;
    return input === null ? start : { ...start, input: JSON.parse(input) as unknown };
  }

  #append(tx: PostgresTx, { message, owner }: Wish): Promise<readonly OutboxRow[]> {
    return this.outbox.append(tx, [message], owner);
  }
}

interface FoundStart extends Omit<KnownStart, 'input'> {
  readonly input: string | null;
}

interface FoundWish extends Omit<UnheardWish, 'parkedAt'> {
  readonly parkedAt: number | null;
}

function toWish({ parkedAt, ...wish }: FoundWish): UnheardWish {
  return parkedAt === null ? wish : { ...wish, parkedAt };
}
