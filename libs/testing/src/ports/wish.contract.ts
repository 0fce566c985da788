/**
 * The contract of `Journal.wish` and `unheardWishes`: an operator's wish for a parked transaction acts once, and not never.
 * The owner that would carry it out is played by commits; nothing here may resume by itself.
 */
import { expect, test } from '@jest/globals';
import type { TransactionId } from '@sagamore/engine';
import { inboxTopic, type OperatorWish } from '@sagamore/runtime';
import { commit, record, take } from './journal-fixtures.js';
import { fact, nextId, type PortsUnderTest } from './open.js';

/** Registers the tests of `wish` in the surrounding `describe`. */
export function describeWishes(ports: () => PortsUnderTest): void {
  refusing(ports);
  taking(ports);
  unheard(ports);
}

async function wishFor(
  { journal }: PortsUnderTest,
  transactionId: TransactionId,
  actor = 'ada',
): Promise<OperatorWish> {
  const [stored] = await journal.load([transactionId]);
  const parkedAt = stored?.updatedAt ?? 0;
  const message = { ...fact(transactionId, `${transactionId}/resume/${actor}`), topic: inboxTopic };
  const reason = 'stock was counted';
  return { transactionId, action: 'resume', parkedAt, actor, reason, message, owner: 'process-1' };
}

const statusOf = { moving: 'executing', parked: 'parked', final: 'completed' } as const;

async function begin(ports: PortsUnderTest): Promise<TransactionId> {
  const start = record(1);
  const epoch = await take(ports, 1);
  await commit(ports, [[1, epoch]], { starts: [start] });
  return start.transactionId;
}

async function bring(
  ports: PortsUnderTest,
  transactionId: TransactionId,
  phase: keyof typeof statusOf,
): Promise<void> {
  const epoch = await take(ports, 1);
  const statuses = [{ transactionId, shard: 1, status: statusOf[phase], phase, at: ports.journal.now() }];
  await commit(ports, [[1, epoch]], { statuses });
}

async function unpublished(ports: PortsUnderTest): Promise<readonly unknown[]> {
  await ports.expireClaims();
  const rows = await ports.outbox.claim({ owner: 'process-2', claimMs: 60_000, limit: 10 });
  return rows.map((row) => row.message);
}

function refusing(ports: () => PortsUnderTest): void {
  test('S94: a wish for a transaction that is not parked, or not known, is refused and writes nothing', async () => {
    const transactionId = await begin(ports());
    expect(await ports().journal.wish(await wishFor(ports(), nextId()))).toBe(false);
    expect(await ports().journal.wish(await wishFor(ports(), transactionId))).toBe(false);
    await bring(ports(), transactionId, 'final');
    expect(await ports().journal.wish(await wishFor(ports(), transactionId))).toBe(false);
    expect(await unpublished(ports())).toEqual([]);
  });
}

function taking(ports: () => PortsUnderTest): void {
  test('R13: a wish for a parked transaction leaves its message for the owner, claimed for the caller', async () => {
    const transactionId = await begin(ports());
    await bring(ports(), transactionId, 'parked');
    const wish = await wishFor(ports(), transactionId);
    const rows = await ports().journal.wish(wish);
    expect(rows).toEqual([{ id: expect.any(String), message: wish.message }]);
    expect(await ports().outbox.claim({ owner: 'process-2', claimMs: 60_000, limit: 10 })).toEqual([]);
    expect(await unpublished(ports())).toEqual([wish.message]);
  });

  test('S94: a wish that two people have at the same moment is taken once', async () => {
    const transactionId = await begin(ports());
    await bring(ports(), transactionId, 'parked');
    const wanted = await Promise.all(
      ['ada', 'bea', 'cyd'].map((actor) => wishFor(ports(), transactionId, actor)),
    );
    const wishes = wanted.map((wish) => ports().journal.wish(wish));
    const taken = (await Promise.all(wishes)).filter((rows) => rows !== false);
    expect(taken).toHaveLength(1);
    expect(await ports().journal.wish(await wishFor(ports(), transactionId))).toBe(false);
    expect(await unpublished(ports())).toHaveLength(1);
  });

  test('S94: a transaction that went on and parked again may be wished for again', async () => {
    const transactionId = await begin(ports());
    await bring(ports(), transactionId, 'parked');
    expect(await ports().journal.wish(await wishFor(ports(), transactionId))).toHaveLength(1);
    await bring(ports(), transactionId, 'moving');
    expect(await ports().journal.wish(await wishFor(ports(), transactionId))).toBe(false);
    await bring(ports(), transactionId, 'parked');
    expect(await ports().journal.wish(await wishFor(ports(), transactionId, 'bea'))).toHaveLength(1);
  });
}

function unheard(ports: () => PortsUnderTest): void {
  const look = { olderThanMs: 0, limit: 10 };

  test('S94: a wish made for an earlier rest is refused', async () => {
    const transactionId = await begin(ports());
    await bring(ports(), transactionId, 'parked');
    const old = await wishFor(ports(), transactionId);
    await bring(ports(), transactionId, 'moving');
    await bring(ports(), transactionId, 'parked');
    const now = await wishFor(ports(), transactionId);
    const isSame = now.parkedAt === old.parkedAt;
    expect(await ports().journal.wish({ ...old, parkedAt: isSame ? old.parkedAt - 1 : old.parkedAt })).toBe(
      false,
    );
    expect(await ports().journal.wish(now)).toHaveLength(1);
  });

  test('S94: a wish is unheard until its transaction moves, whatever became of its message', async () => {
    const transactionId = await begin(ports());
    await bring(ports(), transactionId, 'parked');
    const wish = await wishFor(ports(), transactionId);
    const rows = await ports().journal.wish(wish);
    if (rows === false) throw new Error('the wish was not taken');
    await ports().outbox.remove(rows.map(({ id }) => id));
    const { parkedAt, actor, reason } = wish;
    expect(await ports().journal.unheardWishes([1], look)).toEqual([
      { transactionId, shard: 1, parkedAt, actor, reason },
    ]);
    await bring(ports(), transactionId, 'moving');
    expect(await ports().journal.unheardWishes([1], look)).toEqual([]);
  });

  test('a wish is not unheard while it is young, nor on another shard', async () => {
    const transactionId = await begin(ports());
    await bring(ports(), transactionId, 'parked');
    await ports().journal.wish(await wishFor(ports(), transactionId));
    expect(await ports().journal.unheardWishes([1], { ...look, olderThanMs: 60_000 })).toEqual([]);
    expect(await ports().journal.unheardWishes([2], look)).toEqual([]);
    expect(await ports().journal.unheardWishes([], look)).toEqual([]);
  });
}
