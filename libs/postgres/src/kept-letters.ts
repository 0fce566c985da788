/**
 * The `KeptLetters` port: a row a letter and a row a replay, which is the audit of it (I41). Replays of one letter queue up at
 * its row, so that each knows how many there were before.
 */
import {
  KeptLetters,
  lettersMax,
  unplayable,
  type ArrivedLetter,
  type KeptLetter,
  type LetterReplay,
  type Outbox,
  type ReplayReceipt,
  type ReplayWish,
} from '@sagamore/runtime';
import { postgres } from './barrier.js';
import type { PostgresDatabase } from './database.js';
import { statement } from './statement.js';

const keepRows = statement(
  'letter-keep',
  `insert into dead_letter (topic, letter_id, letter)
   select topic, letter_id, letter from unnest($1::text[], $2::text[], $3::json[]) as given (topic, letter_id, letter)
   order by topic, letter_id
   on conflict (topic, letter_id) do update set letter = excluded.letter, arrived_at = clock_timestamp()`,
);

const forgetOldest = statement(
  'letter-forget',
  `delete from dead_letter where id <= (select id from dead_letter order by id desc offset $1 limit 1)`,
);

const listRows = statement(
  'letter-list',
  `select id::text, letter, (extract(epoch from arrived_at) * 1000)::float8 as at,
     coalesce((select json_agg(json_build_object('actor', actor, 'reason', reason, 'before', before,
         'at', (extract(epoch from occurred_at) * 1000)::float8) order by before)
       from dead_letter_replay where dead_letter = dead_letter.id), '[]') as replays
   from dead_letter where id < $2::bigint order by id desc limit $1`,
);

const lockRow = statement('letter-lock', 'select letter from dead_letter where id = $1::bigint for update');

// A statement of its own, AFTER the lock: only so it counts what the lock waited for.
const replayRow = statement(
  'letter-replay',
  `insert into dead_letter_replay (dead_letter, actor, reason, before)
   select $1::bigint, $2, $3, (select count(*) from dead_letter_replay where dead_letter = $1::bigint)
   returning before`,
);

interface FoundLetter {
  readonly id: string;
  readonly letter: ArrivedLetter;
  readonly at: number;
  readonly replays: readonly LetterReplay[];
}

/** Beyond every id that an identity column gives. */
const beyond = '9223372036854775807';

export class PostgresKeptLetters extends KeptLetters {
  constructor(
    private readonly database: PostgresDatabase,
    private readonly outbox: Outbox,
  ) {
    super();
  }

  override async keep(letters: readonly ArrivedLetter[]): Promise<void> {
    // Of one letter in a batch the last counts: one statement cannot write a row twice.
    const unique = [...new Map(letters.map((each) => [`${each.topic} ${each.letterId}`, each])).values()];
    await this.database.read(keepRows, [
      unique.map(({ topic }) => topic),
      unique.map(({ letterId }) => letterId),
      unique.map((letter) => JSON.stringify(letter)),
    ]);
    await this.database.read(forgetOldest, [lettersMax]);
  }

  override async list({
    limit,
    before = beyond,
  }: Parameters<KeptLetters['list']>[0]): Promise<readonly KeptLetter[]> {
    const rows = await this.database.read<FoundLetter>(listRows, [limit, before]);
    return rows.map(({ id, letter, at, replays }) => ({ ...letter, id, at, replays }));
  }

  override replay({ id, actor, reason, owner }: ReplayWish): Promise<ReplayReceipt> {
    return this.database.transaction(async (tx) => {
      const [found] = await postgres(tx).query<Pick<FoundLetter, 'letter'>>(lockRow, [id]);
      if (found === undefined) return { outcome: 'unknown' };
      const { message } = found.letter;
      if (message === undefined) return unplayable(found.letter);
      const [row] = await postgres(tx).query<{ before: number }>(replayRow, [id, actor, reason]);
      const rows = await this.outbox.append(tx, [message], owner);
      return { outcome: 'replayed', before: row?.before ?? 0, rows };
    });
  }
}
