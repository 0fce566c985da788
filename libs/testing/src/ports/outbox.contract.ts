/**
 * The contract of `Outbox`: facts saved with the state that implies them, claimed in order for each key.
 * The relay that publishes is not here; a claim that lapses is brought about by `expireClaims`.
 */
import { describe, expect, test } from '@jest/globals';
import type { Message, OutboxRow } from '@sagamore/runtime';
import { fact, freshPorts, type OpenPorts, type PortsUnderTest } from './open.js';

/** Registers the suite under `name`; `open` is called once for each test. */
export function describeOutboxContract(name: string, open: OpenPorts): void {
  describe(`${name} keeps the contract of Outbox`, () => {
    const ports = freshPorts(open);
    saving(ports);
    claiming(ports);
    inheriting(ports);
    twoRelays(ports);
    ageing(ports);
  });
}

function append(
  { database, outbox }: PortsUnderTest,
  messages: readonly Message[],
): Promise<readonly OutboxRow[]> {
  return database.transaction((tx) => outbox.append(tx, messages, 'process-1'));
}

function claim({ outbox }: PortsUnderTest, owner: string, limit: number): Promise<readonly OutboxRow[]> {
  return outbox.claim({ owner, claimMs: 60_000, limit });
}

const idsOf = (rows: readonly OutboxRow[]) => rows.map((row) => row.message.id);

function saving(ports: () => PortsUnderTest): void {
  test('messages are answered in the order given, whole, each under an id of its own', async () => {
    const messages = [fact('k1', 'a'), fact('k2', 'b'), fact('k1', 'c')];
    const rows = await append(ports(), messages);
    expect(rows.map((row) => row.message)).toEqual(messages);
    expect(new Set(rows.map((row) => row.id)).size).toBe(3);
  });

  test('S44: a transaction that rolls back leaves no message', async () => {
    const { database, outbox } = ports();
    const failing = database.transaction(async (tx) => {
      await outbox.append(tx, [fact('k1', 'a')], 'process-1');
      throw new Error('changed its mind');
    });
    await expect(failing).rejects.toThrow('changed its mind');
    await ports().expireClaims();
    expect(await claim(ports(), 'process-2', 10)).toEqual([]);
  });

  test('S47: what was saved and never published is claimed by another relay once its claim has expired', async () => {
    const saved = await append(ports(), [fact('k1', 'a'), fact('k2', 'b')]);
    expect(await claim(ports(), 'process-2', 10)).toEqual([]);
    await ports().expireClaims();
    expect(await claim(ports(), 'process-2', 10)).toEqual(saved);
  });

  test('rows that were removed never come again, and removing them twice is harmless', async () => {
    const rows = await append(ports(), [fact('k1', 'a'), fact('k1', 'b')]);
    await ports().outbox.remove([rows[0]!.id]);
    await ports().outbox.remove([rows[0]!.id]);
    await ports().outbox.remove([]);
    await ports().expireClaims();
    expect(idsOf(await claim(ports(), 'process-2', 10))).toEqual(['b']);
  });
}

function claiming(ports: () => PortsUnderTest): void {
  test('R17: a limit cuts the claim from behind, so that no row overtakes an earlier one of its key', async () => {
    await append(ports(), [fact('k1', 'a'), fact('k1', 'b'), fact('k1', 'c')]);
    await ports().expireClaims();
    expect(idsOf(await claim(ports(), 'process-2', 1))).toEqual(['a']);
    expect(await claim(ports(), 'process-3', 10)).toEqual([]);
  });

  test('S49: a message that cannot be sent holds the later ones of its key back, and no other key', async () => {
    const rows = await append(ports(), [fact('k1', 'a'), fact('k2', 'b'), fact('k1', 'c')]);
    await ports().expireClaims();
    expect(idsOf(await claim(ports(), 'process-2', 1))).toEqual(['a']);
    expect(idsOf(await claim(ports(), 'process-3', 10))).toEqual(['b']);
    await ports().outbox.remove([rows[1]!.id]);
    await ports().expireClaims();
    expect(idsOf(await claim(ports(), 'process-3', 10))).toEqual(['a', 'c']);
  });

  test('S50: a later message of a key goes on once the earlier one was set aside', async () => {
    const rows = await append(ports(), [fact('k1', 'a'), fact('k1', 'c')]);
    await ports().expireClaims();
    expect(idsOf(await claim(ports(), 'process-2', 1))).toEqual(['a']);
    expect(await claim(ports(), 'process-3', 10)).toEqual([]);
    await ports().outbox.remove([rows[0]!.id]);
    expect(idsOf(await claim(ports(), 'process-3', 10))).toEqual(['c']);
  });

  test('R17: a message saved later waits while an earlier one of its key is claimed by somebody else', async () => {
    await append(ports(), [fact('k1', 'a')]);
    await ports().expireClaims();
    expect(idsOf(await claim(ports(), 'process-2', 10))).toEqual(['a']);
    await append(ports(), [fact('k1', 'b'), fact('k2', 'c')]);
    expect(await claim(ports(), 'process-3', 10)).toEqual([]);
  });

  test('R17: a row that is committed after a later one is not passed over', async () => {
    const { database, outbox } = ports();
    await database.transaction(async (tx) => {
      await outbox.append(tx, [fact('k1', 'a')], 'process-1');
      const later = await append(ports(), [fact('k2', 'b')]);
      await outbox.remove(later.map((row) => row.id));
    });
    await ports().expireClaims();
    expect(idsOf(await claim(ports(), 'process-2', 10))).toEqual(['a']);
  });
}

function inheriting(ports: () => PortsUnderTest): void {
  const inherit = (limit: number, after?: string) =>
    ports().outbox.inherit({
      owner: 'process-2',
      claimMs: 60_000,
      limit,
      ...(after !== undefined && { after }),
    });

  test('I23: who takes over has all rows at once, page by page, oldest first, though their claims last', async () => {
    const saved = await append(ports(), [fact('k1', 'a'), fact('k2', 'b'), fact('k1', 'c')]);
    expect(await claim(ports(), 'process-2', 10)).toEqual([]);
    expect(await inherit(2)).toEqual(saved.slice(0, 2));
    expect(await inherit(2, saved[1]?.id)).toEqual(saved.slice(2));
    expect(await inherit(2, saved[2]?.id)).toEqual([]);
  });

  test('I23: what was inherited is claimed by nobody else while that claim lasts', async () => {
    await append(ports(), [fact('k1', 'a')]);
    await inherit(10);
    expect(await claim(ports(), 'process-3', 10)).toEqual([]);
    await ports().expireClaims();
    expect(idsOf(await claim(ports(), 'process-3', 10))).toEqual(['a']);
  });
}

function twoRelays(ports: () => PortsUnderTest): void {
  test('S51: two relays at work publish each key in order and no row twice', async () => {
    const keys = ['k0', 'k1', 'k2', 'k3'];
    const messages = Array.from({ length: 24 }, (_, at) =>
      fact(keys[(at * 7) % 4]!, `m${String(at).padStart(2, '0')}`),
    );
    await append(ports(), messages);
    await ports().expireClaims();
    const published: Message[] = [];
    await Promise.all([relay(ports(), 'process-2', published), relay(ports(), 'process-3', published)]);
    await relay(ports(), 'process-4', published);
    expect(published.map((message) => message.id).toSorted()).toEqual(messages.map((message) => message.id));
    for (const key of keys) {
      const order = published.filter((message) => message.key === key).map((message) => message.id);
      expect(order).toEqual(order.toSorted());
    }
  });
}

/** Claims, publishes and removes a few rows at a time until nothing can be claimed. */
async function relay(ports: PortsUnderTest, owner: string, published: Message[]): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const rows = await claim(ports, owner, 3);
    if (rows.length === 0) return;
    published.push(...rows.map((row) => row.message));
    await ports.outbox.remove(rows.map((row) => row.id));
  }
}

function ageing(ports: () => PortsUnderTest): void {
  test('the age is that of the oldest unpublished row, and 0 when there is none', async () => {
    expect(await ports().outbox.age()).toBe(0);
    const rows = await append(ports(), [fact('k1', 'a')]);
    await ports().expireClaims();
    expect(await ports().outbox.age()).toBeGreaterThanOrEqual(0);
    await ports().outbox.remove(rows.map((row) => row.id));
    expect(await ports().outbox.age()).toBe(0);
  });
}
