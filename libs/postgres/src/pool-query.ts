/**
 * One statement on any connection of a pool. The driver's own way ends the connection whenever the server says no, and a
 * new one costs more than a hundred statements; a connection that answered is whole.
 */
import type pg from 'pg';
import { isSessionLost } from './faults.js';

const heard = (): void => undefined;

/** Rejects as the driver does. A connection that broke, or did not answer in time, is never given to somebody else. */
export async function queryOn<Row extends object>(
  pool: pg.Pool,
  command: pg.QueryConfig,
): Promise<pg.QueryResult<Row>> {
  const client = await pool.connect();
  // The loss of a connection in hand rejects its statement; without a listener it would end the process as well.
  client.on('error', heard);
  let isLost = false;
  try {
    return await client.query<Row>(command);
  } catch (error) {
    isLost = isSessionLost(error);
    throw error;
  } finally {
    client.off('error', heard);
    client.release(isLost);
  }
}
