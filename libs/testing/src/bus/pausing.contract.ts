/**
 * The contract of a paused subscription: it keeps its place and is handed nothing; what came meanwhile follows in order.
 * That nothing comes is shown by others: a group beside it has seen everything, and it has not.
 */
import { describe, expect, test } from '@jest/globals';
import { setTimeout as turn } from 'node:timers/promises';
import type { ActiveSubscription } from '@sagamore/runtime';
import { gate } from '../ports/open.js';
import { message, partitions, type Inbox, type Stage } from './open.js';
import { idsOf, isShared, spread } from './receiving.contract.js';

/** Registers the tests in the surrounding `describe`. */
export function describePausing(stage: () => Stage, timeoutMs: number): void {
  describe('a paused subscription', () => {
    holding(stage, timeoutMs);
    beginning(stage, timeoutMs);
    failing(stage, timeoutMs);
    rebalancing(stage, timeoutMs);
    leaving(stage, timeoutMs);
  });
}

/** Sends `each` messages a partition, and resolves once a group beside ours has seen them all. */
async function sendSeenByOthers({ bus, topic, inbox }: Stage, prefix: string, each: number) {
  const sent = spread(topic, prefix, each);
  const others = inbox();
  await bus.subscribe({ topic, group: `others-${prefix}-${topic}`, handle: others.handle });
  await bus.send(sent);
  await others.until(() => sent.every(({ id }) => others.ids.includes(id)), 'what the others see');
  return sent;
}

function expectOrder(seen: Inbox, sent: ReturnType<typeof spread>): void {
  for (const key of ['k0', 'k1', 'k2']) {
    const expected = idsOf(sent.filter((each) => each.key === key));
    expect(seen.idsOf(key).filter((id) => idsOf(sent).includes(id))).toEqual(expected);
  }
}

function holding(stage: () => Stage, timeoutMs: number): void {
  test(
    'finishes what it has in hand and is handed no more; resumed, it is handed what came meanwhile, once and in order',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const busy = gate();
      const seen = inbox(() => busy.passed);
      const { handle, onAssigned } = seen;
      const subscription = await bus.subscribe({ topic, group, handle, onAssigned });
      expect(subscription.isPaused()).toBe(false);
      await bus.send([message(topic, 'k0', 'first')]);
      await seen.until(() => seen.batches.length === 1, 'a batch');
      const pausing = subscription.pause().then(() => seen.story.push('paused'));
      expect(subscription.isPaused()).toBe(true);
      busy.open();
      await pausing;
      expect(seen.story.slice(-2)).toEqual(['handled', 'paused']);
      await subscription.pause();
      const sent = await sendSeenByOthers(stage(), 'm', 20);
      expect(seen.ids).toEqual(['first']);
      expect(subscription.healthy()).toBe(true);
      subscription.resume();
      subscription.resume();
      expect(subscription.isPaused()).toBe(false);
      await seen.untilCount(sent.length + 1);
      expect(seen.ids).toHaveLength(sent.length + 1);
      expectOrder(seen, sent);
      // No partition changed hands for it.
      expect(seen.assigned).toHaveLength(1);
    },
    timeoutMs,
  );

  test(
    'knows how many messages wait for it',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const seen = inbox();
      const subscription = await bus.subscribe({ topic, group, handle: seen.handle });
      await bus.send(spread(topic, 'before', 2));
      await seen.untilCount(2 * partitions);
      await subscription.pause();
      const sent = await sendSeenByOthers(stage(), 'm', 7);
      await untilLag(subscription, sent.length, timeoutMs);
      subscription.resume();
      await seen.untilCount(2 * partitions + sent.length);
      await untilLag(subscription, 0, timeoutMs);
    },
    timeoutMs,
  );
}

function beginning(stage: () => Stage, timeoutMs: number): void {
  test(
    'may begin so: it is told its partitions, knows what waits, and is handed nothing BEFORE it is resumed',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const seen = inbox();
      const { handle, onAssigned } = seen;
      await bus.send([message(topic, 'k0', 'early')]);
      const subscription = await bus.subscribe({ topic, group, handle, onAssigned, startsPaused: true });
      await seen.until(() => seen.assigned.length > 0, 'partitions');
      expect(subscription.isPaused()).toBe(true);
      const sent = await sendSeenByOthers(stage(), 'm', 4);
      expect(seen.story).toEqual(['assigned']);
      await untilLag(subscription, sent.length + 1, timeoutMs);
      subscription.resume();
      await seen.untilCount(sent.length + 1);
      expectOrder(seen, sent);
    },
    timeoutMs,
  );
}

function failing(stage: () => Stage, timeoutMs: number): void {
  test(
    'lets go of a batch that fails again and again; it comes first once it is resumed',
    async () => {
      const { bus, topic, group, inbox } = stage();
      let isBroken = true;
      const seen = inbox(async () => {
        if (isBroken) throw new Error('the database is away');
      });
      const subscription = await bus.subscribe({ topic, group, handle: seen.handle });
      await bus.send(['a', 'b'].map((id) => message(topic, 'k1', id)));
      await seen.until(() => seen.story.filter((each) => each === 'handled').length > 1, 'two failures');
      await subscription.pause();
      const tries = seen.batches.length;
      await bus.send([message(topic, 'k1', 'c')]);
      const sent = await sendSeenByOthers(stage(), 'm', 1);
      expect(seen.batches).toHaveLength(tries);
      isBroken = false;
      subscription.resume();
      await seen.until(() => ['c', ...idsOf(sent)].every((id) => seen.ids.includes(id)), 'everything');
      const after = seen.batches.slice(tries).flat();
      const ours = after.filter(({ message: { key, id } }) => key === 'k1' && !id.startsWith('m'));
      expect(ours.map((delivery) => delivery.message.id)).toEqual(['a', 'b', 'c']);
    },
    timeoutMs,
  );
}

function rebalancing(stage: () => Stage, timeoutMs: number): void {
  test(
    'stays paused when partitions change hands, and nothing is lost or handed over',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const [left, right] = [inbox(), inbox()];
      const join = ({ handle, onAssigned }: Inbox): Promise<ActiveSubscription> =>
        bus.subscribe({ topic, group, handle, onAssigned, startsPaused: true });
      const first = await join(left);
      await left.until(() => left.assigned.length > 0, 'partitions');
      const before = await sendSeenByOthers(stage(), 'before', 3);
      const second = await join(right);
      await left.until(() => isShared(left, right), 'a fair share');
      const after = await sendSeenByOthers(stage(), 'after', 3);
      expect([first.isPaused(), second.isPaused(), left.ids, right.ids]).toEqual([true, true, [], []]);
      first.resume();
      second.resume();
      const sent = [...before, ...after];
      const isThere = () => left.ids.length + right.ids.length === sent.length;
      await left.until(isThere, 'everything');
      expect([...left.ids, ...right.ids].toSorted()).toEqual(idsOf(sent).toSorted());
      for (const seen of [left, right])
        expectOrder(
          seen,
          sent.filter(({ id }) => seen.ids.includes(id)),
        );
    },
    timeoutMs,
  );
}

function leaving(stage: () => Stage, timeoutMs: number): void {
  test(
    'leaves when it is stopped, and what waited comes to whoever subscribes for its group next',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const [before, after] = [inbox(), inbox()];
      const { handle, onAssigned } = before;
      const subscription = await bus.subscribe({ topic, group, handle, onAssigned });
      await before.until(() => before.assigned.length > 0, 'partitions');
      await subscription.pause();
      await bus.send(['a', 'b'].map((id) => message(topic, 'k1', id)));
      await subscription.stop();
      await bus.subscribe({ topic, group, handle: after.handle });
      await after.untilCount(2);
      expect([before.ids, after.ids]).toEqual([[], ['a', 'b']]);
    },
    timeoutMs,
  );
}

async function untilLag(subscription: ActiveSubscription, wanted: number, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (subscription.lag?.() !== wanted) {
    if (performance.now() > deadline) throw new Error(`lag is ${subscription.lag?.()}, wanted ${wanted}`);
    await turn(5);
  }
}
