/**
 * The `Trials` port: a row for each participant that was ever left alone, which says until when somebody tries it and when it
 * last answered. Instants are the store's, so the hosts' clocks need not agree.
 */
import assert from 'node:assert/strict';
import { Trials, type TrialAnswer, type TrialRequest } from '@sagamore/runtime';
import type { PostgresDatabase } from './database.js';
import { statement } from './statement.js';

// Of those who meet in the row, the first takes the claim and the others find it taken.
const claim = statement(
  'trial-claim',
  `insert into breaker_trial (participant, claimed_until)
   values ($1, clock_timestamp() + $2::float8 * interval '1 ms')
   on conflict (participant) do update set claimed_until = excluded.claimed_until
   where breaker_trial.claimed_until <= clock_timestamp()
     and (breaker_trial.answered_at is null or breaker_trial.answered_at <= to_timestamp($3::float8 / 1000))
   returning participant`,
);

const read = statement(
  'trial-read',
  `select coalesce(answered_at > to_timestamp($2::float8 / 1000), false) as "isAnswered",
     (extract(epoch from claimed_until) * 1000)::float8 as "claimedUntil"
   from breaker_trial where participant = $1`,
);

const tell = statement(
  'trial-answered',
  `insert into breaker_trial (participant, claimed_until, answered_at)
   values ($1, clock_timestamp(), clock_timestamp())
   on conflict (participant) do update
   set claimed_until = excluded.claimed_until, answered_at = excluded.answered_at`,
);

export class PostgresTrials extends Trials {
  constructor(private readonly database: PostgresDatabase) {
    super();
  }

  override async ask({ participant, openedAt, claimMs }: TrialRequest): Promise<TrialAnswer> {
    const granted = await this.database.read(claim, [participant, claimMs, openedAt]);
    if (granted.length > 0) return { outcome: 'granted' };
    const [row] = await this.database.read<{ isAnswered: boolean; claimedUntil: number }>(read, [
      participant,
      openedAt,
    ]);
    assert(row !== undefined, 'a claim that was not granted met a row, and rows are never removed');
    return row.isAnswered ? { outcome: 'answered' } : { outcome: 'taken', until: row.claimedUntil };
  }

  override async tellAnswered(participant: string): Promise<void> {
    await this.database.read(tell, [participant]);
  }
}
