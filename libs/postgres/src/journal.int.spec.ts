/**
 * Goal: an owner that was replaced writes nothing more, and a lost commit is never misread. Method: two owners on
 * real connections of their own; locks, kills and waits are those of the server.
 */
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { uuidv7 } from '@sagamore/primitives';
import type { JournalBatch } from '@sagamore/runtime';
import pg from 'pg';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { statement } from './statement.js';

jest.setTimeout(30_000);
let old: PostgresPorts;
let heir: PostgresPorts;
let outsider: pg.Client;
let ids = 0;

beforeEach(async () => {
  old = await openPostgresPorts();
  heir = await openPostgresPorts({ url: old.url });
  outsider = new pg.Client({ connectionString: old.url });
  await outsider.connect();
});

afterEach(async () => {
  await outsider.end();
  await old.close();
  await heir.close();
});
afterAll(async () => (await testPostgres()).stop());

function start(shard = 1): JournalBatch {
  const transactionId = uuidv7(1_763_800_000_000 + ids++);
  const record = { transactionId, definition: 'd', version: 1, shard, input: {}, startedAt: 1_000 };
  const event = { type: 'time-passed', at: 1_000 } as const;
  return { starts: [record], entries: [{ transactionId, shard, seq: 1, event }], statuses: [], facts: [] };
}

const idOf = (batch: JournalBatch) => batch.starts[0]!.transactionId;
const backendOf = statement('test-backend', 'select backend as pid from shard where shard = $1');
const recorded = async () => (await outsider.query<{ pid: number }>(backendOf.text, [1])).rows[0]!.pid;

/** Waits, at most five seconds, until `count` sessions wait for a lock. */
async function untilWaiting(count: number): Promise<void> {
  const text = `select count(*)::integer as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
  for (const deadline = performance.now() + 5_000; performance.now() < deadline;) {
    const { rows } = await outsider.query<{ n: number }>(text);
    if (rows[0]!.n >= count) return;
  }
  throw new Error(`fewer than ${count} sessions wait for a lock`);
}

/** What the server counted for `table`, once it has counted `changed` updates, or after five seconds. */
async function readsOf(table: string, changed: number): Promise<unknown> {
  const text = `select coalesce(sum(seq_tup_read), 0)::integer as scanned, coalesce(sum(n_tup_upd), 0)::integer as changed
    from pg_stat_user_tables where relname = $1`;
  for (const deadline = performance.now() + 5_000; ;) {
    const [found] = (await outsider.query<{ changed: number }>(text, [table])).rows;
    if (found?.changed === changed || performance.now() >= deadline) return found;
  }
}

describe('the journal', () => {
  test('R10: a commit that was already waiting when its shard was taken writes nothing', async () => {
    const epoch = await old.journal.take(1, 'old', 12);
    // A takeover in the middle: the row is changed, its transaction still open.
    await outsider.query('begin');
    await outsider.query('update shard set epoch = epoch + 1 where shard = 1');
    const batch = start();
    const waiting = old.journal.commit(new Map([[1, epoch]]), batch, 'old');
    await untilWaiting(1);
    await outsider.query('commit');
    expect(await waiting).toEqual({ stale: [1], known: [], facts: [] });
    expect(await heir.journal.load([idOf(batch)])).toEqual([]);
  });

  test('R10: a takeover waits for a commit in hand, and then sees what it wrote', async () => {
    const epoch = await old.journal.take(1, 'old', 12);
    const batch = start();
    // Holds the commit up in the middle: it has locked its shard and now waits for this row.
    await outsider.query('begin');
    await outsider.query(`insert into journal (transaction_id, epoch, seq, event) values ($1, 1, 1, '{}')`, [
      idOf(batch),
    ]);
    const committing = old.journal.commit(new Map([[1, epoch]]), batch, 'old');
    await untilWaiting(1);
    const taking = heir.journal.take(1, 'heir', 12);
    await untilWaiting(2);
    await outsider.query('rollback');
    expect(await committing).toMatchObject({ stale: [] });
    expect(await taking).toBe(epoch + 1);
    expect(await heir.journal.load([idOf(batch)])).toHaveLength(1);
  });

  test('R10: an owner that was paused and comes back is told that it is stale, for that shard alone', async () => {
    const epochs = new Map([
      [1, await old.journal.take(1, 'old', 12)],
      [2, await old.journal.take(2, 'old', 12)],
    ]);
    await heir.journal.take(1, 'heir', 12);
    const [lost, kept] = [start(1), start(2)];
    const starts = [...lost.starts, ...kept.starts];
    const receipt = await old.journal.commit(epochs, { ...kept, starts }, 'old');
    expect(receipt.stale).toEqual([1]);
    expect(await heir.journal.load([idOf(lost)])).toEqual([]);
    expect(await heir.journal.load([idOf(kept)])).toHaveLength(1);
  });

  test('R11: an owner that hangs in the middle of a commit is ended, and its commit with it', async () => {
    const epoch = await old.journal.take(1, 'old', 12);
    const batch = start();
    await outsider.query('begin');
    await outsider.query(`insert into journal (transaction_id, epoch, seq, event) values ($1, 1, 1, '{}')`, [
      idOf(batch),
    ]);
    const hanging = old.journal.commit(new Map([[1, epoch]]), batch, 'old').catch((error: unknown) => error);
    await untilWaiting(1);
    expect(await heir.journal.take(1, 'heir', 12)).toBe(epoch + 1);
    expect(await hanging).toMatchObject({ code: 'COMMIT_UNKNOWN' });
    await outsider.query('rollback');
    expect(await old.journal.load([idOf(batch)])).toEqual([]);
  });

  test('R11: the shard row names the backend that writes, also after the connection was replaced', async () => {
    const epoch = await old.journal.take(1, 'old', 12);
    const first = await recorded();
    await heir.database.read(statement('test-end', 'select pg_terminate_backend($1)'), [first]);
    const batch = start();
    for (let attempt = 0; attempt < 3; attempt++) {
      // The loss is noticed at the first statement, or before it.
      const done = await old.journal.commit(new Map([[1, epoch]]), batch, 'old').catch(() => undefined);
      if (done !== undefined) break;
    }
    expect(await old.journal.load([idOf(batch)])).toHaveLength(1);
    const second = await recorded();
    expect(second).not.toBe(first);
    const { rowCount } = await outsider.query('select from pg_stat_activity where pid = $1', [second]);
    expect(rowCount).toBe(1);
  });

  test('R12: after a lost commit a load waits until that commit cannot happen any more', async () => {
    const epoch = await old.journal.take(1, 'old', 12);
    const batch = start();
    await outsider.query('begin');
    await outsider.query(`insert into journal (transaction_id, epoch, seq, event) values ($1, 1, 1, '{}')`, [
      idOf(batch),
    ]);
    const pid = await recorded();
    const lost = old.journal.commit(new Map([[1, epoch]]), batch, 'old').catch((error: unknown) => error);
    await untilWaiting(1);
    await heir.database.read(statement('test-end', 'select pg_terminate_backend($1)'), [pid]);
    expect(await lost).toMatchObject({ code: 'COMMIT_UNKNOWN', retryable: true });
    const seen = await old.journal.load([idOf(batch)]);
    await outsider.query('rollback');
    expect(await old.journal.load([idOf(batch)])).toEqual(seen);
    // The same epoch goes on: nobody has taken the shard.
    expect(await old.journal.commit(new Map([[1, epoch]]), batch, 'old')).toMatchObject({
      stale: [],
      known: [],
    });
  });

  test('S63: who read a transaction before it went on writes nothing after it', async () => {
    const epochs = new Map([[1, await old.journal.take(1, 'old', 12)]]);
    const batch = start();
    await old.journal.commit(epochs, batch, 'old');
    const transactionId = idOf(batch);
    const [seen] = await heir.journal.load([transactionId]);
    const next = seen!.events.length + 1;
    const event = { type: 'time-passed', at: 2_000 } as const;
    const entry = { transactionId, shard: 1, seq: next, event };
    const onlyEntry = { starts: [], entries: [entry], statuses: [], facts: [] };
    await old.journal.commit(epochs, onlyEntry, 'old');

    const late = { ...onlyEntry, entries: [{ ...entry, event: { ...event, at: 3_000 } }] };
    await expect(heir.journal.commit(epochs, late, 'old')).rejects.toMatchObject({ code: 'DATA_REJECTED' });
    const message = {
      id: 'w',
      type: 'transaction.wish',
      source: 'spec',
      topic: 'orchestrator.inbox',
      key: transactionId,
      occurredAt: 3e3,
      data: { transactionId },
    };
    const judged = { transactionId, slot: 'operator-paused', version: seen!.events.length, message };
    const asked = { wanted: { type: 'operator-paused' } as const, actor: 'ada', reason: 'it stood still' };
    expect(await heir.journal.wish({ ...judged, ...asked, owner: 'heir' })).toEqual({ outcome: 'stale' });
    const [stored] = await heir.journal.load([transactionId]);
    expect(stored?.events.map(({ at }) => at)).toEqual([1_000, 2_000]);
  });

  test('R14: the count of shards is stored once for all, also when two instances start together', async () => {
    const taken = await Promise.allSettled([
      old.journal.take(1, 'old', 12),
      heir.journal.take(2, 'heir', 16),
    ]);
    const failed = taken.filter((outcome) => outcome.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(failed[0]?.reason).toMatchObject({ code: 'SHARD_COUNT_CHANGED', retryable: false });
  });

  test('a plan made while the tables were empty finds its rows by their key once they have grown', async () => {
    const epoch = await old.journal.take(1, 'old', 12);
    const commit = (parts: Partial<JournalBatch>) =>
      old.journal.commit(
        new Map([[1, epoch]]),
        { starts: [], entries: [], statuses: [], facts: [], ...parts },
        'old',
      );
    await commit({});
    const begun = Array.from({ length: 500 }, () => start());
    await commit({ starts: begun.flatMap((batch) => batch.starts) });
    const moving = { shard: 1, status: 'executing', phase: 'moving', at: 2_000 } as const;
    for (const batch of begun.slice(0, 20))
      await commit({ statuses: [{ ...moving, transactionId: idOf(batch) }] });
    // A session hands in its counts at the latest when it ends.
    await old.close();
    expect(await readsOf('transaction', 20)).toEqual({ scanned: 0, changed: 20 });
  });

  test('I31: a final status is not changed by a later one', async () => {
    const epoch = await old.journal.take(1, 'old', 12);
    const batch = start();
    const transactionId = idOf(batch);
    const final = { transactionId, shard: 1, status: 'completed', phase: 'final', at: 2_000 } as const;
    await old.journal.commit(new Map([[1, epoch]]), { ...batch, statuses: [final] }, 'old');
    const moved = { ...final, status: 'executing', phase: 'moving' } as const;
    await old.journal.commit(
      new Map([[1, epoch]]),
      { starts: [], entries: [], statuses: [moved], facts: [] },
      'old',
    );
    expect(await old.journal.load([transactionId])).toMatchObject([{ status: 'completed', phase: 'final' }]);
  });

  test('I41: a wish leaves who, why, when and what was before', async () => {
    const epoch = await old.journal.take(1, 'old', 12);
    const batch = start();
    const transactionId = idOf(batch);
    const parked = { transactionId, shard: 1, status: 'parked', phase: 'parked', at: 2_000 } as const;
    await old.journal.commit(
      new Map([[1, epoch]]),
      { ...batch, statuses: [{ ...parked, reason: { kind: 'bug' } }] },
      'old',
    );
    const message = {
      id: 'm',
      type: 't',
      source: 's',
      topic: 'x',
      key: transactionId,
      occurredAt: 1,
      data: null,
    };
    await old.journal.wish({
      transactionId,
      wanted: { type: 'operator-resumed' },
      slot: 'operator-resumed',
      version: 1,
      actor: 'ada',
      reason: 'fixed',
      message,
      owner: 'old',
    });
    const { rows } = await outsider.query(
      'select action, actor, reason, before, message_id, occurred_at from audit',
    );
    expect(rows).toEqual([
      {
        action: 'operator-resumed',
        actor: 'ada',
        reason: 'fixed',
        message_id: 'm',
        before: { status: 'parked', phase: 'parked', reason: { kind: 'bug' } },
        occurred_at: expect.any(Date),
      },
    ]);
  });
});
