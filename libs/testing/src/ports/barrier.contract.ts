/**
 * The contract of `Barrier` and `Intents`: the rows that make duplicate, empty and late commands safe.
 * It tests what the rows promise; what they mean is `judge`'s affair, and nothing here may decide it.
 */
import { describe, expect, test } from '@jest/globals';
import type { StoredBarrierRow } from '@sagamore/runtime';
import {
  barrierRow,
  faultOf,
  freshPorts,
  gate,
  nextId,
  type OpenPorts,
  type PortsUnderTest,
} from './open.js';

/** Registers the suite under `name`; `open` is called once for each test. */
export function describeBarrierContract(name: string, open: OpenPorts): void {
  describe(`${name} keeps the contract of Barrier`, () => {
    const ports = freshPorts(open);
    finding(ports);
    inserting(ports);
    racing(ports);
    holding(ports);
  });
}

function insert({ database, barrier }: PortsUnderTest, rows: readonly StoredBarrierRow[]): Promise<void> {
  return database.transaction((tx) => barrier.insert(tx, rows));
}

function find({ database, barrier }: PortsUnderTest, rows: readonly StoredBarrierRow[]) {
  return database.transaction((tx) => barrier.find(tx, rows));
}

const words = (rows: readonly StoredBarrierRow[]) =>
  rows.map((row) => `${row.operation}/${row.generation}/${row.outcome}`).toSorted();

function finding(ports: () => PortsUnderTest): void {
  test('R3: a look at a branch sees the rows of all its halves and generations', async () => {
    const action = barrierRow({
      outcome: 'refused',
      reply: { outcome: 'refused', refusal: { code: 'no-stock' } },
    });
    const branch = { transactionId: action.transactionId, branchId: action.branchId };
    const again = barrierRow({ ...branch, generation: 1 });
    const undo = barrierRow({ ...branch, operation: 'compensation', generation: 1 });
    await insert(ports(), [action, again, undo]);
    expect(words(await find(ports(), [action]))).toEqual([
      'action/0/refused',
      'action/1/succeeded',
      'compensation/1/succeeded',
    ]);
  });

  test('a row comes back as it was written, its reply included', async () => {
    const row = barrierRow();
    await insert(ports(), [row]);
    expect(await find(ports(), [row])).toEqual([row]);
  });

  test('a planted row comes back without a reply', async () => {
    const { transactionId, branchId, operation, generation } = barrierRow();
    const planted: StoredBarrierRow = { transactionId, branchId, operation, generation, outcome: 'planted' };
    await insert(ports(), [planted]);
    const [found] = await find(ports(), [planted]);
    expect(found).toEqual(planted);
    expect(found?.reply).toBeUndefined();
  });

  test('a look at some branches sees neither other branches nor other transactions', async () => {
    const asked = barrierRow();
    const branch = barrierRow({ transactionId: asked.transactionId, branchId: 'charge-payment' });
    const stranger = barrierRow({ branchId: asked.branchId });
    await insert(ports(), [asked, branch, stranger]);
    expect(await find(ports(), [asked])).toEqual([asked]);
    expect(await find(ports(), [])).toEqual([]);
    expect(await find(ports(), [barrierRow()])).toEqual([]);
  });

  test('a look locks nothing: another transaction may insert the very row before the looker ends', async () => {
    const { database, barrier } = ports();
    const row = barrierRow();
    const found = await database.transaction(async (tx) => {
      const before = await barrier.find(tx, [row]);
      await insert(ports(), [row]);
      return before;
    });
    expect(found).toEqual([]);
    expect(await find(ports(), [row])).toEqual([row]);
  });
}

function inserting(ports: () => PortsUnderTest): void {
  test('R1: a row that exists fails the transaction with BARRIER_CONFLICT and takes all its writes back', async () => {
    const { database, barrier, outbox } = ports();
    const taken = barrierRow();
    const fresh = barrierRow();
    await insert(ports(), [taken]);
    const conflicting = database.transaction(async (tx) => {
      await outbox.append(tx, [{ ...lost, key: fresh.transactionId }], 'process-1');
      await barrier.insert(tx, [fresh, { ...taken, outcome: 'planted' }]);
    });
    expect(await faultOf(conflicting)).toBe('BARRIER_CONFLICT');
    expect(await find(ports(), [fresh, taken])).toEqual([taken]);
    await ports().expireClaims();
    expect(await outbox.claim({ owner: 'process-2', claimMs: 60_000, limit: 10 })).toEqual([]);
  });

  test('R4: another generation or the other half of a branch is another row', async () => {
    const row = barrierRow();
    await insert(ports(), [row]);
    await insert(ports(), [{ ...row, generation: 1 }]);
    await insert(ports(), [{ ...row, operation: 'compensation' }]);
    expect(await find(ports(), [row])).toHaveLength(3);
  });

  test('an insert of nothing is nothing', async () => {
    expect(await faultOf(insert(ports(), []))).toBe('none');
  });
}

const lost = {
  id: 'lost',
  type: 'order.placed',
  source: 'order',
  topic: 'order.events',
  occurredAt: 1,
  data: null,
};

function racing(ports: () => PortsUnderTest): void {
  test('S3: an undo that plants its tombstone and an action that comes late: exactly one of them wins', async () => {
    const transactionId = nextId();
    const action = barrierRow({ transactionId });
    const undo = [
      barrierRow({ transactionId, operation: 'compensation', outcome: 'empty' }),
      barrierRow({ transactionId, outcome: 'planted' }),
    ];
    const outcomes = await Promise.all([faultOf(insert(ports(), [action])), faultOf(insert(ports(), undo))]);
    expect(outcomes.toSorted()).toEqual(['BARRIER_CONFLICT', 'none']);
    expect(await find(ports(), [action])).toHaveLength(outcomes[0] === 'none' ? 1 : 2);
  });

  test('R1: who comes second waits for the first, and succeeds when the first rolls back', async () => {
    const { database, barrier } = ports();
    const row = barrierRow();
    const inserted = gate();
    const first = database.transaction(async (tx) => {
      await barrier.insert(tx, [row]);
      inserted.open();
      await Promise.resolve();
      throw new Error('changed its mind');
    });
    const ended = expect(first).rejects.toThrow('changed its mind');
    await inserted.passed;
    expect(await faultOf(insert(ports(), [row]))).toBe('none');
    await ended;
    expect(await find(ports(), [row])).toEqual([row]);
  });

  test('R1: batches that name the same rows in opposite order conflict, and never deadlock', async () => {
    for (let round = 0; round < 10; round++) {
      const rows = Array.from({ length: 20 }, () => barrierRow());
      const batches = [rows, rows.toReversed()].map((batch) => faultOf(insert(ports(), batch)));
      expect((await Promise.all(batches)).toSorted()).toEqual(['BARRIER_CONFLICT', 'none']);
    }
  });
}

function holding(ports: () => PortsUnderTest): void {
  test('S75: a branch is held by one transaction at a time, and who asks meanwhile waits for nothing', async () => {
    const { database, barrier } = ports();
    const [branch, other] = [barrierRow(), barrierRow()];
    const answers = await database.transaction(async (tx) => {
      const own = [await barrier.hold(tx, branch), await barrier.hold(tx, branch)];
      const others = await database.transaction(async (second) => [
        await barrier.hold(second, branch),
        await barrier.hold(second, other),
      ]);
      return [...own, ...others];
    });
    expect(answers).toEqual([true, true, false, true]);
  });

  test('S75: it is let go when its transaction ends, however that ends', async () => {
    const { database, barrier } = ports();
    const branch = barrierRow();
    const undone = database.transaction(async (tx) => {
      await barrier.hold(tx, branch);
      throw new Error('changed its mind');
    });
    await expect(undone).rejects.toThrow('changed its mind');
    const hold = () => database.transaction((tx) => barrier.hold(tx, branch));
    expect([await hold(), await hold()]).toEqual([true, true]);
  });
}
