/**
 * One service's database as the audit sees it: a single connection, and from `freeze` on a single read-only snapshot, so
 * that two statements never see two moments. Long answers are streamed through a cursor, page by page.
 */
import pg from 'pg';

/** Rows a page: large enough to be fast, small enough that memory stays flat. */
const pageRows = 2_000;
const connectMsMax = 5_000;

export class AuditedDatabase {
  private cursors = 0;

  private constructor(private readonly client: pg.Client) {}

  /** Connects; rejects when nobody answers within five seconds. The caller closes. */
  static async open(url: string): Promise<AuditedDatabase> {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: connectMsMax,
      application_name: 'sagamore-audit',
    });
    // A connection that dies is told by the next statement; without a listener it would end the process.
    client.on('error', () => undefined);
    await client.connect();
    return new AuditedDatabase(client);
  }

  async query<Row extends object>(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return (await this.client.query<Row>(sql, [...values])).rows;
  }

  /** Everything that is read from here on shows this one moment, and nothing can be written any more. The moment is now:
   *  without a statement it would be that of the first one that follows. */
  async freeze(): Promise<void> {
    // Every check reads whole tables: a loop inside a loop, which tables without statistics invite, is never the way.
    await this.client.query(
      'begin isolation level repeatable read read only; set local enable_nestloop = off; select 1',
    );
  }

  /** Every row of `sql`, in its order, in flat memory. Only AFTER `freeze`. */
  async *stream<Row extends object>(sql: string): AsyncGenerator<Row, void, undefined> {
    const cursor = `audit_${++this.cursors}`;
    await this.client.query(`declare ${cursor} no scroll cursor for ${sql}`);
    for (;;) {
      const { rows } = await this.client.query<Row>(`fetch ${pageRows} from ${cursor}`);
      if (rows.length === 0) break;
      yield* rows;
    }
    await this.client.query(`close ${cursor}`);
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}
