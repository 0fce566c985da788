/**
 * The contract of `Journal.wish`: an operator's wish for a parked transaction acts once.
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
}

function wishFor(transactionId: TransactionId, actor = 'ada'): OperatorWish {
  const message = { ...fact(transactionId, `${transactionId}/resume/${actor}`), topic: inboxTopic };
  return { transactionId, action: 'resume', actor, reason: 'stock was counted', message, owner: 'process-1' };
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
    expect(await ports().journal.wish(wishFor(nextId()))).toBe(false);
    expect(await ports().journal.wish(wishFor(transactionId))).toBe(false);
    await bring(ports(), transactionId, 'final');
    expect(await ports().journal.wish(wishFor(transactionId))).toBe(false);
    expect(await unpublished(ports())).toEqual([]);
  });
}

function taking(ports: () => PortsUnderTest): void {
  test('R13: a wish for a parked transaction leaves its message for the owner, claimed for the caller', async () => {
    const transactionId = await begin(ports());
    await bring(ports(), transactionId, 'parked');
    const wish = wishFor(transactionId);
    const rows = await ports().journal.wish(wish);
    expect(rows).toEqual([{ id: expect.any(String), message: wish.message }]);
    expect(await ports().outbox.claim({ owner: 'process-2', claimMs: 60_000, limit: 10 })).toEqual([]);
    expect(await unpublished(ports())).toEqual([wish.message]);
  });

  test('S94: a wish that two people have at the same moment is taken once', async () => {
    const transactionId = await begin(ports());
    await bring(ports(), transactionId, 'parked');
    const wishes = ['ada', 'bea', 'cyd'].map((actor) => ports().journal.wish(wishFor(transactionId, actor)));
    const taken = (await Promise.all(wishes)).filter((rows) => rows !== false);
    expect(taken).toHaveLength(1);
    expect(await ports().journal.wish(wishFor(transactionId))).toBe(false);
    expect(await unpublished(ports())).toHaveLength(1);
  });

  test('S94: a transaction that went on and parked again may be wished for again', async () => {
    const transactionId = await begin(ports());
    await bring(ports(), transactionId, 'parked');
    expect(await ports().journal.wish(wishFor(transactionId))).toHaveLength(1);
    await bring(ports(), transactionId, 'moving');
    expect(await ports().journal.wish(wishFor(transactionId))).toBe(false);
    await bring(ports(), transactionId, 'parked');
    expect(await ports().journal.wish(wishFor(transactionId, 'bea'))).toHaveLength(1);
  });
}
