/**
 * Goal: a bulk job reaches everybody once, at its rate, can be followed and stopped, and never stays running when it cannot
 * go on. Method: the job over rows held in an array, with a clock that is moved by hand.
 */
import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '@sagamore/memory';
import type { StoredTransaction, TransactionQuery, WishAnswer } from '@sagamore/runtime';
import { BulkJob, type BulkPorts } from './bulk.js';

function row(index: number): StoredTransaction {
  const transactionId = String(index).padStart(6, '0');
  const about = {
    definition: 'trip',
    version: 1,
    shard: 0,
    input: null,
    startedAt: 0,
    updatedAt: 0,
    events: [],
  };
  return { transactionId, ...about, status: 'parked', phase: 'parked' };
}

const accepted: WishAnswer = { outcome: 'accepted', version: 0 };

function world(count: number, parts: Partial<BulkPorts> = {}) {
  const clock = new ManualClock();
  const rows = Array.from({ length: count }, (_, index) => row(index)).toReversed();
  const asked: { readonly id: string; readonly at: number }[] = [];
  const ports: BulkPorts = {
    clock,
    list: async ({ before, limit }: TransactionQuery) =>
      rows.filter(({ transactionId }) => before === undefined || transactionId < before).slice(0, limit),
    wish: async (id) => {
      asked.push({ id, at: clock.now() });
      return accepted;
    },
    ...parts,
  };
  return {
    clock,
    asked,
    job: new BulkJob(ports, { filter: { status: 'parked' }, perSecond: 100, pageSize: 7 }),
  };
}

describe('a bulk job', () => {
  test('S97: reaches everybody once, newest first, and never faster than its rate', async () => {
    const { clock, asked, job } = world(250);
    const ended = job.run();
    await clock.advanceAsync(1_000);
    expect(job.progress).toMatchObject({ status: 'running' });
    expect(asked.length).toBeLessThanOrEqual(101);
    expect(asked.length).toBeGreaterThan(90);
    await clock.advanceAsync(2_000);
    await ended;
    expect(job.progress).toEqual({ status: 'done', accepted: 250, declined: 0, error: null });
    expect(asked.map(({ id }) => id)).toEqual(
      [...new Set(asked.map(({ id }) => id))].toSorted().toReversed(),
    );
    for (const [index, { at }] of asked.entries()) expect(at).toBeGreaterThanOrEqual(index * 10 - 1);
  });

  test('S97: is stopped at once, between two wishes, and asks nobody more', async () => {
    const { clock, asked, job } = world(250);
    const ended = job.run();
    await clock.advanceAsync(500);
    job.stop();
    await ended;
    const reached = asked.length;
    await clock.advanceAsync(5_000);
    expect([asked.length, job.progress.status, job.progress.accepted]).toEqual([reached, 'stopped', reached]);
  });

  test('S97: a query that fails ends the job with an error, instead of leaving it running', async () => {
    let queries = 0;
    const list: BulkPorts['list'] = async () => {
      if (++queries > 1) throw new Error('the store is away');
      return Array.from({ length: 7 }, (_, index) => row(index));
    };
    const { clock, job } = world(0, { list });
    const ended = job.run();
    await clock.advanceAsync(1_000);
    await ended;
    expect(job.progress).toMatchObject({ status: 'failed', accepted: 7, error: expect.any(String) });
  });

  test('S107: whoever was reached otherwise meanwhile is counted, and holds nobody else', async () => {
    const wish: BulkPorts['wish'] = async (id) => (Number(id) % 2 === 0 ? accepted : { outcome: 'unknown' });
    const { clock, job } = world(20, { wish });
    const ended = job.run();
    await clock.advanceAsync(1_000);
    await ended;
    expect(job.progress).toEqual({ status: 'done', accepted: 10, declined: 10, error: null });
  });
});
