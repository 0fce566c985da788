/**
 * What Postgres knows: rows written, commits, WAL bytes, and, when asked, which statements cost the most. Also the last
 * word on the load: whether every order and every transaction ended as its fate says.
 */
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

export interface DatabaseFigures {
  /** Inserted, updated and deleted, in all databases of the services. */
  readonly rows: number;
  readonly commits: number;
  readonly walBytes: number;
  /** Bytes of whole pages among them: the first change of a page after a checkpoint logs all of it. */
  readonly walFullPages: number;
}

export interface StatementCost {
  readonly calls: number;
  readonly rows: number;
  readonly execMs: number;
  readonly planMs: number;
  readonly text: string;
}

const readFigures = `
  select sum(tup_inserted + tup_updated + tup_deleted)::float8 as rows, sum(xact_commit)::float8 as commits,
    (pg_current_wal_lsn() - '0/0')::float8 as "walBytes",
    (select wal_fpi from pg_stat_wal)::float8 as "walFullPages"
  from pg_stat_database where datname = any($1)`;

const countWrong = `
  select count(*) filter (where status = 'PENDING')::int as pending,
    count(*) filter (where status not in ('PENDING', case when ship_to ->> 'country' = 'AQ' then 'REJECTED' else 'CONFIRMED' end))::int as wrong
  from orders`;

const countMoving = `
  select count(*) filter (where phase = 'moving')::int as pending,
    count(*) filter (where phase = 'parked'
      or status not in (case when input -> 'shipTo' ->> 'country' = 'AQ' then 'compensated' else 'completed' end) and phase = 'final')::int as wrong
  from transaction`;

const readStatements = `
  select calls::int, rows::int, total_exec_time as "execMs", total_plan_time as "planMs",
    regexp_replace(query, '\\s+', ' ', 'g') as text
  from pg_stat_statements order by total_exec_time + total_plan_time desc limit $1`;

/** What a moving transaction is given to end, once every client has its answer. */
const settleMsMax = 20_000;

export class BenchDatabases {
  private constructor(
    private readonly names: readonly string[],
    private readonly order: pg.Client,
    private readonly orchestrator: pg.Client,
  ) {}

  /** `urls` by service. The caller closes. */
  static async open(urls: Readonly<Record<string, string>>): Promise<BenchDatabases> {
    const order = await connect(urls['order']);
    return new BenchDatabases(Object.keys(urls), order, await connect(urls['orchestrator']));
  }

  async read(): Promise<DatabaseFigures> {
    const { rows } = await this.order.query<DatabaseFigures>(readFigures, [this.names]);
    return rows[0]!;
  }

  /** Every row that did not end as its fate says, in words; empty when all did. Waits for those still moving. */
  async problems(): Promise<readonly string[]> {
    const checks = [
      { what: 'orders', client: this.order, sql: countWrong },
      { what: 'transactions', client: this.orchestrator, sql: countMoving },
    ];
    const found = await Promise.all(checks.map(settled));
    return found.flatMap(({ what, pending, wrong }) => [
      ...(pending > 0 ? [`${pending} ${what} never ended`] : []),
      ...(wrong > 0 ? [`${wrong} ${what} ended otherwise than their fate says`] : []),
    ]);
  }

  async close(): Promise<void> {
    await Promise.all([this.order.end(), this.orchestrator.end()]);
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
}

async function settled({ what, client, sql }: Check) {
  for (const deadline = performance.now() + settleMsMax; ; await pause(100)) {
    const { rows } = await client.query<{ pending: number; wrong: number }>(sql);
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
