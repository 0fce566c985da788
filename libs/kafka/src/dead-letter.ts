/**
 * What is written to `<topic>.dead-letters` for a record that cannot be decoded (S54, I25): the record as it came, with
 * headers that say why and whence, so that it can be judged and repaired; and how whoever lists dead letters hears of it.
 */
import {
  buriedTopicOf,
  deadLetterTopic,
  type DeadLetterData,
  type Message,
  type Origin,
} from '@sagamore/runtime';
import { header, traceparentIn, type ReceivedRecord } from './record.js';

/** A record for the dead-letter topic, its body and headers byte for byte those that came. */
export interface DeadLetter {
  /** Without the prefix. */
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | string>>;
  readonly bytes: number;
}

/** Bytes of a key or header that a letter without its body still carries. */
const keptMax = 1_000;

/** Whether `topic` holds dead letters: those are never buried a second time, nor get a dead-letter topic of their own. */
export function isDeadLetterTopic(topic: string): boolean {
  return buriedTopicOf(topic) !== undefined;
}

/** The dead letter of a record that came from `origin` and was refused for `reason`. Keeps `traceparent` and every other
 *  header that has one value; the four of its own are `dead_letter_reason`, `_topic`, `_partition` and `_offset`. */
export function deadLetterOf(record: ReceivedRecord, origin: Origin, reason: string): DeadLetter {
  const headers: Record<string, Buffer | string> = {
    ...singleHeaders(record),
    dead_letter_reason: reason,
    dead_letter_topic: origin.topic,
    dead_letter_partition: String(origin.partition),
    dead_letter_offset: origin.offset,
  };
  const { key, value } = record;
  const bytes = 512 + (key?.length ?? 0) + (value?.length ?? 0) + headerBytes(headers);
  return { topic: deadLetterTopic(origin.topic), key, value, headers, bytes };
}

/** What a record of a dead-letter topic says that is no message: the letter of `deadLetterOf`, or whatever anybody else has
 *  written there, for which `problem` is the reason. Its id is that of the buried record, so it comes once however often it
 *  was buried. The bytes stay where they are. */
export function tidingsOf(
  record: ReceivedRecord & { readonly timestamp: string },
  at: Origin,
  problem: string,
): Message<DeadLetterData> {
  const origin = originIn(record, at.topic);
  const { topic, partition, offset } = origin ?? at;
  const traceparent = traceparentIn(record);
  const occurredAt = Number(record.timestamp);
  return {
    id: `${topic}/${partition}/${offset}/dead-letter`,
    type: 'record.buried',
    source: topic,
    topic: at.topic,
    key: `${topic}/${partition}`,
    occurredAt: Number.isFinite(occurredAt) ? occurredAt : 0,
    ...(traceparent !== undefined && { traceparent }),
    data: {
      reason: (origin && header(record, 'dead_letter_reason')) ?? problem,
      ...(origin !== undefined && { origin }),
      unreadable: at,
    },
  };
}

/** Anybody may write headers, so a letter is believed only as far as it can be of its topic. */
function originIn(record: ReceivedRecord, letters: string): Origin | undefined {
  const topic = header(record, 'dead_letter_topic');
  const partition = header(record, 'dead_letter_partition') ?? '';
  const offset = header(record, 'dead_letter_offset') ?? '';
  const isPlace = /^\d{1,9}$/.test(partition) && /^\d{1,19}$/.test(offset);
  if (topic === undefined || topic !== buriedTopicOf(letters) || !isPlace) return undefined;
  return { topic, partition: Number(partition), offset };
}

/** What is left of a dead letter that is too large for the broker, which the four headers of its own can make of a record
 *  that just fitted: whence, why, its trace and its key. Always small enough; the record itself still lies at its origin. */
export function withoutBody({ topic, key, headers }: DeadLetter): DeadLetter {
  const kept = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith('dead_letter_') || name === 'traceparent'
      ? [[name, value.slice(0, keptMax)] as const]
      : [],
  );
  const bare = Object.fromEntries(kept);
  const shortKey = key === null || key.length > keptMax ? null : key;
  const bytes = 512 + (shortKey?.length ?? 0) + headerBytes(bare);
  return { topic, key: shortKey, value: null, headers: bare, bytes };
}

function singleHeaders({ headers }: ReceivedRecord): Record<string, Buffer> {
  const kept: Record<string, Buffer> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (name !== '__proto__' && Buffer.isBuffer(value)) kept[name] = value;
  }
  return kept;
}

function headerBytes(headers: Readonly<Record<string, Buffer | string>>): number {
  return Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}
