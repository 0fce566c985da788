/**
 * What Postgres knows: rows written, commits, WAL bytes, and, when asked, which statements cost the most. Also the last
 * word on the load: whether every order and every transaction ended as its fate says.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { OrderProtocol } from '@sagamore/contracts';
import { firstUuidAt } from '@sagamore/primitives';
import pg from 'pg';

export interface DatabaseFigures {
  /** Inserted, updated and deleted, in all databases of the services. */
  readonly rows: number;
  readonly commits: number;
  readonly walBytes: number;
  /** Bytes of whole pages among them: the first change of a page after a checkpoint logs all of it. */
  readonly walFullPages: number;
  /** How often the server waited for the disk to have its WAL. Backends tell of theirs once a second at most. */
  readonly walSyncs: number;
}

export interface StatementCost {
  readonly calls: number;
  readonly rows: number;
  readonly execMs: number;
  readonly planMs: number;
  readonly text: string;
}

/** Where WAL's flushes are counted has moved with version 18. */
const readFigures = (version: number): string => `
  select sum(tup_inserted + tup_updated + tup_deleted)::float8 as rows, sum(xact_commit)::float8 as commits,
    (pg_current_wal_lsn() - '0/0')::float8 as "walBytes",
    (select wal_fpi from pg_stat_wal)::float8 as "walFullPages",
    (select ${version >= 180_000 ? `sum(fsyncs) from pg_stat_io where object = 'wal'` : 'wal_sync from pg_stat_wal'})::float8 as "walSyncs"
  from pg_stat_database where datname = any($1)`;

const readVersion = `select current_setting('server_version_num')::integer as version`;

const countWrong = `
  select count(*) filter (where status = 'PENDING')::int as pending,
    count(*) filter (where status not in ('PENDING', case when ship_to ->> 'country' = 'AQ' then 'REJECTED' else 'CONFIRMED' end)
      and not ($2::boolean and status = 'REJECTED'))::int as wrong
  from orders where order_id >= $1`;

const countMoving = `
  select count(*) filter (where phase = 'moving')::int as pending,
    count(*) filter (where phase = 'parked'
      or status <> case when input -> 'shipTo' ->> 'country' = 'AQ' then $3::text else $2::text end and phase = 'final'
        and not ($4::boolean and status = $3))::int as wrong
  from transaction where transaction_id >= $1`;

/** How a transaction ends well, and how it ends where a carrier says no. */
const endsOf: Readonly<Record<OrderProtocol, readonly [done: string, undone: string]>> = {
  saga: ['completed', 'compensated'],
  tcc: ['confirmed', 'cancelled'],
  'two-phase-commit': ['committed', 'aborted'],
};

const readStatements = `
  select calls::int, rows::int, total_exec_time as "execMs", total_plan_time as "planMs",
    regexp_replace(query, '\\s+', ' ', 'g') as text
  from pg_stat_statements order by total_exec_time + total_plan_time desc limit $1`;

/** What a moving transaction is given to end, once every client has its answer. */
const settleMsMax = 20_000;

export class BenchDatabases {
  /** What was there before is nobody's fate. */
  private readonly since = firstUuidAt(Date.now());

  private constructor(
    private readonly names: readonly string[],
    private readonly version: number,
    private readonly orchestrator: pg.Client,
    private readonly order: pg.Client | undefined,
  ) {}

  /** `urls` by service; there is always an orchestrator. The caller closes. */
  static async open(urls: Readonly<Record<string, string>>): Promise<BenchDatabases> {
    const orchestrator = await connect(urls['orchestrator']);
    const { rows } = await orchestrator.query<{ version: number }>(readVersion);
    const order = urls['order'] === undefined ? undefined : await connect(urls['order']);
    return new BenchDatabases(Object.keys(urls), rows[0]?.version ?? 0, orchestrator, order);
  }

  async read(): Promise<DatabaseFigures> {
    const { rows } = await this.orchestrator.query<DatabaseFigures>(readFigures(this.version), [this.names]);
    return rows[0]!;
  }

  /** Every row since it was opened that did not end as its fate says, in words; empty when all did. Waits for those still
   *  moving. */
  async problems(protocol: OrderProtocol): Promise<readonly string[]> {
    const { since, order, orchestrator } = this;
    // What two-phase commit gave up is counted by the load.
    const mayGiveUp = protocol === 'two-phase-commit';
    const checks: readonly Check[] = [
      ...(order === undefined
        ? []
        : [{ what: 'orders', client: order, sql: countWrong, values: [since, mayGiveUp] }]),
      {
        what: 'transactions',
        client: orchestrator,
        sql: countMoving,
        values: [since, ...endsOf[protocol], mayGiveUp],
      },
    ];
    const found = await Promise.all(checks.map(settled));
    return found.flatMap(({ what, pending, wrong }) => [
      ...(pending > 0 ? [`${pending} ${what} never ended`] : []),
      ...(wrong > 0 ? [`${wrong} ${what} ended otherwise than their fate says`] : []),
    ]);
  }

  async close(): Promise<void> {
    await Promise.all([this.order?.end(), this.orchestrator.end()]);
  }
}

/** Forgets what was counted until now. `url`: the administrator's, of a server that counts statements. */
export async function resetStatements(url: string): Promise<void> {
  await administer(url, 'select pg_stat_statements_reset()');
}

/** The statements that took the most time, of all databases. */
export async function costliestStatements(url: string, count: number): Promise<readonly StatementCost[]> {
  return administer<StatementCost>(url, readStatements, [count]);
}

/** Has the server count statements from its next start on. */
export async function countStatements(url: string): Promise<void> {
  await administer(url, `alter system set shared_preload_libraries = 'pg_stat_statements'`);
  await administer(url, `alter system set pg_stat_statements.track_planning = on`);
  await administer(url, 'create extension if not exists pg_stat_statements');
}

interface Check {
  readonly what: string;
  readonly client: pg.Client;
  readonly sql: string;
  readonly values: readonly unknown[];
}

async function settled({ what, client, sql, values }: Check) {
  for (const deadline = performance.now() + settleMsMax; ; await pause(100)) {
    const { rows } = await client.query<{ pending: number; wrong: number }>(sql, [...values]);
    const { pending, wrong } = rows[0]!;
    if (pending === 0 || performance.now() > deadline) return { what, pending, wrong };
  }
}

async function connect(url: string | undefined): Promise<pg.Client> {
  if (url === undefined) throw new Error('a service has no database');
  const client = new pg.Client({ connectionString: url, application_name: 'sagamore-bench' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Brings everything to the disk, so that no later measurement pays for it. `url`: the administrator's. */
export async function checkpoint(url: string): Promise<void> {
  await administer(url, 'checkpoint');
}

async function administer<Row extends object>(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const client = await connect(url);
  try {
    return (await client.query<Row>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}
