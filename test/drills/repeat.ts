/**
 * Says again all that was said on a broker: each record of each topic goes to the end of its partition once more, with its
 * key and headers. What comes while it reads is not repeated, so it ends.
 */
import kafkajs, { type Admin, type Kafka, type Message } from 'kafkajs';

/** What must not be repeated: the broker's own books, and messages that nobody could handle. */
const isOurs = (topic: string): boolean => !topic.startsWith('__') && !topic.endsWith('.dead-letters');
const waitMsMax = 60_000;
/** Far below the broker's own limit of a megabyte, for headers are not counted. */
const requestBytesMax = 256 * 1_024;

interface Repeat {
  readonly partition: number;
  readonly record: Message;
}

/** The number of records repeated, by topic. Rejects when a topic cannot be read within a minute. */
export async function repeatEverything(brokers: string): Promise<Readonly<Record<string, number>>> {
  const { Kafka: Client, logLevel } = kafkajs;
  const kafka = new Client({ brokers: brokers.split(','), clientId: 'drill', logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const producer = kafka.producer();
  await producer.connect();
  try {
    const counts: Record<string, number> = {};
    for (const topic of (await admin.listTopics()).filter(isOurs).toSorted()) {
      const repeats = await readAll(kafka, admin, topic);
      const messages = repeats.map(({ partition, record }) => ({ ...record, partition }));
      for (const part of requestsOf(messages)) await producer.send({ topic, messages: part });
      counts[topic] = messages.length;
    }
    return counts;
  } finally {
    await producer.disconnect();
    await admin.disconnect();
  }
}

/** The same records in the same order, in parts that a broker takes at once: all of a long life are too large for it. One
 *  that is larger goes alone. */
export function requestsOf<T extends Pick<Message, 'key' | 'value'>>(
  messages: readonly T[],
  bytesMax = requestBytesMax,
): readonly T[][] {
  const parts: T[][] = [];
  let bytes = Infinity;
  for (const message of messages) {
    const own = (message.key?.length ?? 0) + (message.value?.length ?? 0);
    if (bytes + own > bytesMax) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(message);
    bytes += own;
  }
  return parts;
}

/** Every record that stands in the topic when it begins. */
async function readAll(kafka: Kafka, admin: Admin, topic: string): Promise<readonly Repeat[]> {
  const offsets = await admin.fetchTopicOffsets(topic);
  const open = new Map(
    offsets
      .filter(({ low, high }) => Number(high) > Number(low))
      .map(({ partition, high }) => [partition, Number(high)]),
  );
  if (open.size === 0) return [];
  const groupId = `drill-${topic}-${Date.now()}`;
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6_000 });
  const repeats: Repeat[] = [];
  const { promise: isRead, resolve, reject } = Promise.withResolvers<void>();
  const giveUp = setTimeout(() => reject(new Error(`${topic} could not be read to its end`)), waitMsMax);
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch: { partition, messages } }) => {
        const end = open.get(partition) ?? 0;
        for (const { key, value, headers, offset } of messages) {
          if (Number(offset) < end)
            repeats.push({ partition, record: { key, value, ...(headers !== undefined && { headers }) } });
          if (Number(offset) + 1 >= end) open.delete(partition);
        }
        if (open.size === 0) resolve();
        return Promise.resolve();
      },
    });
    await isRead;
    return repeats;
  } finally {
    clearTimeout(giveUp);
    await consumer.disconnect();
    await admin.deleteGroups([groupId]);
  }
}
