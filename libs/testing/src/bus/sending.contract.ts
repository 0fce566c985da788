/**
 * The sender's half of the bus contract: topics, partitions, order, and what a resolved `send` means.
 */
import { expect, test } from '@jest/globals';
import { faultOf } from '../ports/open.js';
import { message, partitions, type Stage } from './open.js';

/** Registers the tests in the surrounding `describe`. */
export function describeSending(stage: () => Stage, timeoutMs: number): void {
  topics(stage, timeoutMs);
  contents(stage, timeoutMs);
  order(stage, timeoutMs);
}

function topics(stage: () => Stage, timeoutMs: number): void {
  test(
    'I45: ensuring a topic again is nothing; ensuring it with another partition count is refused',
    async () => {
      const { bus, topic } = stage();
      await bus.ensureTopics([{ topic, partitions }]);
      expect(await faultOf(bus.ensureTopics([{ topic, partitions: partitions + 1 }]))).toBe('TOPIC_INVALID');
      expect(await faultOf(bus.ensureTopics([]))).toBe('none');
    },
    timeoutMs,
  );

  test(
    'R14: a message that names its partition lands there, one that names none that exists is refused',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const seen = inbox();
      await bus.subscribe({ topic, group, handle: seen.handle });
      await bus.send(
        [2, 0, 1].map((partition) => ({ ...message(topic, 'k1', `to-${partition}`), partition })),
      );
      await seen.untilCount(3);
      const landed = seen.batches.flat().map(({ message: { id }, origin }) => `${id} in ${origin.partition}`);
      expect(new Set(landed)).toEqual(new Set(['to-0 in 0', 'to-1 in 1', 'to-2 in 2']));
      const nowhere = { ...message(topic, 'k1', 'nowhere'), partition: partitions };
      expect(await faultOf(bus.send([nowhere]))).toBe('DATA_REJECTED');
    },
    timeoutMs,
  );
}

function contents(stage: () => Stage, timeoutMs: number): void {
  test(
    'a message arrives whole, and tells where it came from',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const seen = inbox();
      const sent = message(topic, 'k1', 'a');
      await bus.subscribe({ topic, group, handle: seen.handle });
      await bus.send([sent]);
      await seen.untilCount(1);
      const [delivery] = seen.batches.flat();
      expect(delivery?.message).toMatchObject(sent);
      expect(delivery?.message.data).toEqual(sent.data);
      expect(delivery?.origin).toEqual({ topic, partition: expect.any(Number), offset: expect.any(String) });
    },
    timeoutMs,
  );

  test(
    'what was sent before anybody subscribed arrives: send has resolved, so it is safe',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const seen = inbox();
      await bus.send([message(topic, 'k1', 'a'), message(topic, 'k2', 'b')]);
      await bus.send([message(topic, 'k1', 'c')]);
      await bus.subscribe({ topic, group, handle: seen.handle });
      await seen.untilCount(3);
      expect(seen.idsOf('k1')).toEqual(['a', 'c']);
      expect(seen.idsOf('k2')).toEqual(['b']);
    },
    timeoutMs,
  );

  test(
    'a send of nothing resolves, and a bus that has stopped refuses with STOPPED',
    async () => {
      const { bus, topic } = stage();
      await bus.send([]);
      await bus.stop();
      expect(await faultOf(bus.send([message(topic, 'k1', 'a')]))).toBe('STOPPED');
    },
    timeoutMs,
  );
}

function order(stage: () => Stage, timeoutMs: number): void {
  test(
    'I23: messages of one key share a partition and arrive in the order sent, also from sends that overlap',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const seen = inbox();
      await bus.subscribe({ topic, group, handle: seen.handle });
      const keys = ['k0', 'k1', 'k2', 'k3', 'k4'];
      const names = Array.from({ length: 40 }, (_, at) => `m${String(at).padStart(2, '0')}`);
      await Promise.all(
        names.map((name) => bus.send(keys.map((key) => message(topic, key, `${key}-${name}`)))),
      );
      await seen.untilCount(keys.length * names.length);
      for (const key of keys) {
        expect(seen.idsOf(key)).toEqual(names.map((name) => `${key}-${name}`));
        const origins = seen.batches.flat().filter((delivery) => delivery.message.key === key);
        expect(new Set(origins.map((delivery) => delivery.origin.partition)).size).toBe(1);
      }
    },
    timeoutMs,
  );
}
