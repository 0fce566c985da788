/**
 * Goal: the past goes and the present stays, on both sides of the wire, at the pace that was set.
 * Method: both sides over the store and the bus in memory, a clock moved by hand; transactions are written as rows.
 */
import {
  MemoryBarrier,
  MemoryBarrierHistory,
  MemoryHistory,
  MemoryJournal,
  MemoryOutbox,
} from '@sagamore/memory';
import { firstUuidAt, uuidv7 } from '@sagamore/primitives';
import { RuntimeRig } from '../../../test/support/runtime.js';
import { BarrierRetention, Retention, type RetentionOptions } from './retention.js';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Phase } from '@sagamore/engine';

const day = 86_400_000;
const minute = 60_000;

let rig: RuntimeRig;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  rig = new RuntimeRig();
  rig.clock.advance(1_000 * day);
  await rig.process().bus.ensureTopics([{ topic: BarrierRetention.topic, partitions: 1 }]);
});

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function retention(given: Partial<RetentionOptions> = {}) {
  const { database, bus, clock } = rig.process();
  const faults: unknown[] = [];
  const kept = new Retention(
    { history: new MemoryHistory(database), bus, clock },
    {
      keepMs: 30 * day,
      keyLifeMs: 90 * day,
      auditMs: 365 * day,
      everyMs: minute,
      isOurs: () => true,
      onFault: (error) => void faults.push(error),
      ...given,
    },
  );
  kept.start();
  stops.push(() => kept.stop());
  return { kept, faults };
}

/** A participant with one barrier row for each of `ids`. */
async function participant(ids: readonly string[]) {
  const { database, bus, clock } = rig.process();
  const barrier = new MemoryBarrier();
  const rows = ids.map((transactionId) => {
    const key = { transactionId, branchId: 'a', operation: 'action', generation: 1 } as const;
    return { ...key, outcome: 'planted' } as const;
  });
  await database.transaction((tx) => barrier.insert(tx, rows));
  const kept = new BarrierRetention(
    { history: new MemoryBarrierHistory(database), bus, clock },
    { service: 'stock', keepMs: 30 * day },
  );
  await kept.start();
  stops.push(() => kept.stop());
  return {
    left: () => rig.store.committed<{ transactionId: string }>('barrier').map(([, row]) => row.transactionId),
  };
}

/** A transaction's row, begun so many days ago; what is final ended a day later. */
async function begun(daysAgo: number, phase: Phase): Promise<string> {
  const { database } = rig.process();
  const journal = new MemoryJournal(database, new MemoryOutbox(database));
  const at = journal.now() - daysAgo * day;
  const start = {
    transactionId: uuidv7(at),
    definition: 'd',
    version: 1,
    shard: 0,
    input: {},
    startedAt: at,
  };
  const epoch = await journal.take(0, 'test', 1);
  const { transactionId } = start;
  const statuses = [{ transactionId, shard: 0, status: phase, phase, at: at + day }];
  await journal.commit(new Map([[0, epoch]]), { starts: [start], entries: [], statuses, facts: [] }, 'test');
  return transactionId;
}

const stored = () => rig.store.committed('transaction').map(([id]) => id);

/** Lets minutes pass, in steps that every pause between two batches is shorter than. */
async function pass(minutes: number): Promise<void> {
  for (let step = 0; step < minutes * 60; step++) await rig.clock.advanceAsync(1_000);
}

test('R5: what ended long ago goes, and then its barrier rows; of what lives and what is young nothing goes', async () => {
  const old = await begun(50, 'final');
  const waiting = await begun(40, 'moving');
  const between = await begun(35, 'final');
  const young = await begun(2, 'final');
  const { left } = await participant([old, waiting, between, young]);
  const { faults } = retention();
  await pass(8);
  expect(faults).toEqual([]);
  expect(stored().toSorted()).toEqual([waiting, young]);
  expect(left().toSorted()).toEqual([waiting, between, young]);
});

test('R5: a horizon that says too much takes nothing young with it', async () => {
  const [old, young] = [uuidv7(970 * day - minute), uuidv7(999 * day)];
  const { left } = await participant([old, young]);
  await rig.process().bus.send([
    {
      id: 'horizon/x',
      type: 'transaction.horizon',
      source: 'test',
      topic: BarrierRetention.topic,
      key: 'horizon',
      occurredAt: 0,
      data: { before: firstUuidAt(2_000 * day) },
    },
    {
      id: 'horizon/y',
      type: 'transaction.horizon',
      source: 'test',
      topic: BarrierRetention.topic,
      key: 'horizon',
      occurredAt: 0,
      data: { before: 'everything' },
    },
  ]);
  await pass(1);
  expect(left()).toEqual([young]);
});

test('only the process whose part it is removes', async () => {
  await begun(50, 'final');
  retention({ isOurs: () => false });
  await pass(4);
  expect(stored()).toHaveLength(1);
});

test('a round that fails is told, and the next one is made all the same', async () => {
  await begun(50, 'final');
  let fails = 2;
  const { faults } = retention({
    isOurs: () => {
      if (fails-- > 0) throw new Error('away');
      return true;
    },
  });
  await pass(8);
  expect(faults).toHaveLength(2);
  expect(stored()).toEqual([]);
});
