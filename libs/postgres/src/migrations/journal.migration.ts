/**
 * The orchestrator's tables: transactions, their events, the shards with their owners and epochs, leases for
 * singletons, and what people did. `live` transactions and `parked` ones have a partial index each, and nothing else.
 */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = [
  // Room in each page, so that a change of status finds place beside the row it replaces.
  `create table transaction (
     transaction_id uuid primary key,
     started_at timestamptz not null,
     updated_at timestamptz not null,
     shard integer not null,
     definition_version integer not null,
     definition text not null,
     status text not null,
     phase text not null,
     reason json,
     input json not null) with (fillfactor = 80)`,
  `create index transaction_live on transaction (shard, transaction_id) where phase = 'moving'`,
  `create index transaction_parked on transaction (transaction_id) where phase = 'parked'`,
  `create table journal (
     transaction_id uuid not null,
     epoch bigint not null,
     seq integer not null,
     event json not null,
     constraint journal_pkey primary key (transaction_id, seq))`,
  `create table shard (
     shard integer primary key,
     epoch bigint not null,
     owner text not null,
     backend integer not null,
     backend_started_at timestamptz not null,
     taken_at timestamptz not null default clock_timestamp())`,
  // One row: the shard of a transaction follows from this count, so it may not change in silence (R14).
  `create table sharding (
     only_row boolean primary key default true check (only_row),
     shard_count integer not null)`,
  `create table lease (
     name text primary key,
     owner text not null,
     epoch bigint not null,
     claimed_until timestamptz not null)`,
  // parked_at names the parking that a wish was for: one wish of a kind for each (S94).
  `create table audit (
     id bigint generated always as identity primary key,
     occurred_at timestamptz not null default clock_timestamp(),
     transaction_id uuid not null,
     parked_at timestamptz not null,
     message_id text not null,
     action text not null,
     actor text not null,
     reason text not null,
     before json not null,
     constraint audit_wish_key unique (transaction_id, parked_at, action))`,
];

export class CreateJournal1764000000003 implements MigrationInterface {
  readonly name = 'CreateJournal1764000000003';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of tables) await runner.query(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table audit, lease, sharding, shard, journal, transaction');
  }
}
