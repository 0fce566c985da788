/**
 * What people want of any transaction, kept as the audit keeps it until somebody has heard it, and the starts that were
 * accepted under a key. Wishes of before are carried over: those for a rest that still lasts are unheard.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const changes = [
  // slot names what excludes what while it is unheard; version, how many events were journaled when it was judged.
  `alter table audit alter column parked_at drop not null, drop constraint audit_wish_key,
     add column shard integer, add column slot text, add column version integer, add column body json,
     add column heard_at timestamptz`,
  `update audit set shard = transaction.shard, slot = 'operator-resumed', version = 0, action = 'operator-resumed',
     body = '{"type": "operator-resumed"}',
     heard_at = case when phase = 'parked' and parked_at = updated_at then null else clock_timestamp() end
   from transaction where transaction.transaction_id = audit.transaction_id`,
  `delete from audit where shard is null`,
  `alter table audit alter column shard set not null, alter column slot set not null,
     alter column version set not null, alter column body set not null`,
  `create unique index audit_unheard on audit (transaction_id, slot) where heard_at is null`,
  `create unique index audit_signal on audit (transaction_id, slot) where action = 'signal-received'`,
  `create index audit_waiting on audit (shard, id) where heard_at is null`,
  // The input is kept until the transaction has begun; the key for as long as it may be used again.
  `create table accepted_start (
     actor text not null,
     key text not null,
     transaction_id uuid not null,
     request_hash text not null,
     definition text not null,
     shard integer not null,
     input json,
     accepted_at timestamptz not null default clock_timestamp(),
     constraint accepted_start_pkey primary key (actor, key))`,
  `create unique index accepted_start_transaction on accepted_start (transaction_id)`,
  `create index accepted_start_unbegun on accepted_start (shard, accepted_at) where input is not null`,
];

export class WidenWishes1764000000030 implements MigrationInterface {
  readonly name = 'WidenWishes1764000000030';

  async up(runner: QueryRunner): Promise<void> {
    for (const change of changes) await runner.query(change);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table accepted_start');
    await runner.query('drop index audit_unheard, audit_signal, audit_waiting');
    await runner.query(`delete from audit where parked_at is null or action <> 'operator-resumed'`);
    await runner.query(
      `delete from audit where id not in (select max(id) from audit group by transaction_id, parked_at)`,
    );
    await runner.query(`update audit set action = 'resume'`);
    await runner.query(
      `alter table audit drop column shard, drop column slot, drop column version, drop column body,
         drop column heard_at, alter column parked_at set not null,
         add constraint audit_wish_key unique (transaction_id, parked_at, action)`,
    );
  }
}
