/**
 * The `Schedules` port: a row a schedule, which says where in its timetable it stands. Every write is one statement that
 * compares what it changes, so two owners that act at once move it once.
 */
import type { TransactionId } from '@sagamore/engine';
import { Schedules, type ScheduleMove, type ScheduleRow } from '@sagamore/runtime';
import type { PostgresDatabase } from './database.js';
import { statement } from './statement.js';

const keepRows = statement(
  'schedule-keep',
  `insert into schedule (name, timetable_name, next_at)
   select name, timetable_name, to_timestamp(next_at / 1000)
   from unnest($1::text[], $2::text[], $3::float8[]) as given (name, timetable_name, next_at) order by name
   on conflict (name) do update set timetable_name = excluded.timetable_name, next_at = excluded.next_at
   where schedule.timetable_name <> excluded.timetable_name`,
);

const readRows = statement(
  'schedule-read',
  `select name, timetable_name, (extract(epoch from next_at) * 1000)::float8 as next_at,
     (extract(epoch from last_tick_at) * 1000)::float8 as last_tick_at, last_transaction_id
   from schedule where name = any($1::text[]) order by name`,
);

const moveRow = statement(
  'schedule-move',
  `update schedule set next_at = to_timestamp($3::float8 / 1000),
     last_tick_at = coalesce(to_timestamp($4::float8 / 1000), last_tick_at),
     last_transaction_id = coalesce($5::uuid, last_transaction_id)
   where name = $1 and (extract(epoch from next_at) * 1000)::float8 = $2::float8
   returning name`,
);

interface FoundSchedule {
  readonly name: string;
  readonly timetable_name: string;
  readonly next_at: number;
  readonly last_tick_at: number | null;
  readonly last_transaction_id: TransactionId | null;
}

export class PostgresSchedules extends Schedules {
  constructor(private readonly database: PostgresDatabase) {
    super();
  }

  override async keep(rows: Parameters<Schedules['keep']>[0]): Promise<void> {
    await this.database.read(keepRows, [
      rows.map(({ name }) => name),
      rows.map(({ timetableName }) => timetableName),
      rows.map(({ nextAt }) => nextAt),
    ]);
  }

  override async read(names: readonly string[]): Promise<readonly ScheduleRow[]> {
    return (await this.database.read<FoundSchedule>(readRows, [names])).map((row) => ({
      name: row.name,
      timetableName: row.timetable_name,
      nextAt: row.next_at,
      ...(row.last_tick_at !== null && { lastTickAt: row.last_tick_at }),
      ...(row.last_transaction_id !== null && { lastTransactionId: row.last_transaction_id }),
    }));
  }

  override async move({ name, from, to, last }: ScheduleMove): Promise<boolean> {
    const values = [name, from, to, last?.tickAt ?? null, last?.transactionId ?? null];
    return (await this.database.read(moveRow, values)).length > 0;
  }
}
