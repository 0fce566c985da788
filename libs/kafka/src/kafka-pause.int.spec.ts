/**
 * Goal: a paused topic waits through everything that moves partitions about, and then comes whole, once and in order.
 * Method: a real broker; members of one group on buses of their own, as processes have them; sessions so short that a member
 * that forgot to beat would be thrown out while the test looks on.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import type { ActiveSubscription, Delivery, Message } from '@sagamore/runtime';
import { describeWithBroker } from '../../../test/support/kafka.js';
import { KafkaBus } from './kafka-bus.js';

const testMs = 90_000;
const topic = 'inventory.commands';
const partitions = 3;
const sessionTimeoutMs = 2_500;
/** Where a machine that stands still for a while must not cost a member its place. */
const longSessionMs = 30_000;
let run = 0;

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited 30 s until ${what}`);
    await delay(20);
  }
}

function message(n: number): Message {
  const key = `key-${n % 7}`;
  return {
    id: `m-${n}`,
    type: 'inventory.reserve',
    source: 'spec',
    topic,
    key,
    occurredAt: n,
    data: { n },
  };
}

function numberOf({ message: { data } }: Delivery): number {
  return (data as { n: number }).n;
}

/** A member of the group in a process of its own. */
interface Member {
  readonly bus: KafkaBus;
  readonly active: ActiveSubscription;
  readonly got: number[];
  /** Where each of them lay: a record that is handed over twice lies in one place, one that was sent twice in two. */
  readonly places: string[];
  readonly assigned: (readonly number[])[];
}

describeWithBroker('the Kafka bus, paused', (brokers) => {
  const buses: KafkaBus[] = [];
  let prefix: string;

  async function join(startsPaused: boolean, sessionMs = sessionTimeoutMs): Promise<Member> {
    const bus = new KafkaBus({
      brokers: [brokers()],
      clientId: 'spec',
      topicPrefix: prefix,
      sessionTimeoutMs: sessionMs,
      heartbeatMs: 300,
      rebalanceTimeoutMs: 3_000,
    });
    buses.push(bus);
    await bus.start();
    await bus.ensureTopics([{ topic, partitions }]);
    const got: number[] = [];
    const places: string[] = [];
    const assigned: (readonly number[])[] = [];
    const active = await bus.subscribe({
      topic,
      group: 'inventory',
      startsPaused,
      onAssigned: async (held) => void assigned.push(held),
      handle: async (batch) => {
        got.push(...batch.map(numberOf));
        places.push(...batch.map(({ origin: { partition, offset } }) => `${partition}/${offset}`));
      },
    });
    return { bus, active, got, places, assigned };
  }

  beforeEach(() => {
    prefix = `pause${process.pid}x${++run}.`;
  });

  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.stop()));
  }, testMs);

  const heldBy = ({ assigned }: Member): number => assigned.at(-1)?.length ?? 0;

  test(
    'a thousand messages wait through sessions, a second member and a restart; resumed, each comes once and in order',
    async () => {
      const first = await join(false);
      await first.bus.send([message(0)]);
      await until('messages flow', () => first.got.length === 1);
      await first.active.pause();
      const sent = Array.from({ length: 1_000 }, (_, at) => message(at + 1));
      await first.bus.send(sent);
      await until('the lag is known', () => first.active.lag?.() === sent.length);

      const pausedAt = performance.now();
      await until('sessions have passed', () => performance.now() - pausedAt > 2 * sessionTimeoutMs);
      expect(first.assigned).toHaveLength(1);

      const second = await join(true);
      await until('they share', () => heldBy(first) + heldBy(second) === partitions && heldBy(second) > 0);
      await first.bus.stop();
      const restarted = await join(true);
      await until(
        'the restarted one has a share',
        () => heldBy(second) + heldBy(restarted) === partitions && heldBy(restarted) > 0,
      );
      const lag = () => (second.active.lag?.() ?? 0) + (restarted.active.lag?.() ?? 0);
      await until('they know the lag between them', () => lag() === sent.length);
      expect([first.got, second.got, restarted.got]).toEqual([[0], [], []]);
      expect([second.active.healthy(), restarted.bus.healthy()]).toEqual([true, true]);

      second.active.resume();
      restarted.active.resume();
      const all = () => [...second.got, ...restarted.got];
      await until('all have come', () => all().length >= sent.length);
      expect(all().toSorted((left, right) => left - right)).toEqual(sent.map((_, at) => at + 1));
      for (const { got } of [second, restarted]) {
        for (let key = 0; key < 7; key++) {
          const ofKey = got.filter((n) => n % 7 === key);
          expect(ofKey).toEqual(ofKey.toSorted((left, right) => left - right));
        }
      }
      await until('nothing waits', () => lag() === 0);
    },
    testMs,
  );

  /** Sends 600 in portions, and pauses and resumes after each; `meanwhile` is told how many are sent. */
  async function pausedAgainAndAgain(member: Member, meanwhile: (sent: number) => void): Promise<void> {
    const { bus, active, got } = member;
    for (let at = 0; at < 600; at += 20) {
      const before = got.length;
      await bus.send(Array.from({ length: 20 }, (_, place) => message(at + place)));
      await until('some have come', () => got.length > before);
      meanwhile(at);
      await active.pause();
      active.resume();
    }
    await until('all have come', () => new Set(got).size === 600);
    const first = [...new Set(got)];
    for (let key = 0; key < 7; key++) {
      const ofKey = first.filter((n) => n % 7 === key);
      expect(ofKey).toEqual(ofKey.toSorted((left, right) => left - right));
    }
  }

  test(
    'paused and resumed again and again under load, it hands over each record once and in order',
    async () => {
      const member = await join(false, longSessionMs);
      await pausedAgainAndAgain(member, () => {});
      expect(member.assigned).toHaveLength(1);
      expect(new Set(member.places).size).toBe(member.places.length);
    },
    testMs,
  );

  test(
    'S53: a process that stands still for longer than its session gets again what it had not committed, and loses nothing',
    async () => {
      const member = await join(false);
      await pausedAgainAndAgain(member, (sent) => {
        const stillUntil = performance.now() + (sent === 300 ? 2 * sessionTimeoutMs : 0);
        while (performance.now() < stillUntil);
      });
      expect(member.assigned.length).toBeGreaterThan(1);
      expect(member.places.length - new Set(member.places).size).toBeLessThanOrEqual(20);
    },
    testMs,
  );
});
