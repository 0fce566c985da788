/**
 * Goal: what was committed is published, in order for each key, whatever crashes in between. Method: the relay over
 * memory, with a bus that refuses, stands still or dies when told to.
 */
import { MemoryOutbox } from '@sagamore/memory';
import { Fault } from '@sagamore/resilience';
import { RuntimeRig } from '../../../test/support/runtime.js';
import type { Message } from './message.js';
import { OutboxRelay } from './outbox-relay.js';
import { Bus, type ActiveSubscription } from './ports.js';
import { beforeEach, describe, expect, test } from '@jest/globals';

function fact(id: string, key = 'k'): Message {
  return { id, type: 'order.placed', source: 'order', topic: 'order.events', key, occurredAt: 0, data: {} };
}

/** Keeps what was sent. `answer` may throw or never resolve. */
class TestBus extends Bus {
  readonly sent: string[] = [];
  answer: (messages: readonly Message[]) => void | Promise<void> = () => {};

  override async send(messages: readonly Message[]): Promise<void> {
    await this.answer(messages);
    this.sent.push(...messages.map(({ id }) => id));
  }

  override async ensureTopics(): Promise<void> {}

  override async subscribe(): Promise<ActiveSubscription> {
    throw new Error('nobody subscribes here');
  }

  override async start(): Promise<void> {}
  override async stop(): Promise<void> {}

  override healthy(): boolean {
    return true;
  }
}

function rejected(): Fault {
  return new Fault('DATA_REJECTED', 'the broker cannot take it', { retryable: false });
}

let rig: RuntimeRig;
let bus: TestBus;
let faults: unknown[];

beforeEach(() => {
  rig = new RuntimeRig();
  bus = new TestBus();
  faults = [];
});

function relayOf(owner: string, claimMs = 1_000, bounds: { batchMax?: number; pendingMax?: number } = {}) {
  const { database } = rig.process();
  const outbox = new MemoryOutbox(database, { claimMs });
  const onFault = (error: unknown) => void faults.push(error);
  const relay = new OutboxRelay(outbox, bus, rig.clock, {
    owner,
    claimMs,
    sweepMs: 100,
    onFault,
    ...bounds,
  });
  const save = (messages: readonly Message[]) => database.transaction((tx) => relay.append(tx, messages));
  return { relay, save, outbox };
}

function rows(): number {
  return rig.store.table('outbox').rows.size;
}

describe('OutboxRelay', () => {
  test('publishes right after the commit, in order, and removes the rows', async () => {
    const { save } = relayOf('a');
    await save([fact('1'), fact('2')]);
    await rig.until(() => rows() === 0, 50);
    expect(bus.sent).toEqual(['1', '2']);
  });

  test('removes the rows of several commits at once, at its stop the last of them', async () => {
    const { relay, save, outbox } = relayOf('a');
    const removals: (readonly string[])[] = [];
    const remove = outbox.remove.bind(outbox);
    outbox.remove = (ids) => (removals.push(ids), remove(ids));
    for (const id of ['1', '2', '3']) {
      await save([fact(id)]);
      await rig.until(() => bus.sent.includes(id));
    }
    expect(removals).toEqual([]);
    await relay.stop();
    expect(removals.map((ids) => ids.length)).toEqual([3]);
    expect([rows(), relay.remembered]).toEqual([0, 0]);
  });

  test('S48: rows whose removal failed are published again once their claim has lapsed', async () => {
    const { relay, save, outbox } = relayOf('a', 300);
    const remove = outbox.remove.bind(outbox);
    outbox.remove = async () => {
      outbox.remove = remove;
      throw new Fault('DATABASE_UNAVAILABLE', 'away', { retryable: true });
    };
    relay.start();
    await save([fact('1')]);
    await rig.until(() => rows() === 0, 50);
    expect(bus.sent).toEqual(['1', '1']);
    expect(faults).toHaveLength(1);
    await relay.stop();
  });

  test('S44: a transaction that rolls back publishes nothing', async () => {
    const { relay } = relayOf('a');
    const { database } = rig.process();
    const work = database.transaction(async (tx) => {
      await relay.append(tx, [fact('1')]);
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    await rig.settle();
    expect(bus.sent).toEqual([]);
    expect(rows()).toBe(0);
  });

  test('S47: a crash after the commit and before the publish: the next process publishes', async () => {
    const { outbox } = relayOf('dead');
    const { database } = rig.process();
    await database.transaction((tx) => outbox.append(tx, [fact('1')], 'dead'));
    const { relay } = relayOf('next');
    relay.start();
    await rig.until(() => rows() === 0, 50);
    expect(bus.sent).toEqual(['1']);
    await relay.stop();
  });

  test('S48: a crash after the publish and before the mark: the same message is published again, under its id', async () => {
    const dead = rig.process();
    const outbox = new MemoryOutbox(dead.database, { claimMs: 1_000 });
    const relay = new OutboxRelay(outbox, bus, rig.clock, { owner: 'dead' });
    bus.answer = () => dead.database.crash();
    await dead.database.transaction((tx) => relay.append(tx, [fact('1')]));
    await rig.until(() => bus.sent.length === 1);
    expect(rows()).toBe(1);
    bus.answer = () => {};
    const next = relayOf('next');
    next.relay.start();
    await rig.until(() => rows() === 0, 50);
    expect(bus.sent).toEqual(['1', '1']);
    await next.relay.stop();
  });

  test('S49: what could not be sent goes out before what comes after it under its key', async () => {
    const { relay, save } = relayOf('a');
    bus.answer = () => {
      throw new Fault('BROKER_UNAVAILABLE', 'away', { retryable: true });
    };
    await save([fact('k1:a', 'k1'), fact('k2:b', 'k2'), fact('k1:c', 'k1')]);
    await rig.settle();
    expect(bus.sent).toEqual([]);
    bus.answer = () => {};
    relay.start();
    await rig.until(() => rows() === 0, 50);
    expect(bus.sent.indexOf('k1:a')).toBeLessThan(bus.sent.indexOf('k1:c'));
    expect(bus.sent).toContain('k2:b');
    await relay.stop();
  });

  test('R2: a message that the broker can never take becomes a dead letter and holds nobody else', async () => {
    const { save } = relayOf('a');
    bus.answer = (messages) => {
      if (messages.some(({ id }) => id === 'poison')) throw rejected();
    };
    await save([fact('1'), fact('poison', 'p'), fact('2'), fact('3')]);
    await rig.until(() => rows() === 0, 50);
    expect(bus.sent).toEqual(['1', 'poison/dead-letter', '2', '3']);
    expect(faults).toHaveLength(1);
  });

  test('R2: one whose dead letter is refused too stays in the outbox, and the others go out', async () => {
    const { save } = relayOf('a');
    bus.answer = (messages) => {
      if (messages.some(({ id }) => id.startsWith('poison'))) throw rejected();
    };
    await save([fact('1'), fact('poison', 'p'), fact('2')]);
    await rig.until(() => rows() === 1, 50);
    await save([fact('3')]);
    await rig.until(() => bus.sent.includes('3'));
    expect(bus.sent).toEqual(['1', '2', '3']);
    await rig.until(() => rows() === 1, 50);
  });

  test('a bus that has stopped leaves the rows to whoever sweeps next', async () => {
    const { relay, save } = relayOf('a');
    bus.answer = () => {
      throw new Fault('STOPPED', 'the bus has stopped', { retryable: false });
    };
    await save([fact('1')]);
    await relay.stop();
    expect(rows()).toBe(1);
    expect(faults).toEqual([]);
  });

  test('R17: while the broker never acknowledges, memory holds a bounded number, and afterwards each key is in order', async () => {
    const { relay, save } = relayOf('a', 300, { batchMax: 4, pendingMax: 10 });
    const gate = Promise.withResolvers<void>();
    bus.answer = () => gate.promise;
    relay.start();
    const keys = ['k0', 'k1', 'k2'];
    const name = (at: number) => `m${String(at).padStart(3, '0')}`;
    const saveSome = async (from: number, to: number) => {
      for (let at = from; at < to; at++) {
        await save([fact(name(at), keys[at % 3]!)]);
        if (at % 5 === 0) await rig.clock.advanceAsync(20);
      }
    };
    await saveSome(0, 100);
    // One batch is being sent; no more than two times the bound and what a sweep has claimed is remembered.
    expect(relay.remembered).toBeLessThanOrEqual(4 + 10 + 10 + 4);
    expect(rows()).toBe(100);
    gate.resolve();
    bus.answer = () => {};
    await saveSome(100, 160);
    await rig.until(() => rows() === 0, 50);
    expect(new Set(bus.sent).size).toBe(160);
    for (const key of keys) {
      const ofKey = bus.sent.filter((id) => keys[Number(id.slice(1)) % 3] === key);
      expect(ofKey).toEqual(ofKey.toSorted());
    }
    await relay.stop();
  });

  test('a relay that has caught up publishes at once again', async () => {
    const { relay, save } = relayOf('a', 300, { pendingMax: 2 });
    const gate = Promise.withResolvers<void>();
    bus.answer = () => gate.promise;
    relay.start();
    for (let at = 0; at < 9; at++) await save([fact(String(at))]);
    gate.resolve();
    await rig.until(() => rows() === 0, 50);
    await rig.clock.advanceAsync(1_500);
    await save([fact('new')]);
    await rig.until(() => bus.sent.includes('new'));
    await relay.stop();
  });

  test('S51: a sweep does not queue what this relay is sending at the moment, though its claim has expired', async () => {
    const { relay, save } = relayOf('a', 200);
    const gate = Promise.withResolvers<void>();
    bus.answer = () => gate.promise;
    await save([fact('1')]);
    relay.start();
    await rig.clock.advanceAsync(1_000);
    gate.resolve();
    await rig.until(() => rows() === 0, 50);
    expect(bus.sent).toEqual(['1']);
    await relay.stop();
  });
});
