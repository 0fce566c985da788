/**
 * Counts what this process sends to Postgres: statements, with BEGIN and COMMIT among them. It adds one to a number for each,
 * which costs nothing that could be seen; the server's own counting (`--statements`) does.
 */
import pg from 'pg';

/** Begins to count, for every connection of this process. Answers how many were sent since. */
export function countQueries(): () => number {
  let sent = 0;
  pg.Client.prototype.query = new Proxy(pg.Client.prototype.query, {
    apply(query, client: unknown, given: unknown[]): unknown {
      sent++;
      return Reflect.apply(query, client, given);
    },
  });
  return () => sent;
}
