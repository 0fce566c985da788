/**
 * Records that are no messages of ours, as anybody may write them to a topic: each must come to lie among the dead letters,
 * and hold nobody. Which of the kinds, and where it lands, follows from its number.
 */
import { startType, type Message } from '@sagamore/runtime';
import { epochMs } from './host-ports.js';
import type { Poison } from './storm.js';

const bodies: readonly unknown[] = [
  null,
  'words',
  {},
  { transactionId: 'nobody' },
  { transactionId: '0197a000-0000-7000-8000-000000000001', reply: { outcome: 'perhaps' } },
  { transactionId: '0197a000-0000-7000-8000-000000000001', branchId: '', operation: 'dance', generation: 0 },
];

/** The record that lands on the topic; `partition` is the caller's choice. */
export function poisonMessage({ topic, atMs }: Poison, number: number, partition: number): Message {
  return {
    id: poisonId(number),
    type: topic.endsWith('.commands') ? 'nobody.knows' : startType,
    source: 'a stranger',
    topic,
    key: `poison-${number}`,
    partition,
    occurredAt: epochMs + atMs,
    data: bodies[number % bodies.length],
  };
}

/** The id of a poison message, from which that of its dead letter follows. */
export function poisonId(number: number): string {
  return `poison/${number}`;
}
