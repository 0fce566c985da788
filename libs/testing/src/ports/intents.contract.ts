/**
 * The contract of `Intents`: calls to the outside that were promised and are not settled.
 * It moves no clock: an expired claim is one whose instant lies behind the store's own now.
 */
import { describe, expect, test } from '@jest/globals';
import type { Intent, StoredBarrierRow } from '@sagamore/runtime';
import {
  barrierRow,
  faultOf,
  freshPorts,
  gate,
  intent,
  type OpenPorts,
  type PortsUnderTest,
} from './open.js';

const minuteMs = 60_000;

/** Registers the suite under `name`; `open` is called once for each test. */
export function describeIntentsContract(name: string, open: OpenPorts): void {
  describe(`${name} keeps the contract of Intents`, () => {
    const ports = freshPorts(open);
    promising(ports);
    locking(ports);
    racing(ports);
    claiming(ports);
  });
}

function insert({ database, intents }: PortsUnderTest, rows: readonly Intent[]): Promise<void> {
  return database.transaction((tx) => intents.insert(tx, rows));
}

function lock({ database, intents }: PortsUnderTest, rows: readonly Intent[]): Promise<readonly Intent[]> {
  return database.transaction((tx) => intents.lock(tx, rows));
}

const live = ({ database }: PortsUnderTest) => intent(database.now() + minuteMs);
const expired = ({ database }: PortsUnderTest) => intent(database.now() - minuteMs);

function promising(ports: () => PortsUnderTest): void {
  test('R7: an intent comes back with the whole command it promised', async () => {
    const row = live(ports());
    await insert(ports(), [row]);
    expect(await lock(ports(), [row])).toEqual([row]);
  });

  test('R7: an intent that exists fails the transaction with BARRIER_CONFLICT and takes all its writes back', async () => {
    const taken = live(ports());
    const fresh = live(ports());
    await insert(ports(), [taken]);
    expect(await faultOf(insert(ports(), [fresh, { ...taken, owner: 'process-2' }]))).toBe(
      'BARRIER_CONFLICT',
    );
    expect(await lock(ports(), [fresh, taken])).toEqual([taken]);
  });

  test('R7: the barrier reads an intent as claimed, and tells whether its claim still runs', async () => {
    const { database, barrier } = ports();
    const [running, lapsed] = [live(ports()), expired(ports())];
    await insert(ports(), [running, lapsed]);
    const found = await database.transaction((tx) => barrier.find(tx, [running, lapsed]));
    const claimIsLive = new Map(found.map((row) => [row.transactionId, row.claimIsLive]));
    expect(found.map((row) => row.outcome)).toEqual(['claimed', 'claimed']);
    expect(claimIsLive.get(running.transactionId)).toBe(true);
    expect(claimIsLive.get(lapsed.transactionId)).toBe(false);
  });

  test('an intent is removed with the transaction that records its outcome, and stays when that rolls back', async () => {
    const { database, intents } = ports();
    const row = live(ports());
    await insert(ports(), [row]);
    const failing = database.transaction(async (tx) => {
      await intents.remove(tx, [row]);
      throw new Error('changed its mind');
    });
    await expect(failing).rejects.toThrow('changed its mind');
    expect(await lock(ports(), [row])).toEqual([row]);
    await database.transaction((tx) => intents.remove(tx, [row]));
    expect(await lock(ports(), [row])).toEqual([]);
  });
}

function locking(ports: () => PortsUnderTest): void {
  test('R8: who locks an intent second waits until the first has settled it', async () => {
    const { database, intents } = ports();
    const row = live(ports());
    await insert(ports(), [row]);
    const order: string[] = [];
    const locked = gate();
    const first = database.transaction(async (tx) => {
      await intents.lock(tx, [row]);
      locked.open();
      await database.transaction(async () => undefined);
      order.push('settled');
      await intents.remove(tx, [row]);
    });
    await locked.passed;
    const second = await lock(ports(), [row]);
    order.push('locked again');
    await first;
    expect(order).toEqual(['settled', 'locked again']);
    expect(second).toEqual([]);
  });

  test('R8: a look asked for together with a lock sees what the lock has waited for', async () => {
    const { database, intents, barrier } = ports();
    const row = live(ports());
    await insert(ports(), [row]);
    const locked = gate();
    const settling = database.transaction(async (tx) => {
      await intents.lock(tx, [row]);
      locked.open();
      await database.transaction(async () => undefined);
      await intents.remove(tx, [row]);
      await barrier.insert(tx, [outcomeOf(row)]);
    });
    await locked.passed;
    const seen = await database.transaction((tx) =>
      Promise.all([intents.lock(tx, [row]), barrier.find(tx, [row])]),
    );
    await settling;
    expect(seen).toEqual([[], [outcomeOf(row)]]);
  });

  test('a lock answers the intents of the asked branches alone, and nothing for branches without one', async () => {
    const [asked, other, absent] = [live(ports()), live(ports()), live(ports())];
    await insert(ports(), [asked, other]);
    expect(await lock(ports(), [asked, absent])).toEqual([asked]);
    expect(await lock(ports(), [])).toEqual([]);
  });
}

function outcomeOf({ transactionId, branchId }: Intent): StoredBarrierRow {
  return barrierRow({ transactionId, branchId });
}

function racing(ports: () => PortsUnderTest): void {
  const undoOf = (row: Intent): readonly StoredBarrierRow[] => [
    { ...outcomeOf(row), operation: 'compensation', outcome: 'empty' },
    { ...outcomeOf(row), outcome: 'planted' },
  ];
  const plant = (row: Intent) =>
    ports().database.transaction((tx) => ports().barrier.insert(tx, undoOf(row)));

  test('R8: a call that begins and an undo that finds nothing to undo: exactly one of them wins', async () => {
    const row = live(ports());
    const outcomes = await Promise.all([faultOf(insert(ports(), [row])), faultOf(plant(row))]);
    expect(outcomes.toSorted()).toEqual(['BARRIER_CONFLICT', 'none']);
  });

  test('S3: no call is promised where an undo has planted its tombstone, and none planted where one is promised', async () => {
    const [late, early] = [live(ports()), live(ports())];
    await plant(late);
    expect(await faultOf(insert(ports(), [late]))).toBe('BARRIER_CONFLICT');
    expect(await lock(ports(), [late])).toEqual([]);
    await insert(ports(), [early]);
    expect(await faultOf(plant(early))).toBe('BARRIER_CONFLICT');
    expect(await lock(ports(), [early])).toEqual([early]);
  });

  test('R8: who removes an intent may write the outcome of its branch in the same transaction', async () => {
    const { database, intents, barrier } = ports();
    const row = live(ports());
    await insert(ports(), [row]);
    await database.transaction(async (tx) => {
      await intents.remove(tx, [row]);
      await barrier.insert(tx, undoOf(row));
    });
    const found = await database.transaction((tx) => barrier.find(tx, [row]));
    expect(found.map((each) => each.outcome).toSorted()).toEqual(['empty', 'planted']);
  });
}

function claiming(ports: () => PortsUnderTest): void {
  const claim = (owner: string, limit: number) => {
    const claimedUntil = ports().database.now() + minuteMs;
    return ports().intents.claimExpired({ owner, claimedUntil, limit });
  };

  test('R7: an expired claim is claimed again for its new owner, a running one is left alone', async () => {
    const [running, lapsed] = [live(ports()), expired(ports())];
    await insert(ports(), [running, lapsed]);
    const [claimed, ...others] = await claim('process-2', 10);
    expect(others).toEqual([]);
    expect(claimed).toMatchObject({ ...lapsed, owner: 'process-2', claimedUntil: expect.any(Number) });
    expect(claimed?.claimedUntil).toBeGreaterThan(ports().database.now());
    expect(await lock(ports(), [lapsed])).toEqual([claimed]);
    expect(await claim('process-3', 10)).toEqual([]);
  });

  test('no more than the limit is claimed at a time, and the rest stays for the next', async () => {
    await insert(
      ports(),
      Array.from({ length: 5 }, () => expired(ports())),
    );
    expect(await claim('process-2', 3)).toHaveLength(3);
    expect(await claim('process-2', 3)).toHaveLength(2);
  });

  test('R7: two sweeps at the same time never claim the same call', async () => {
    const rows = Array.from({ length: 20 }, () => expired(ports()));
    await insert(ports(), rows);
    const claimed = (await Promise.all([claim('process-2', 20), claim('process-3', 20)])).flat();
    const ids = claimed.map((row) => row.transactionId);
    expect(new Set(ids).size).toBe(ids.length);
    const rest = await claim('process-4', 20);
    expect(ids.length + rest.length).toBe(rows.length);
  });
}
