/**
 * The receiver's half of the bus contract: groups, batches, repeats after a rejection, and leaving.
 */
import { expect, test } from '@jest/globals';
import type { Message } from '@sagamore/runtime';
import { gate } from '../ports/open.js';
import { message, partitions, type Inbox, type Stage } from './open.js';

/** Registers the tests in the surrounding `describe`. */
export function describeReceiving(stage: () => Stage, timeoutMs: number): void {
  assignment(stage, timeoutMs);
  groups(stage, timeoutMs);
  batches(stage, timeoutMs);
  rejection(stage, timeoutMs);
  leaving(stage, timeoutMs);
}

/** The same few messages for each partition. */
export function spread(topic: string, prefix: string, each: number): readonly Message[] {
  return Array.from({ length: each * partitions }, (_, at) => {
    const partition = at % partitions;
    return { ...message(topic, `k${partition}`, `${prefix}${String(at).padStart(2, '0')}`), partition };
  });
}

export const idsOf = (messages: readonly Message[]) => messages.map((each) => each.id);

function assignment(stage: () => Stage, timeoutMs: number): void {
  test(
    'R10: the partitions held are told BEFORE the first message is handed over',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const seen = inbox();
      await bus.send([message(topic, 'k1', 'a')]);
      await bus.subscribe({ topic, group, handle: seen.handle, onAssigned: seen.onAssigned });
      await seen.untilCount(1);
      expect(seen.story[0]).toBe('assigned');
      expect(seen.assigned[0]?.toSorted((left, right) => left - right)).toEqual([0, 1, 2]);
    },
    timeoutMs,
  );

  test(
    'no message comes while a subscriber is still taking its partitions',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const seen = inbox();
      const taken = gate();
      const told = gate();
      const onAssigned = async (): Promise<void> => {
        told.open();
        await taken.passed;
        seen.story.push('taken');
      };
      await bus.send([message(topic, 'k1', 'a')]);
      const subscribing = bus.subscribe({ topic, group, handle: seen.handle, onAssigned });
      await told.passed;
      expect(seen.batches).toEqual([]);
      taken.open();
      await subscribing;
      await seen.untilCount(1);
      expect(seen.story[0]).toBe('taken');
    },
    timeoutMs,
  );
}

function groups(stage: () => Stage, timeoutMs: number): void {
  test(
    'each group sees every message',
    async () => {
      const { bus, topic, inbox } = stage();
      const [left, right] = [inbox(), inbox()];
      await bus.subscribe({
        topic,
        group: `left-${topic}`,
        handle: left.handle,
        onAssigned: left.onAssigned,
      });
      await bus.subscribe({
        topic,
        group: `right-${topic}`,
        handle: right.handle,
        onAssigned: right.onAssigned,
      });
      await Promise.all(
        [left, right].map((seen) => seen.until(() => seen.assigned.length > 0, 'partitions')),
      );
      const sent = spread(topic, 'm', 3);
      await bus.send(sent);
      await Promise.all([left.untilCount(sent.length), right.untilCount(sent.length)]);
      expect(new Set(left.ids)).toEqual(new Set(idsOf(sent)));
      expect(new Set(right.ids)).toEqual(new Set(idsOf(sent)));
    },
    timeoutMs,
  );

  test(
    'members of one group share the partitions, and no message comes to both',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const [left, right] = [inbox(), inbox()];
      const { handle, onAssigned } = left;
      await bus.subscribe({ topic, group, handle, onAssigned });
      await bus.subscribe({ topic, group, handle: right.handle, onAssigned: right.onAssigned });
      await left.until(() => isShared(left, right), 'a fair share');
      const sent = spread(topic, 'm', 4);
      await bus.send(sent);
      await left.until(() => left.ids.length === 4 * left.assigned.at(-1)!.length, 'its share');
      await right.until(() => right.ids.length === 4 * right.assigned.at(-1)!.length, 'its share');
      expect([...left.ids, ...right.ids].toSorted()).toEqual(idsOf(sent).toSorted());
    },
    timeoutMs,
  );

  test(
    'a new group from the latest sees nothing that was sent before it came',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const seen = inbox();
      await bus.send(spread(topic, 'old', 1));
      await bus.subscribe({ topic, group, from: 'latest', handle: seen.handle, onAssigned: seen.onAssigned });
      await seen.until(() => seen.assigned.length > 0, 'partitions');
      // A broker may settle on "the latest" a little after the assignment, so the news is repeated until it arrives.
      const arrived = seen.until(() => seen.ids.length > 0, 'news');
      for (let round = 0; round < 2_000 && seen.ids.length === 0; round++) {
        await bus.send([message(topic, 'k1', `new${round}`)]);
        await new Promise(setImmediate);
      }
      await arrived;
      expect(seen.ids.filter((id) => id.startsWith('old'))).toEqual([]);
    },
    timeoutMs,
  );
}

/** Whether two members of a group hold all partitions between them, and none together. */
export function isShared(left: Inbox, right: Inbox): boolean {
  const [ours, theirs] = [left.assigned.at(-1) ?? [], right.assigned.at(-1) ?? []];
  if (ours.length === 0 || theirs.length === 0) return false;
  return ours.length + theirs.length === partitions && new Set([...ours, ...theirs]).size === partitions;
}

function batches(stage: () => Stage, timeoutMs: number): void {
  test(
    'what gathers while a batch is in hand comes merged, one call at a time, in order within each partition',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const busy = gate();
      const seen = inbox(() => busy.passed);
      await bus.subscribe({ topic, group, handle: seen.handle });
      await bus.send([message(topic, 'k0', 'first')]);
      await seen.until(() => seen.batches.length === 1, 'the first batch');
      const sent = spread(topic, 'm', 20);
      await bus.send(sent);
      busy.open();
      await seen.untilCount(sent.length + 1);
      expect(seen.runningMax).toBe(1);
      expect(seen.batches.length).toBeLessThan(sent.length / 2);
      for (const key of ['k0', 'k1', 'k2']) {
        const expected = idsOf(sent.filter((each) => each.key === key));
        expect(seen.idsOf(key).filter((id) => id !== 'first')).toEqual(expected);
      }
    },
    timeoutMs,
  );
}

function rejection(stage: () => Stage, timeoutMs: number): void {
  test(
    'S53: a handler that rejects is given the same messages again, and nothing overtakes them',
    async () => {
      const { bus, topic, group, inbox } = stage();
      let failures = 2;
      const done: string[] = [];
      const seen = inbox(async (batch) => {
        if (failures-- > 0) throw new Error('the database is away');
        done.push(...batch.map((delivery) => delivery.message.id));
      });
      await bus.subscribe({ topic, group, handle: seen.handle });
      const sent = ['a', 'b', 'c'].map((id) => message(topic, 'k1', id));
      await bus.send(sent);
      await seen.until(() => new Set(done).size === 3, 'success');
      const [first, second, third] = seen.batches.map((batch) => batch[0]?.message.id);
      expect([first, second, third]).toEqual(['a', 'a', 'a']);
      expect([...new Set(done)]).toEqual(['a', 'b', 'c']);
    },
    timeoutMs,
  );
}

function leaving(stage: () => Stage, timeoutMs: number): void {
  test(
    'I40: a subscription that stops finishes the batch in hand and takes no other',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const busy = gate();
      const story: string[] = [];
      const seen = inbox(async () => {
        await busy.passed;
        story.push('handled');
      });
      const subscription = await bus.subscribe({ topic, group, handle: seen.handle });
      expect(subscription.healthy()).toBe(true);
      await bus.send([message(topic, 'k1', 'a')]);
      await seen.until(() => seen.batches.length === 1, 'a batch');
      const stopping = subscription.stop().then(() => story.push('stopped'));
      await bus.send([message(topic, 'k1', 'b')]);
      busy.open();
      await stopping;
      expect(story).toEqual(['handled', 'stopped']);
      expect(seen.ids).toEqual(['a']);
    },
    timeoutMs,
  );

  test(
    'I40: a bus that stops waits for the batches in hand of all its subscriptions',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const busy = gate();
      const story: string[] = [];
      const seen = inbox(async () => {
        await busy.passed;
        story.push('handled');
      });
      await bus.subscribe({ topic, group, handle: seen.handle });
      await bus.send([message(topic, 'k1', 'a')]);
      await seen.until(() => seen.batches.length === 1, 'a batch');
      const stopping = bus.stop().then(() => story.push('stopped'));
      busy.open();
      await stopping;
      expect(story).toEqual(['handled', 'stopped']);
    },
    timeoutMs,
  );

  test(
    'a group that comes back goes on where it stood: what was handled stays away, what was not comes',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const before = inbox();
      const first = await bus.subscribe({ topic, group, handle: before.handle });
      await bus.send([message(topic, 'k1', 'handled')]);
      await before.untilCount(1);
      await first.stop();
      await bus.send([message(topic, 'k1', 'missed')]);
      const after = inbox();
      await bus.subscribe({ topic, group, handle: after.handle });
      await after.untilCount(1);
      expect(after.ids).toEqual(['missed']);
    },
    timeoutMs,
  );

  test(
    'S53: what a group was handed and never finished comes to whoever subscribes for it next',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const failing = inbox(() => Promise.reject(new Error('the database is away')));
      const first = await bus.subscribe({ topic, group, handle: failing.handle });
      await bus.send([message(topic, 'k1', 'a')]);
      await failing.until(() => failing.story.includes('handled'), 'a rejection');
      await first.stop();
      const after = inbox();
      await bus.subscribe({ topic, group, handle: after.handle });
      await after.untilCount(1);
      expect(after.ids[0]).toBe('a');
    },
    timeoutMs,
  );
}
