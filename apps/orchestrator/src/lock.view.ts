/**
 * What a person is shown of the semantic locks: each key with who holds it, who waits, and since when. Pure; the
 * controller fetches.
 */
import { blockersOf } from '@sagamore/engine';
import type { StoredLock } from '@sagamore/runtime';
import { z } from 'zod';

const claimView = z.object({
  transactionId: z.string(),
  step: z.string(),
  policy: z.enum(['wait', 'fail', 'commutative', 'reread']),
  since: z.string(),
});

export const lockView = z.object({
  key: z.string(),
  holders: z.array(claimView),
  waiters: z.array(claimView.extend({ waitsFor: z.array(z.string()) })),
});

export const lockList = z.object({ items: z.array(lockView), nextCursor: z.string().nullable() });

export type LockView = z.infer<typeof lockView>;

/** Whole queues, in their order. Whoever rereads holds nothing, and stands among the holders with that policy. */
export function locksView(rows: readonly StoredLock[]): readonly LockView[] {
  const queues = [...Map.groupBy(rows, ({ key }) => key)];
  return queues.map(([key, queue]) => {
    const placed = queue.map((row) => ({ row, waitsFor: blockersOf(row, queue) }));
    const [holders, waiters] = [
      placed.filter(({ waitsFor }) => waitsFor.length === 0),
      placed.filter(({ waitsFor }) => waitsFor.length > 0),
    ];
    return {
      key,
      holders: holders.map(({ row }) => claimOf(row)),
      waiters: waiters.map(({ row, waitsFor }) => {
        return { ...claimOf(row), waitsFor: [...new Set(waitsFor.map((each) => each.transactionId))] };
      }),
    };
  });
}

function claimOf({ transactionId, branchId, policy, claimedAt }: StoredLock): z.infer<typeof claimView> {
  return { transactionId, step: branchId, policy, since: new Date(claimedAt).toISOString() };
}
