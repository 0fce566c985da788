/**
 * The contract of what is wanted: a wish is saved once with its message, is told once, and never lost. The owner that
 * would carry it out is played by commits; nothing here may act by itself.
 */
import { expect, test } from '@jest/globals';
import type { TransactionId } from '@sagamore/engine';
import { inboxTopic, type Wanted, type Wish } from '@sagamore/runtime';
import { commit, entry, record, take } from './journal-fixtures.js';
import { startOf } from './start.contract.js';
import { fact, nextId, type PortsUnderTest } from './open.js';

/** Registers the tests of `wish` and its looks in the surrounding `describe`. */
export function describeWishes(ports: () => PortsUnderTest): void {
  refusing(ports);
  taking(ports);
  repeating(ports);
  unheard(ports);
  looking(ports);
  early(ports);
}

const resumed: Wanted = { type: 'operator-resumed' };
const signal = (id: string, payload: unknown = 'yes', name = 'answer'): Wanted => {
  return { type: 'signal-received', name, id, payload };
};
const look = { olderThanMs: 0, limit: 10 };

interface Wanting {
  readonly wanted?: Wanted;
  readonly actor?: string;
  readonly version?: number;
}

function wishFor(
  transactionId: TransactionId,
  { wanted = resumed, actor = 'ada', version = 0 }: Wanting = {},
): Wish {
  const slot =
    'id' in wanted
      ? `signal/${wanted.name}/${wanted.id}`
      : 'branchId' in wanted
        ? wanted.branchId
        : wanted.type;
  const message = { ...fact(transactionId, `${transactionId}/${slot}/${version}`), topic: inboxTopic };
  const asked = { transactionId, wanted, slot, version, actor, reason: 'stock was counted' };
  return { ...asked, message, owner: 'process-1' };
}

const statusOf = { moving: 'executing', parked: 'parked', final: 'completed' } as const;

async function begin(ports: PortsUnderTest, phase?: keyof typeof statusOf): Promise<TransactionId> {
  const start = record(1);
  const epoch = await take(ports, 1);
  await commit(ports, [[1, epoch]], { starts: [start] });
  if (phase !== undefined) await bring(ports, start.transactionId, phase);
  return start.transactionId;
}

async function bring(
  ports: PortsUnderTest,
  transactionId: TransactionId,
  phase: keyof typeof statusOf,
  kind: 'bug' | 'no-handler' = 'bug',
): Promise<void> {
  const epoch = await take(ports, 1);
  const at = ports.journal.now();
  const status = { transactionId, shard: 1, status: statusOf[phase], phase, at, reason: { kind } };
  await commit(ports, [[1, epoch]], { statuses: [status] });
}

async function taken({ journal }: PortsUnderTest, wish: Wish): Promise<string> {
  return (await journal.wish(wish)).outcome;
}

async function unpublished(ports: PortsUnderTest): Promise<readonly unknown[]> {
  await ports.expireClaims();
  const rows = await ports.outbox.claim({ owner: 'process-2', claimMs: 60_000, limit: 10 });
  return rows.map((row) => row.message);
}

async function hear(ports: PortsUnderTest, ...wishIds: readonly string[]): Promise<void> {
  const epoch = await take(ports, 1);
  await commit(ports, [[1, epoch]], { heard: wishIds.map((wishId) => ({ shard: 1, wishId })) });
}

function refusing(ports: () => PortsUnderTest): void {
  test('S94: a wish for a transaction that has ended, or is not known, is stale and writes nothing', async () => {
    expect(await taken(ports(), wishFor(nextId()))).toBe('stale');
    expect(await taken(ports(), wishFor(await begin(ports(), 'final')))).toBe('stale');
    expect(await unpublished(ports())).toEqual([]);
  });

  test('S94: a wish that was judged by another version is stale, until it is judged anew', async () => {
    const start = record(1);
    const epoch = await take(ports(), 1);
    await commit(ports(), [[1, epoch]], { starts: [start], entries: [entry(start, 1)] });
    expect(await taken(ports(), wishFor(start.transactionId, { version: 0 }))).toBe('stale');
    expect(await taken(ports(), wishFor(start.transactionId, { version: 2 }))).toBe('stale');
    expect(await taken(ports(), wishFor(start.transactionId, { version: 1 }))).toBe('taken');
  });
}

function taking(ports: () => PortsUnderTest): void {
  test.each(['moving', 'parked'] as const)(
    'R13: a wish for a transaction that is %s leaves its message for the owner, claimed for the caller',
    async (phase) => {
      const wish = wishFor(await begin(ports(), phase));
      const before = ports().journal.now();
      const receipt = await ports().journal.wish(wish);
      const rows = [{ id: expect.any(String), message: wish.message }];
      expect(receipt).toEqual({ outcome: 'taken', at: expect.any(Number), rows });
      expect(receipt.outcome === 'taken' && receipt.at).toBeGreaterThanOrEqual(before - 1_000);
      expect(await ports().outbox.claim({ owner: 'process-2', claimMs: 60_000, limit: 10 })).toEqual([]);
      expect(await unpublished(ports())).toEqual([wish.message]);
    },
  );

  test('S94: a wish that three people have at the same moment is taken once', async () => {
    const transactionId = await begin(ports(), 'parked');
    const wishes = ['ada', 'bea', 'cyd'].map((actor) => taken(ports(), wishFor(transactionId, { actor })));
    expect((await Promise.all(wishes)).toSorted()).toEqual(['repeated', 'repeated', 'taken']);
    expect(await unpublished(ports())).toHaveLength(1);
  });

  test('S94: of two results for one half only the first is taken', async () => {
    const transactionId = await begin(ports(), 'parked');
    const half = { branchId: 'charge', operation: 'action' } as const;
    const skipped = wishFor(transactionId, { wanted: { type: 'operator-skipped', ...half } });
    const set = wishFor(transactionId, { wanted: { type: 'operator-set-result', ...half, output: 1 } });
    expect(await taken(ports(), skipped)).toBe('taken');
    expect(await ports().journal.wish(set)).toEqual({ outcome: 'repeated', wanted: skipped.wanted });
  });
}

function repeating(ports: () => PortsUnderTest): void {
  test('S94: what was heard may be wished for again; a signal of the same id never is (S40)', async () => {
    const transactionId = await begin(ports(), 'parked');
    await taken(ports(), wishFor(transactionId));
    await taken(ports(), wishFor(transactionId, { wanted: signal('s-1') }));
    const wishes = await ports().journal.wishesFor([transactionId]);
    await hear(ports(), ...wishes.map(({ wishId }) => wishId));
    expect(await ports().journal.wishesFor([transactionId])).toEqual([]);
    expect(await taken(ports(), wishFor(transactionId))).toBe('taken');
    expect(await taken(ports(), wishFor(transactionId, { wanted: signal('s-1', 'no') }))).toBe('repeated');
    expect(await taken(ports(), wishFor(transactionId, { wanted: signal('s-2') }))).toBe('taken');
  });

  test('S41: while nobody has heard one answer to a question there is no second; another question may be answered', async () => {
    const transactionId = await begin(ports());
    const first = wishFor(transactionId, { wanted: signal('s-1') });
    expect(await taken(ports(), first)).toBe('taken');
    const second = await ports().journal.wish(wishFor(transactionId, { wanted: signal('s-2', 'no') }));
    expect(second).toEqual({ outcome: 'repeated', wanted: first.wanted });
    expect(await taken(ports(), wishFor(transactionId, { wanted: signal('s-2', 'no', 'other') }))).toBe(
      'taken',
    );
  });

  test('S40: what was said under an id is known also when the transaction has ended', async () => {
    const transactionId = await begin(ports());
    await taken(ports(), wishFor(transactionId, { wanted: signal('s-1') }));
    await bring(ports(), transactionId, 'final');
    expect(await ports().journal.wished(transactionId, 'signal/answer/s-1')).toEqual(signal('s-1'));
    expect(await ports().journal.wished(transactionId, 'signal/answer/s-2')).toBeUndefined();
    expect(await taken(ports(), wishFor(transactionId, { wanted: signal('s-1') }))).toBe('repeated');
  });
}

function unheard(ports: () => PortsUnderTest): void {
  test('S94: a wish is unheard until a batch has told it, whatever became of its message', async () => {
    const transactionId = await begin(ports(), 'parked');
    const wish = wishFor(transactionId);
    const receipt = await ports().journal.wish(wish);
    if (receipt.outcome !== 'taken') throw new Error('the wish was not taken');
    await ports().outbox.remove(receipt.rows.map(({ id }) => id));
    const [stored] = await ports().journal.load([transactionId]);
    const { wanted, actor, reason } = wish;
    const found = await ports().journal.unheardWishes([1], look);
    const asTaken = { transactionId, shard: 1, wanted, actor, reason, at: receipt.at };
    expect(found).toEqual([{ ...asTaken, wishId: expect.any(String), parkedAt: stored?.updatedAt }]);
    await hear(ports(), ...found.map(({ wishId }) => wishId));
    expect(await ports().journal.unheardWishes([1], look)).toEqual([]);
  });

  test('R10: a stale owner cannot take a wish for heard', async () => {
    const transactionId = await begin(ports(), 'parked');
    const stale = await take(ports(), 1);
    await take(ports(), 1, 'process-2');
    await taken(ports(), wishFor(transactionId));
    const [found] = await ports().journal.wishesFor([transactionId]);
    await commit(ports(), [[1, stale]], { heard: [{ shard: 1, wishId: found?.wishId ?? '' }] });
    expect(await ports().journal.wishesFor([transactionId])).toHaveLength(1);
  });

  test('a wish is not looked for while it is young, nor on another shard, nor once its transaction has ended', async () => {
    const transactionId = await begin(ports(), 'parked');
    await taken(ports(), wishFor(transactionId));
    expect(await ports().journal.unheardWishes([1], { ...look, olderThanMs: 60_000 })).toEqual([]);
    expect(await ports().journal.unheardWishes([2], look)).toEqual([]);
    expect(await ports().journal.unheardWishes([], look)).toEqual([]);
    await bring(ports(), transactionId, 'final');
    expect(await ports().journal.unheardWishes([1], look)).toEqual([]);
  });

  test('S92: for want of the definition only a resumption is looked for; all else waits for it', async () => {
    const transactionId = await begin(ports());
    await taken(ports(), wishFor(transactionId, { wanted: signal('s-1') }));
    await bring(ports(), transactionId, 'parked', 'no-handler');
    await taken(ports(), wishFor(transactionId));
    expect(await ports().journal.unheardWishes([1], look)).toMatchObject([{ wanted: resumed }]);
    await bring(ports(), transactionId, 'moving');
    expect(await ports().journal.unheardWishes([1], look)).toHaveLength(2);
  });
}

function looking(ports: () => PortsUnderTest): void {
  test('wishes for a transaction come in the order of saving, and no others with them', async () => {
    const [first, second] = [await begin(ports()), await begin(ports(), 'parked')];
    await taken(ports(), wishFor(first, { wanted: signal('s-1') }));
    await taken(ports(), wishFor(second));
    await taken(ports(), wishFor(first, { wanted: { type: 'cancel-requested' } }));
    const found = await ports().journal.wishesFor([first]);
    expect(found.map(({ wanted }) => wanted.type)).toEqual(['signal-received', 'cancel-requested']);
    expect(found[0]).not.toHaveProperty('parkedAt');
    expect(await ports().journal.wishesFor([])).toEqual([]);
  });

  test('S34: the look that precedes the end of a wait misses nobody who has spoken before it', async () => {
    const transactionId = await begin(ports());
    for (let round = 0; round < 20; round++) {
      const spoken = ports().journal.wish(
        wishFor(transactionId, { wanted: signal('s-1', 'yes', `answer-${round}`) }),
      );
      const lookedAt = ports().journal.now();
      const found = await ports().journal.wishesFor([transactionId]);
      const receipt = await spoken;
      const isFound = found.some(({ wanted }) => 'name' in wanted && wanted.name === `answer-${round}`);
      expect(receipt.outcome).toBe('taken');
      if (receipt.outcome === 'taken' && !isFound) expect(receipt.at).toBeGreaterThanOrEqual(lookedAt);
    }
  });
}

function early(ports: () => PortsUnderTest): void {
  test('S36, S39: a wish for a start that was accepted is taken once, and found when its transaction has begun', async () => {
    const { transactionId } = await ports().journal.accept(startOf());
    const wish = wishFor(transactionId, { wanted: signal('s-1') });
    expect(await taken(ports(), wishFor(transactionId, { version: 1 }))).toBe('stale');
    expect(await taken(ports(), wish)).toBe('taken');
    expect(await taken(ports(), wish)).toBe('repeated');
    expect(await ports().journal.unheardWishes([1], look)).toEqual([]);
    const epoch = await take(ports(), 1);
    await commit(ports(), [[1, epoch]], { starts: [record(1, { transactionId })] });
    expect(await ports().journal.unheardWishes([1], look)).toMatchObject([
      { transactionId, wanted: wish.wanted },
    ]);
    const [found] = await ports().journal.wishesFor([transactionId]);
    await hear(ports(), found?.wishId ?? '');
    expect(await ports().journal.wishesFor([transactionId])).toEqual([]);
  });

  test('S36: what is said with a start is heard in the commit that begins it', async () => {
    const { transactionId } = await ports().journal.accept(startOf());
    await taken(ports(), wishFor(transactionId, { wanted: signal('s-1') }));
    const [found] = await ports().journal.wishesFor([transactionId]);
    const epoch = await take(ports(), 1);
    const heard = [{ shard: 1, wishId: found?.wishId ?? '' }];
    await commit(ports(), [[1, epoch]], { starts: [record(1, { transactionId })], heard });
    expect(await ports().journal.unheardWishes([1], look)).toEqual([]);
  });
}
