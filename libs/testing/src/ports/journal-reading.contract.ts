/**
 * The contract of `Journal`'s reading half: what a new owner loads, and what people list.
 * Ids are made in rising order, so that "newest first" and "in order of id" can be told apart.
 */
import { expect, test } from '@jest/globals';
import type { Phase, TransactionId } from '@sagamore/engine';
import type { StoredTransaction, TransactionRecord } from '@sagamore/runtime';
import { commit, entry, record, take } from './journal-fixtures.js';
import { nextId, type PortsUnderTest } from './open.js';

/** Registers the tests of `live`, `load` and `list` in the surrounding `describe`. */
export function describeReading(ports: () => PortsUnderTest): void {
  live(ports);
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

  test('neither parked nor final transactions are live, nor those of another shard', async () => {
    const [moving] = await begin(ports(), ['moving', 'parked', 'final']);
    const other = record(2);
    const epoch = await take(ports(), 2);
    await commit(ports(), [[2, epoch]], { starts: [other] });
    expect(idsOf(await ports().journal.live(1, { limit: 10 }))).toEqual([moving!.transactionId]);
    expect(idsOf(await ports().journal.live(2, { limit: 10 }))).toEqual([other.transactionId]);
    expect(await ports().journal.live(3, { limit: 10 })).toEqual([]);
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
