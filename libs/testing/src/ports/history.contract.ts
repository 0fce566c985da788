/**
 * The contract of `History` and `BarrierHistory`: what goes, what stays, and what is remembered of what went.
 * Ids are made of instants long ago, so that ranges of them mean what they mean in a store of some age.
 */
import { describe, expect, test } from '@jest/globals';
import type { Phase } from '@sagamore/engine';
import { firstUuidAt, uuidv7 } from '@sagamore/primitives';
import type { TransactionRecord } from '@sagamore/runtime';
import { commit, entry, record, take } from './journal-fixtures.js';
import { barrierRow, freshPorts, type OpenPorts, type PortsUnderTest } from './open.js';

/** Registers the suites under `name`; `open` is called once for each test. */
export function describeHistoryContract(name: string, open: OpenPorts): void {
  describe(`${name} keeps the contract of History`, () => {
    const ports = freshPorts(open);
    removing(ports);
    forgetting(ports);
    remembering(ports);
    horizons(ports);
  });
  describe(`${name} keeps the contract of BarrierHistory`, () => barriers(freshPorts(open)));
}

const day = 86_400_000;
/** Some instants, ms. */
const begunAt = 1_600_000_000_000;
const floor = firstUuidAt(begunAt + 30 * day);
const page = { before: floor, endedBefore: begunAt + 30 * day, limit: 100 };

interface Past {
  readonly phase?: Phase;
  readonly at?: number;
  readonly endedAt?: number;
  readonly id?: string;
}

async function past(ports: PortsUnderTest, rows: readonly Past[]): Promise<readonly TransactionRecord[]> {
  const epoch = await take(ports, 1);
  const starts = rows.map(({ at = begunAt, id }, place) => {
    return record(1, { transactionId: id ?? uuidv7(at + place) });
  });
  const statuses = starts.map(({ transactionId }, place) => {
    const { phase = 'final', endedAt = begunAt + day } = rows[place] ?? {};
    return { transactionId, shard: 1, status: phase, phase, at: endedAt };
  });
  await commit(ports, [[1, epoch]], { starts, statuses, entries: starts.map((start) => entry(start, 1)) });
  return starts;
}

/** An id of the same ms, as a child's is. */
function kinOf(id: string, place: number): string {
  return `${id.slice(0, 13)}-8000-8000-00000000000${place}`;
}

/** Two looks, with the time between them that a removal takes. */
async function removeTwice(ports: PortsUnderTest) {
  const first = await ports.history.remove(page);
  await ports.expireClaims();
  return { first, second: await ports.history.remove(page) };
}

async function left(ports: PortsUnderTest, starts: readonly TransactionRecord[]) {
  const found = await ports.journal.load(starts.map(({ transactionId }) => transactionId));
  return starts.map(({ transactionId }) => found.some((row) => row.transactionId === transactionId));
}

function removing(ports: () => PortsUnderTest): void {
  test('what ended long ago goes with its events, at the second look and not before', async () => {
    const starts = await past(ports(), [{}, {}]);
    expect(await ports().history.remove(page)).toEqual({ removed: 0, last: starts[1]?.transactionId });
    expect((await ports().history.remove(page)).removed).toBe(0);
    expect(await left(ports(), starts)).toEqual([true, true]);
    await ports().expireClaims();
    expect((await ports().history.remove(page)).removed).toBe(2);
    expect(await left(ports(), starts)).toEqual([false, false]);
    expect(await ports().history.remove(page)).toEqual({ removed: 0 });
  });

  test('R16: what has not ended stays, and so does what ended lately or began above the range', async () => {
    const starts = await past(ports(), [
      { phase: 'moving' },
      { phase: 'parked' },
      { endedAt: begunAt + 30 * day },
      { at: begunAt + 31 * day },
      {},
    ]);
    expect((await removeTwice(ports())).second.removed).toBe(1);
    expect(await left(ports(), starts)).toEqual([true, true, true, true, false]);
  });

  test('S108: of a parent and its children none goes before all have ended', async () => {
    const [first, second, third] = [begunAt, begunAt + 10, begunAt + 20].map((at) => uuidv7(at));
    const family = (id = '', own: Phase, child: Phase, grandchild: Phase) => {
      return [
        { id, phase: own },
        { id: kinOf(id, 1), phase: child },
        { id: kinOf(id, 2), phase: grandchild },
      ];
    };
    const starts = await past(ports(), [
      ...family(first, 'moving', 'held', 'held'),
      ...family(second, 'final', 'held', 'parked'),
      ...family(third, 'final', 'held', 'final'),
    ]);
    await removeTwice(ports());
    expect(await left(ports(), starts)).toEqual([true, true, true, true, true, true, false, false, false]);
  });

  test('pages go on from the last id, and a page of what stays hides nothing behind it', async () => {
    const starts = await past(ports(), [{ phase: 'parked' }, { phase: 'parked' }, {}, {}]);
    const look = async () => {
      let after: string | undefined;
      for (let pages = 0; pages < 4; pages++) {
        const done = await ports().history.remove({ ...page, limit: 2, ...(after && { after }) });
        after = done.last;
        if (after === undefined) return;
      }
    };
    await look();
    await ports().expireClaims();
    await look();
    expect(await left(ports(), starts)).toEqual([true, true, false, false]);
  });
}

function forgetting(ports: () => PortsUnderTest): void {
  test('late replies of what was removed go with it, and those of others stay', async () => {
    const [ended, moving] = await past(ports(), [{}, { phase: 'moving', at: begunAt + 60_000 }]);
    const epoch = await take(ports(), 1);
    const late = { shard: 1, branchId: 'a', operation: 'action', generation: 1, at: begunAt } as const;
    const said = { ...late, outcome: 'succeeded', meaning: 'covered' } as const;
    const ids = [ended, moving].flatMap((start) => (start === undefined ? [] : [start.transactionId]));
    const replies = ids.map((transactionId) => ({ ...said, transactionId }));
    const bounds = { ofTransactionMax: 10, ofNobodyMax: 10 };
    await ports().journal.keepLate({ epochs: new Map([[1, epoch]]), replies, ...bounds });
    await removeTwice(ports());
    const left = await Promise.all(ids.map((id) => ports().journal.lateReplies(id)));
    expect(left.map((rows) => rows.length)).toEqual([0, 1]);
  });
}

function remembering(ports: () => PortsUnderTest): void {
  test('S45: a start of what was removed begins nothing, from the first look on until it is forgotten', async () => {
    const [start] = await past(ports(), [{}]);
    const { transactionId = '' } = start ?? {};
    const again = async () => {
      const epoch = await take(ports(), 1);
      return (await commit(ports(), [[1, epoch]], { starts: [record(1, { transactionId })] })).known;
    };
    await removeTwice(ports());
    expect(await again()).toEqual([transactionId]);
    expect(await ports().journal.load([transactionId])).toEqual([]);
    expect(await ports().history.removed([transactionId, uuidv7(begunAt)])).toEqual([
      { transactionId, status: 'final' },
    ]);
    expect(await ports().history.forget(firstUuidAt(begunAt), 10)).toBe(0);
    expect(await ports().history.forget(floor, 10)).toBe(1);
    expect(await ports().history.removed([transactionId])).toEqual([]);
    expect(await again()).toEqual([]);
  });

  test('what is still stored was not removed, tombstone or not', async () => {
    const [start] = await past(ports(), [{}]);
    await ports().history.remove(page);
    expect(await ports().history.removed([start?.transactionId ?? ''])).toEqual([]);
  });
}

function horizons(ports: () => PortsUnderTest): void {
  test('R5: everybody may forget up to what an earlier call raised, and never past the oldest that is stored', async () => {
    expect(await ports().history.raiseHorizon(firstUuidAt(begunAt))).toBe(firstUuidAt(0));
    expect(await ports().history.raiseHorizon(floor)).toBe(firstUuidAt(begunAt));
    const [start] = await past(ports(), [{ at: begunAt + 40 * day }]);
    const later = firstUuidAt(begunAt + 50 * day);
    expect(await ports().history.raiseHorizon(later)).toBe(floor);
    const answered = await ports().history.raiseHorizon(later);
    expect(answered).toBe(`${start?.transactionId.slice(0, 13)}-7000-8000-000000000000`);
  });

  test('R5: below the horizon nothing begins', async () => {
    await ports().history.raiseHorizon(floor);
    const [late, young] = [record(1, { transactionId: uuidv7(begunAt) }), record(1)];
    const epoch = await take(ports(), 1);
    const { known } = await commit(ports(), [[1, epoch]], { starts: [late, young] });
    expect(known).toEqual([late.transactionId]);
    expect(await left(ports(), [late, young])).toEqual([false, true]);
  });
}

function barriers(ports: () => PortsUnderTest): void {
  test('R5: the rows below an id go, in batches; those above stay, and so do the seats of calls under way', async () => {
    const { database, barrier, barrierHistory } = ports();
    const of = (at: number, outcome: 'succeeded' | 'claimed' = 'succeeded') => {
      const { reply, ...row } = barrierRow({ transactionId: uuidv7(at) });
      return outcome === 'claimed' || reply === undefined ? { ...row, outcome } : { ...row, outcome, reply };
    };
    const rows = [of(begunAt), of(begunAt + 1), of(begunAt + 2, 'claimed'), of(begunAt + 40 * day)];
    await database.transaction((tx) => barrier.insert(tx, rows));
    expect(await barrierHistory.removeBelow(floor, 1)).toBe(1);
    expect(await barrierHistory.removeBelow(floor, 10)).toBe(1);
    expect(await barrierHistory.removeBelow(floor, 10)).toBe(0);
    const found = await database.transaction((tx) => barrier.find(tx, rows));
    expect(found.map(({ transactionId }) => transactionId).toSorted()).toEqual(
      rows.slice(2).map(({ transactionId }) => transactionId),
    );
  });
}
