/**
 * The contract of `Journal`'s reading half: what a new owner loads, and what people list.
 * Ids are made in rising order, so that "newest first" and "in order of id" can be told apart.
 */
import { expect, test } from '@jest/globals';
import type { Phase, TransactionId } from '@sagamore/engine';
import type { DuePlace, Shard, StoredTransaction, TransactionRecord } from '@sagamore/runtime';
import { commit, entry, record, take } from './journal-fixtures.js';
import { nextId, type PortsUnderTest } from './open.js';

/** Registers the tests of `live`, `due`, `load` and `list` in the surrounding `describe`. */
export function describeReading(ports: () => PortsUnderTest): void {
  live(ports);
  due(ports);
  load(ports);
  list(ports);
}

const idsOf = (rows: readonly { readonly transactionId: TransactionId }[]) =>
  rows.map((row) => row.transactionId);

/** Begins one transaction for each phase asked for, on shard 1, each with one event. */
async function begin(ports: PortsUnderTest, phases: readonly Phase[]): Promise<readonly TransactionRecord[]> {
  const epoch = await take(ports, 1);
  const starts = phases.map((phase) =>
    record(1, { definition: phase === 'moving' ? 'place-order' : 'return-order' }),
  );
  const statuses = starts.map(({ transactionId }, at) => {
    const phase = phases[at]!;
    return { transactionId, shard: 1, status: statusOf[phase], phase, at: 6_000 };
  });
  const entries = starts.map((start) => entry(start, 1));
  await commit(ports, [[1, epoch]], { starts: starts.toReversed(), entries, statuses });
  return starts;
}

const statusOf = { moving: 'executing', parked: 'parked', held: 'completed', final: 'completed' } as const;

function live(ports: () => PortsUnderTest): void {
  test('the moving transactions of a shard come page by page in order of id, each once, with their events', async () => {
    const starts = await begin(
      ports(),
      Array.from({ length: 7 }, () => 'moving' as const),
    );
    const pages: StoredTransaction[][] = [];
    for (let after: TransactionId | undefined, page = 0; page < 5; page++) {
      const rows = await ports().journal.live(1, after === undefined ? { limit: 3 } : { limit: 3, after });
      pages.push([...rows]);
      after = rows.at(-1)?.transactionId ?? after;
    }
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1, 0, 0]);
    expect(idsOf(pages.flat())).toEqual(idsOf(starts));
    expect(pages.flat().map((row) => row.events)).toEqual(starts.map((start) => [entry(start, 1).event]));
    expect(pages[0]![0]).toMatchObject({ ...starts[0], status: 'executing', phase: 'moving' });
  });

  test('S89, S90: for whom a transaction runs and how urgent it is are kept, and nothing where nothing was said', async () => {
    const epoch = await take(ports(), 1);
    const starts = [record(1, { tenant: 'crowd', priority: 9 }), record(1)];
    await commit(ports(), [[1, epoch]], { starts });
    const [urgent, plain] = await ports().journal.live(1, { limit: 2 });
    expect(urgent).toMatchObject({ tenant: 'crowd', priority: 9 });
    expect(plain).not.toHaveProperty('tenant');
    expect(plain).not.toHaveProperty('priority');
  });

  test('neither parked nor final transactions are live, nor those of another shard', async () => {
    const [moving] = await begin(ports(), ['moving', 'parked', 'final']);
    const other = record(2);
    const epoch = await take(ports(), 2);
    await commit(ports(), [[2, epoch]], { starts: [other] });
    expect(idsOf(await ports().journal.live(1, { limit: 10 }))).toEqual([moving!.transactionId]);
    expect(idsOf(await ports().journal.live(2, { limit: 10 }))).toEqual([other.transactionId]);
    expect(await ports().journal.live(3, { limit: 10 })).toEqual([]);
  });

  test('what is parked is counted by definition, on the shards that are asked about', async () => {
    await begin(ports(), ['moving', 'parked', 'parked', 'final', 'held']);
    expect(await ports().journal.countParked([1, 2])).toEqual(new Map([['return-order', 2]]));
    expect(await ports().journal.countParked([2])).toEqual(new Map());
  });

  test('the events of a long story come in order of seq', async () => {
    const epoch = await take(ports(), 1);
    const start = record(1);
    const entries = Array.from({ length: 12 }, (_, at) => entry(start, at + 1));
    await commit(ports(), [[1, epoch]], { starts: [start], entries: entries.toReversed() });
    const [stored] = await ports().journal.live(1, { limit: 1 });
    expect(stored?.events).toEqual(entries.map((each) => each.event));
  });
}

function due(ports: () => PortsUnderTest): void {
  /** Begins one for each due time, on the shard of its place; `undefined` stays in memory. */
  async function evict(dueTimes: readonly (number | undefined)[], shard: Shard = 1) {
    const epoch = await take(ports(), shard);
    const starts = dueTimes.map(() => record(shard));
    const statuses = starts.map(({ transactionId }, at) => {
      const dueAt = dueTimes[at];
      const standing = { transactionId, shard, status: 'executing', phase: 'moving', at: 6_000 } as const;
      return dueAt === undefined ? standing : { ...standing, dueAt };
    });
    await commit(ports(), [[shard, epoch]], {
      starts,
      entries: starts.map((start) => entry(start, 1)),
      statuses,
    });
    return { epoch, statuses, ids: idsOf(starts) };
  }

  test('R15: those that left memory come by due time and id, page by page, each once, with their events', async () => {
    const { ids } = await evict([3_000, undefined, 1_000, 2_000, 2_000, 9_000, Infinity]);
    const { ids: others } = await evict([1_500], 2);
    const ask = (after?: DuePlace) =>
      ports().journal.due([1, 2], { until: 3_000, limit: 2, ...(after !== undefined && { after }) });
    const found: StoredTransaction[] = [];
    for (let page = await ask(); page.length > 0; page = await ask(placeOf(page.at(-1)!)))
      found.push(...page);
    expect(idsOf(found)).toEqual([ids[2], others[0], ids[3], ids[4], ids[0]]);
    expect(found.map(({ dueAt }) => dueAt)).toEqual([1_000, 1_500, 2_000, 2_000, 3_000]);
    expect(found.every(({ events }) => events.length === 1)).toBe(true);
    expect(await ports().journal.due([2], { until: 1_499, limit: 10 })).toEqual([]);
    expect(await ports().journal.due([], { until: 9_000, limit: 10 })).toEqual([]);
  });

  test('R15: one that left memory is not live, can be loaded, and its next status brings it back', async () => {
    const { epoch, statuses, ids } = await evict([5_000, undefined, Infinity]);
    expect(idsOf(await ports().journal.live(1, { limit: 10 }))).toEqual([ids[1]]);
    expect(await ports().journal.load([ids[2]!])).toMatchObject([{ dueAt: Infinity, phase: 'moving' }]);
    const back = statuses.map(({ transactionId, shard, status, phase }) => {
      return { transactionId, shard, status, phase, at: 7_000 };
    });
    await commit(ports(), [[1, epoch]], { statuses: back.slice(0, 1) });
    expect(idsOf(await ports().journal.live(1, { limit: 10 }))).toEqual(ids.slice(0, 2));
    expect(await ports().journal.due([1], { until: 10_000, limit: 10 })).toEqual([]);
    await commit(ports(), [[1, epoch]], { statuses: [{ ...back[0]!, dueAt: 8_000 }] });
    expect(idsOf(await ports().journal.due([1], { until: 10_000, limit: 10 }))).toEqual(ids.slice(0, 1));
    await commit(ports(), [[1, epoch]], { statuses: [{ ...back[0]!, status: 'parked', phase: 'parked' }] });
    expect(await ports().journal.due([1], { until: 10_000, limit: 10 })).toEqual([]);
  });
}

function placeOf({ dueAt = 0, transactionId }: StoredTransaction): DuePlace {
  return { dueAt, transactionId };
}

function load(ports: () => PortsUnderTest): void {
  test('a load answers those that exist, in whatever phase, and passes over the rest', async () => {
    const starts = await begin(ports(), ['moving', 'parked', 'final']);
    const found = await ports().journal.load([nextId(), ...idsOf(starts)]);
    expect(new Set(idsOf(found))).toEqual(new Set(idsOf(starts)));
    expect(found).toHaveLength(starts.length);
    expect(found.every((row) => row.events.length === 1)).toBe(true);
    expect(await ports().journal.load([nextId()])).toEqual([]);
    expect(await ports().journal.load([])).toEqual([]);
  });
}

function list(ports: () => PortsUnderTest): void {
  test('a list shows the newest first, without their events, and goes on before a given id', async () => {
    const starts = await begin(ports(), ['moving', 'moving', 'parked', 'final', 'moving']);
    const newest = idsOf(starts).toReversed();
    const first = await ports().journal.list({ limit: 2 });
    expect(idsOf(first)).toEqual(newest.slice(0, 2));
    expect(first.map((row) => row.events)).toEqual([[], []]);
    const rest = await ports().journal.list({ limit: 500, before: newest[1]! });
    expect(idsOf(rest)).toEqual(newest.slice(2));
  });

  test('a list can be narrowed by phase, by status and by definition', async () => {
    const starts = await begin(ports(), ['moving', 'parked', 'final', 'parked']);
    const [moving, parkedFirst, final, parkedLast] = idsOf(starts);
    const ask = async (query: object) => idsOf(await ports().journal.list({ limit: 10, ...query }));
    expect(await ask({ phase: 'parked' })).toEqual([parkedLast, parkedFirst]);
    expect(await ask({ status: 'completed' })).toEqual([final]);
    expect(await ask({ definition: 'place-order' })).toEqual([moving]);
    expect(await ask({ definition: 'return-order', phase: 'moving' })).toEqual([]);
    expect(await ask({ definition: 'return-order', phase: 'parked', limit: 1 })).toEqual([parkedLast]);
  });
}
