/**
 * The `ConsumerPauses` port: a row a pause, which is its audit once it has ended (I41). One statement each; whoever is second
 * meets the row of the first.
 */
import assert from 'node:assert/strict';
import { ConsumerPauses, type ConsumerPause, type ConsumerWish } from '@sagamore/runtime';
import type { PostgresDatabase } from './database.js';
import { statement } from './statement.js';

const columns = `topic, consumer_group as "group", paused_by as actor, reason,
     (extract(epoch from paused_at) * 1000)::float8 as since`;

const standingRows = statement(
  'consumer-pauses',
  `select ${columns} from consumer_pause where resumed_at is null order by topic, consumer_group`,
);

// A row that stands is written as it was, only so that it is answered.
const pauseRow = statement(
  'consumer-pause',
  `insert into consumer_pause (topic, consumer_group, paused_by, reason) values ($1, $2, $3, $4)
   on conflict (topic, consumer_group) where resumed_at is null do update set reason = consumer_pause.reason
   returning ${columns}`,
);

const resumeRow = statement(
  'consumer-resume',
  `update consumer_pause set resumed_at = clock_timestamp(), resumed_by = $3, resume_reason = $4
   where topic = $1 and consumer_group = $2 and resumed_at is null
   returning ${columns}`,
);

export class PostgresConsumerPauses extends ConsumerPauses {
  constructor(private readonly database: PostgresDatabase) {
    super();
  }

  override standing(): Promise<readonly ConsumerPause[]> {
    return this.database.read<ConsumerPause>(standingRows);
  }

  override async pause(wish: ConsumerWish): Promise<ConsumerPause> {
    const [standing] = await this.database.read<ConsumerPause>(pauseRow, valuesOf(wish));
    assert(standing !== undefined, 'a pause that is not made meets the one that stands');
    return standing;
  }

  override async resume(wish: ConsumerWish): Promise<ConsumerPause | undefined> {
    const [ended] = await this.database.read<ConsumerPause>(resumeRow, valuesOf(wish));
    return ended;
  }
}

function valuesOf({ topic, group, actor, reason }: ConsumerWish): readonly string[] {
  return [topic, group, actor, reason];
}
