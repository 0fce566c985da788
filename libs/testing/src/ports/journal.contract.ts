/**
 * The contract of `Journal`'s writing half: taking shards, and batches that are fenced by epochs.
 * Two owners are played by two epochs; nothing here may depend on who wins a race, only on what both then see.
 */
import { describe, expect, test } from '@jest/globals';
import type { TransactionRecord } from '@sagamore/runtime';
import { commit, entry, record, shardCount, take } from './journal-fixtures.js';
import { describeReading } from './journal-reading.contract.js';
import { describeLocks } from './lock.contract.js';
import { fact, faultOf, freshPorts, nextId, type OpenPorts, type PortsUnderTest } from './open.js';
import { describeStarts } from './start.contract.js';
import { describeLateReplies } from './late-reply.contract.js';
import { describeWishes } from './wish.contract.js';

/** Registers the suite under `name`; `open` is called once for each test. */
export function describeJournalContract(name: string, open: OpenPorts): void {
  describe(`${name} keeps the contract of Journal`, () => {
    const ports = freshPorts(open);
    taking(ports);
    writing(ports);
    repeating(ports);
    fencing(ports);
    telling(ports);
    describeReading(ports);
    describeWishes(ports);
    describeLateReplies(ports);
    describeLocks(ports);
    describeStarts(ports);
  });
}

const eventsOf = async ({ journal }: PortsUnderTest, { transactionId }: TransactionRecord) =>
  (await journal.load([transactionId]))[0]?.events;

function taking(ports: () => PortsUnderTest): void {
  test('R10: each take of a shard raises its epoch by one, and that of no other shard', async () => {
    const first = await take(ports(), 1);
    const other = await take(ports(), 2);
    expect(await take(ports(), 1, 'process-2')).toBe(first + 1);
    expect(await take(ports(), 1, 'process-2')).toBe(first + 2);
    expect(await take(ports(), 2, 'process-2')).toBe(other + 1);
  });

  test('R10: shards that are taken at the same time get an epoch each', async () => {
    const epochs = await Promise.all(Array.from({ length: 6 }, () => take(ports(), 4)));
    expect(new Set(epochs).size).toBe(6);
  });

  test('R14: another shard count is refused with SHARD_COUNT_CHANGED, and raises nothing', async () => {
    const epoch = await take(ports(), 1);
    expect(await faultOf(ports().journal.take(1, 'process-2', shardCount + 1))).toBe('SHARD_COUNT_CHANGED');
    expect(await faultOf(ports().journal.take(7, 'process-2', shardCount + 1))).toBe('SHARD_COUNT_CHANGED');
    expect(await take(ports(), 1)).toBe(epoch + 1);
  });
}

function writing(ports: () => PortsUnderTest): void {
  test('a batch is there AFTER its receipt: rows, events in order, and statuses', async () => {
    const epoch = await take(ports(), 1);
    const begun = record(1);
    const ended = record(1, { definition: 'return-order' });
    const reason = { kind: 'refused', branchId: 'branch-1', refusal: { code: 'no-stock' } } as const;
    const receipt = await commit(ports(), [[1, epoch]], {
      starts: [begun, ended],
      entries: [entry(begun, 1), entry(ended, 1), entry(begun, 2)],
      statuses: [
        {
          transactionId: ended.transactionId,
          shard: 1,
          status: 'compensated',
          phase: 'final',
          reason,
          at: 6_000,
        },
      ],
    });
    expect(receipt).toEqual({ stale: [], known: [], facts: [] });
    const [first, second] = await ports().journal.load([begun.transactionId, ended.transactionId]).then(byId);
    expect(first).toMatchObject({ ...begun, status: 'begun', phase: 'moving', updatedAt: 5_000 });
    expect(first?.events).toEqual([entry(begun, 1).event, entry(begun, 2).event]);
    expect(second).toMatchObject({
      ...ended,
      status: 'compensated',
      phase: 'final',
      reason,
      updatedAt: 6_000,
    });
  });

  test('later batches add to what is there, and a later status replaces the earlier with its reason', async () => {
    const epoch = await take(ports(), 1);
    const begun = record(1);
    const { transactionId } = begun;
    const parked = { transactionId, shard: 1, status: 'parked', phase: 'parked', at: 6_000 } as const;
    const reason = { kind: 'bug' } as const;
    const statuses = [{ ...parked, reason }];
    await commit(ports(), [[1, epoch]], { starts: [begun], entries: [entry(begun, 1)], statuses });
    await commit(ports(), [[1, epoch]], {
      entries: [entry(begun, 2)],
      statuses: [{ ...parked, status: 'executing', phase: 'moving', at: 7_000 }],
    });
    const [stored] = await ports().journal.load([transactionId]);
    expect(stored).toMatchObject({ status: 'executing', phase: 'moving', updatedAt: 7_000 });
    expect(stored?.reason).toBeUndefined();
    expect(stored?.events).toHaveLength(2);
  });

  test('a child keeps whose step it is; what a completed transaction returns stands in its row, null included', async () => {
    const epoch = await take(ports(), 1);
    const parent = {
      transactionId: nextId(),
      branchId: 'pack',
      operation: 'action',
      generation: 1,
      shard: 3,
    } as const;
    const [child, other] = [record(1, { parent }), record(1)];
    const { transactionId } = child;
    const held = { transactionId, shard: 1, status: 'completed', phase: 'held', at: 6_000 } as const;
    const nothing = { ...held, transactionId: other.transactionId, phase: 'final', output: null } as const;
    await commit(ports(), [[1, epoch]], { starts: [child, other], statuses: [nothing] });
    await commit(ports(), [[1, epoch]], { statuses: [{ ...held, output: { label: [7, null] } }] });
    const [first, second] = await ports().journal.load([transactionId, other.transactionId]).then(byId);
    expect(first).toMatchObject({ ...child, phase: 'held', output: { label: [7, null] } });
    expect(second?.output).toBeNull();
    expect(second).not.toHaveProperty('parent');
    const undoing = { ...held, status: 'compensating', phase: 'moving', at: 7_000 } as const;
    await commit(ports(), [[1, epoch]], { statuses: [undoing] });
    expect((await ports().journal.live(1, { limit: 1 }))[0]).toMatchObject({ transactionId, parent });
    expect((await ports().journal.load([transactionId]))[0]).not.toHaveProperty('output');
  });

  test('I31: a final status never changes again', async () => {
    const epoch = await take(ports(), 1);
    const begun = record(1);
    const final = {
      transactionId: begun.transactionId,
      shard: 1,
      status: 'completed',
      phase: 'final',
      at: 6_000,
    } as const;
    await commit(ports(), [[1, epoch]], { starts: [begun] });
    await commit(ports(), [[1, epoch]], { statuses: [final] });
    await commit(ports(), [[1, epoch]], {
      statuses: [{ ...final, status: 'parked', phase: 'parked', at: 7_000 }],
    });
    expect(await ports().journal.load([begun.transactionId])).toMatchObject([
      { status: 'completed', updatedAt: 6_000 },
    ]);
  });

  test('an empty batch is written as nothing', async () => {
    const epoch = await take(ports(), 1);
    expect(await commit(ports(), [[1, epoch]], {})).toEqual({ stale: [], known: [], facts: [] });
  });
}

const byId = <Row extends { readonly transactionId: string }>(rows: readonly Row[]): readonly Row[] =>
  rows.toSorted((left, right) => (left.transactionId < right.transactionId ? -1 : 1));

function repeating(ports: () => PortsUnderTest): void {
  test('R16: a repeated start is known, nothing of it is written again, and the rest of the batch is', async () => {
    const epoch = await take(ports(), 1);
    const old = record(1);
    const fresh = record(1);
    const { transactionId } = old;
    const parked = { transactionId, shard: 1, status: 'parked', phase: 'parked', at: 6_000 } as const;
    await commit(ports(), [[1, epoch]], { starts: [old], entries: [entry(old, 1)], statuses: [parked] });
    const receipt = await commit(ports(), [[1, epoch]], {
      starts: [{ ...old, input: 'another', startedAt: 9_000 }, fresh],
      entries: [entry(old, 1), entry(fresh, 1)],
      statuses: [{ ...parked, status: 'completed', phase: 'final', at: 9_000 }],
      facts: [old, fresh].map((start) => ({
        shard: 1,
        message: fact(start.transactionId, start.transactionId),
      })),
    });
    expect(receipt).toMatchObject({ stale: [], known: [transactionId] });
    expect(receipt.facts.map((row) => row.message.key)).toEqual([fresh.transactionId]);
    const [stored] = await ports().journal.load([transactionId]);
    expect(stored).toMatchObject({ ...old, status: 'parked', phase: 'parked', updatedAt: 6_000 });
    expect(stored?.events).toEqual([entry(old, 1).event]);
    expect(await eventsOf(ports(), fresh)).toEqual([entry(fresh, 1).event]);
  });

  test('a repeated (transaction, seq) throws DATA_REJECTED, and nothing of its shard is written', async () => {
    const epoch = await take(ports(), 1);
    const begun = record(1);
    const fresh = record(1);
    await commit(ports(), [[1, epoch]], { starts: [begun], entries: [entry(begun, 1)] });
    const repeated = commit(ports(), [[1, epoch]], {
      starts: [fresh],
      entries: [entry(begun, 2), entry(begun, 1)],
      facts: [{ shard: 1, message: fact('k1', 'a') }],
    });
    expect(await faultOf(repeated)).toBe('DATA_REJECTED');
    expect(await eventsOf(ports(), begun)).toEqual([entry(begun, 1).event]);
    expect(await eventsOf(ports(), fresh)).toBeUndefined();
    await ports().expireClaims();
    expect(await ports().outbox.claim({ owner: 'process-2', claimMs: 60_000, limit: 10 })).toEqual([]);
  });
}

function fencing(ports: () => PortsUnderTest): void {
  test('R10: a stale shard inside a merged batch drops its part alone, its facts included', async () => {
    const stale = await take(ports(), 1);
    const current = await take(ports(), 2);
    const before = record(1);
    await commit(ports(), [[1, stale]], { starts: [before], entries: [entry(before, 1)] });
    await take(ports(), 1, 'process-2');
    const [lost, kept] = [record(1), record(2)];
    const receipt = await commit(
      ports(),
      [
        [1, stale],
        [2, current],
      ],
      {
        starts: [lost, kept],
        entries: [entry(before, 2), entry(lost, 1), entry(kept, 1)],
        statuses: [
          { transactionId: before.transactionId, shard: 1, status: 'parked', phase: 'parked', at: 6_000 },
        ],
        facts: [
          { shard: 1, message: fact('k1', 'lost') },
          { shard: 2, message: fact('k2', 'kept') },
        ],
      },
    );
    expect(receipt.stale).toEqual([1]);
    expect(receipt.known).toEqual([]);
    expect(receipt.facts.map((row) => row.message)).toEqual([fact('k2', 'kept')]);
    expect(await eventsOf(ports(), lost)).toBeUndefined();
    expect(await eventsOf(ports(), kept)).toEqual([entry(kept, 1).event]);
    const [untouched] = await ports().journal.load([before.transactionId]);
    expect(untouched).toMatchObject({ phase: 'moving', events: [entry(before, 1).event] });
  });

  test('I26: a shard that was never taken, or is held under a later epoch, accepts nothing', async () => {
    const epoch = await take(ports(), 1);
    const [early, never] = [record(1), record(2)];
    const receipt = await commit(
      ports(),
      [
        [1, epoch + 1],
        [2, 1],
      ],
      { starts: [early, never] },
    );
    expect(new Set(receipt.stale)).toEqual(new Set([1, 2]));
    expect(await ports().journal.load([early.transactionId, never.transactionId])).toEqual([]);
  });

  test('R11: whoever has taken a shard sees all that its old owner achieves, whichever was first', async () => {
    const old = await take(ports(), 1);
    for (let round = 0; round < 5; round++) {
      const begun = record(1);
      const epoch = round === 0 ? old : await take(ports(), 1);
      const committing = commit(ports(), [[1, epoch]], { starts: [begun] });
      await take(ports(), 1, 'process-2');
      const seen = await ports().journal.load([begun.transactionId]);
      const receipt = await committing;
      expect(seen).toHaveLength(receipt.stale.length === 0 ? 1 : 0);
      expect(await ports().journal.load([begun.transactionId])).toEqual(seen);
    }
  });
}

function telling(ports: () => PortsUnderTest): void {
  test('S47: facts are written with the batch, claimed for the caller, and left to others once the claim expires', async () => {
    const epoch = await take(ports(), 1);
    const messages = [fact('k1', 'a'), fact('k2', 'b'), fact('k1', 'c')];
    const facts = messages.map((message) => ({ shard: 1, message }));
    const receipt = await commit(ports(), [[1, epoch]], { starts: [record(1)], facts });
    expect(receipt.facts.map((row) => row.message)).toEqual(messages);
    const claim = { owner: 'process-2', claimMs: 60_000, limit: 10 };
    expect(await ports().outbox.claim(claim)).toEqual([]);
    await ports().expireClaims();
    expect(await ports().outbox.claim(claim)).toEqual(receipt.facts);
    await ports().outbox.remove(receipt.facts.map((row) => row.id));
    expect(await ports().outbox.age()).toBe(0);
  });
}
