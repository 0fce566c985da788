/**
 * Goal: topics are made and known in spite of brokers that are slow to tell of them.
 * Method: a client that answers as scripted, because a real broker is late only by chance.
 */
import { describe, expect, test } from '@jest/globals';
import { resolveSettings } from './settings.js';
import { Topics, type AdminSource } from './topics.js';

/** Each answer holds the topics that exist, with their partitions; the last one is repeated. */
function clientThatTells(
  answers: readonly Readonly<Record<string, number>>[],
): AdminSource & { made: string[] } {
  let asked = 0;
  const made: string[] = [];
  const metadata = (found: Readonly<Record<string, number>>) => ({
    topics: Object.entries(found).map(([name, count]) => ({
      name,
      partitions: Array.from({ length: count }, (_, partitionId) => ({
        partitionErrorCode: 0,
        partitionId,
        leader: 1,
        replicas: [1],
        isr: [1],
      })),
    })),
  });
  const admin = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    fetchTopicMetadata: () => Promise.resolve(metadata(answers[Math.min(asked++, answers.length - 1)]!)),
    describeConfigs: () => Promise.reject(new Error('nobody asked')),
    createTopics: ({ topics }: { topics: { topic: string }[] }) => {
      made.push(...topics.map(({ topic }) => topic));
      return Promise.resolve(true);
    },
  };
  return { admin: () => admin, made };
}

function topicsOf(client: AdminSource, connectTimeoutMs = 5_000): Topics {
  const settings = resolveSettings({
    brokers: ['b:1'],
    clientId: 'spec',
    topicPrefix: 'p.',
    connectTimeoutMs,
  });
  return new Topics(client, settings, new AbortController().signal);
}

const whole = { 'p.a': 2, 'p.a.dead-letters': 1 };

describe('ensuring topics', () => {
  test('asks again when the broker does not tell of a new topic at once', async () => {
    const client = clientThatTells([{}, {}, whole]);
    const topics = topicsOf(client);
    await topics.ensure([{ topic: 'a', partitions: 2 }]);
    expect(client.made).toEqual(['p.a', 'p.a.dead-letters']);
    expect(topics.partitionsOf('p.a')).toBe(2);
  });

  test('names the topics that never come', async () => {
    const ensured = topicsOf(clientThatTells([{}]), 0).ensure([{ topic: 'a', partitions: 2 }]);
    await expect(ensured).rejects.toMatchObject({
      code: 'TOPIC_INVALID',
      message: expect.stringMatching(/p\.a, p\.a\.dead-letters/),
    });
  });

  test('I45: refuses a count that another instance chose in the meantime', async () => {
    const client = clientThatTells([{}, { ...whole, 'p.a': 3 }]);
    const ensured = topicsOf(client).ensure([{ topic: 'a', partitions: 2 }]);
    await expect(ensured).rejects.toThrow('topic p.a: wanted 2 partitions, found 3');
  });

  test('refuses two wishes that contradict each other, before anything is made', async () => {
    const client = clientThatTells([{}]);
    const ensured = topicsOf(client).ensure([
      { topic: 'a', partitions: 2 },
      { topic: 'a', partitions: 3 },
    ]);
    await expect(ensured).rejects.toMatchObject({ code: 'TOPIC_INVALID', retryable: false });
    expect(client.made).toEqual([]);
  });

  test('asks nothing more of topics that are as wanted', async () => {
    const client = clientThatTells([whole]);
    await topicsOf(client).ensure([{ topic: 'a', partitions: 2 }]);
    expect(client.made).toEqual([]);
  });
});
