/**
 * Goal: of those who wait in a circle somebody gives way, always the same one whoever looks, and nobody else does.
 * Method: queues of a few keys as data; fast-check draws them, and a second, simpler walk over the graph says whether a
 * circle is left.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deadlocksIn } from './deadlock.js';
import { blockersOf, type LockPolicy, type LockRow } from './lock.js';

interface Claim {
  readonly who: string;
  readonly key: string;
  readonly policy?: LockPolicy;
  readonly canYield?: boolean;
}

const ages: Record<string, number> = { a: 10, b: 20, c: 30, d: 30 };

function rowsOf(claims: readonly Claim[]): readonly LockRow[] {
  return claims.map(({ who: transactionId, key, policy = 'wait', canYield = true }, index) => {
    return {
      transactionId,
      key,
      policy,
      canYield,
      place: index + 1,
      branchId: `lock-${index}`,
      startedAt: ages[transactionId] ?? 0,
    };
  });
}

const circle = [
  { who: 'a', key: 'x' },
  { who: 'b', key: 'y' },
  { who: 'a', key: 'y' },
  { who: 'b', key: 'x' },
] as const;

describe('a circle of waiting', () => {
  test('S102: is broken by the youngest, which is told the whole circle', () => {
    const { victims, hopeless } = deadlocksIn(rowsOf(circle));
    expect(hopeless).toEqual([]);
    expect(victims).toHaveLength(1);
    expect(victims[0]?.row).toMatchObject({ transactionId: 'b', key: 'x' });
    expect(victims[0]?.cycle.toSorted((l, r) => (l.key < r.key ? -1 : 1))).toEqual([
      { transactionId: 'b', key: 'x', holder: 'a' },
      { transactionId: 'a', key: 'y', holder: 'b' },
    ]);
  });

  test('S102: is not broken by one that can no longer be undone', () => {
    const claims = circle.map((claim) => ({ ...claim, canYield: claim.who !== 'b' }));
    expect(deadlocksIn(rowsOf(claims)).victims.map(({ row }) => row.transactionId)).toEqual(['a']);
  });

  test('S102: of two of one age the greater id gives way', () => {
    const claims = circle.map((claim) => ({ ...claim, who: claim.who === 'a' ? 'd' : 'c' }));
    expect(deadlocksIn(rowsOf(claims)).victims.map(({ row }) => row.transactionId)).toEqual(['d']);
  });

  test('S102: on which nobody can be undone is for a person', () => {
    const { victims, hopeless } = deadlocksIn(rowsOf(circle.map((claim) => ({ ...claim, canYield: false }))));
    expect(victims).toEqual([]);
    expect(hopeless).toHaveLength(1);
  });

  test('a queue alone is no circle', () => {
    const line = [
      { who: 'a', key: 'x' },
      { who: 'b', key: 'x' },
      { who: 'c', key: 'x' },
    ];
    expect(deadlocksIn(rowsOf(line))).toEqual({ victims: [], hopeless: [] });
  });
});

const claims = fc.array(
  fc.record({
    who: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    key: fc.constantFrom('x', 'y', 'z'),
    policy: fc.constantFrom<LockPolicy[]>('wait', 'wait', 'commutative', 'reread'),
    canYield: fc.boolean(),
  }),
  { maxLength: 16 },
);

/** Whether somebody waits, through others, for themselves: by taking away, again and again, all who wait for nobody. */
function hasCircle(rows: readonly LockRow[]): boolean {
  let waiting = new Map<string, Set<string>>();
  for (const row of rows)
    for (const { transactionId } of blockersOf(row, rows))
      waiting.set(row.transactionId, (waiting.get(row.transactionId) ?? new Set()).add(transactionId));
  for (;;) {
    const left = new Map(
      [...waiting].filter(([, holders]) => [...holders].some((holder) => waiting.has(holder))),
    );
    if (left.size === waiting.size) return left.size > 0;
    waiting = left;
  }
}

describe('whatever is claimed', () => {
  const forEvery = (check: (rows: readonly LockRow[]) => void) =>
    fc.assert(
      fc.property(claims, (drawn) => check(rowsOf(drawn))),
      { numRuns: 2_000 },
    );

  test('S102: without the victims, and whoever is stuck for good, nobody waits in a circle', () => {
    forEvery((rows) => {
      const { victims, hopeless } = deadlocksIn(rows);
      const out = new Set(victims.map(({ row }) => row.transactionId));
      for (const cycle of hopeless) for (const { transactionId } of cycle) out.add(transactionId);
      expect(hasCircle(rows.filter(({ transactionId }) => !out.has(transactionId)))).toBe(false);
    });
  });

  test('S102: nobody gives way who is on no circle, or cannot be undone', () => {
    forEvery((rows) => {
      const { victims, hopeless } = deadlocksIn(rows);
      if (!hasCircle(rows)) expect([victims, hopeless]).toEqual([[], []]);
      for (const { row, cycle } of victims) {
        expect(row.canYield).toBe(true);
        expect(cycle.map(({ transactionId }) => transactionId)).toContain(row.transactionId);
        cycle.forEach(({ holder }, index) =>
          expect(holder).toBe(cycle[(index + 1) % cycle.length]?.transactionId),
        );
      }
    });
  });

  test('S102: two who look at the same rows, in whatever order, choose the same victims', () => {
    forEvery((rows) => {
      const chosen = (seen: readonly LockRow[]) =>
        deadlocksIn(seen)
          .victims.map(({ row }) => row.place)
          .toSorted();
      expect(chosen(rows.toReversed())).toEqual(chosen(rows));
    });
  });
});
