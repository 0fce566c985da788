/**
 * Goal: the topics of a service, with partitions as configured. Method: names and numbers.
 */
import { expect, test } from '@jest/globals';
import { topicsOf } from './topics.js';

test('R14: the inbox has a partition a shard, and the bus is left to make the dead letters', () => {
  const topics = Object.fromEntries(
    topicsOf('payment', { shards: 8, partitions: 3 }).map(({ topic, partitions }) => [topic, partitions]),
  );
  expect(topics).toEqual({
    'payment.commands': 3,
    'payment.settlements': 3,
    'payment.events': 3,
    'transaction.events': 3,
    'orchestrator.inbox': 8,
    'orchestrator.horizon': 1,
  });
});
