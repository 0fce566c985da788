/**
 * The bytes of a produce request, in one buffer a record. The client makes a buffer for every number and every header, some
 * forty a record: 25 µs each, and with a dozen messages an order the largest single cost of an order over Kafka. This is
 * the same layout (KIP-98, record batch of magic 2), held to the client's bytes by a test; whatever is not plain is left
 * to the client. The client is pinned, because this reaches into it.
 */
import { createRequire } from 'node:module';

/** A record as the client's producer has it when a request is made. */
export interface ProducedRecord {
  readonly key?: Buffer | string | null;
  readonly value: Buffer | string | null;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly timestamp?: unknown;
}

/** What the client hands to whoever encodes one of its encodings: it asks for no more. */
interface Encoded {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

interface Encoder extends Encoded {
  writeString(text: string | null | undefined): Encoder;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeArray(items: readonly Encoded[], type: 'object'): Encoder;
  writeEncoder(item: Encoded): Encoder;
  size(): number;
}

interface ProducedPartition {
  readonly partition: number;
  readonly firstSequence?: number;
  readonly messages: readonly ProducedRecord[];
}

export interface ProduceArguments {
  readonly acks: number;
  readonly timeout: number;
  readonly compression?: number;
  readonly transactionalId?: string | null;
  readonly producerId?: unknown;
  readonly producerEpoch?: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly ProducedPartition[];
  }[];
}

interface ProduceRequest {
  encode(): Promise<Encoder>;
}

/** How the client makes a request of the version that it agreed on with a broker. */
type Protocol = (agreed: {
  readonly version: number;
}) => (asked: ProduceArguments) => { readonly request: ProduceRequest };

const inside = createRequire(import.meta.url);
const from = <T>(path: string): T => inside(`kafkajs/src/protocol/${path}`) as T;
const Encoder = from<new (size?: number) => Encoder>('encoder');
const { RecordBatch } = from<{ RecordBatch: (batch: object) => Promise<Encoder> }>('recordBatch/v0');
const produce = from<{ protocol: Protocol }>('requests/produce');

/** Version 3 brought this layout, and all that the client speaks since then keep it. */
const versionMin = 3;

/** As the client itself would make it. */
export const clientsOwn: Protocol = produce.protocol;

/** Has every producer of this process write its requests here. Idempotent. */
export function encodeProduceRequests(): void {
  produce.protocol = ours;
}

/** As `clientsOwn`, with our encoding where all is plain. */
export const ours: Protocol = ({ version }) => {
  const make = clientsOwn({ version });
  if (version < versionMin) return make;
  return (asked) => {
    const made = make(asked);
    if (isPlain(asked)) made.request.encode = () => encode(asked);
    return made;
  };
};

function isPlain({ compression = 0, topicData }: ProduceArguments): boolean {
  return (
    compression === 0 &&
    topicData.every(({ partitions }) => partitions.every(({ messages }) => messages.every(isPlainRecord)))
  );
}

/** One with an instant of its own, or with a header that is told several times, is the client's affair. */
function isPlainRecord({ timestamp, headers = {} }: ProducedRecord): boolean {
  return timestamp === undefined && Object.values(headers).every(isContent);
}

function isContent(value: unknown): value is Buffer | string {
  return typeof value === 'string' || Buffer.isBuffer(value);
}

async function encode(asked: ProduceArguments): Promise<Encoder> {
  const { acks, timeout, transactionalId, topicData } = asked;
  const topics = await Promise.all(
    topicData.map(async ({ topic, partitions }) => {
      const encoded = await Promise.all(partitions.map((each) => encodePartition(asked, each)));
      return new Encoder().writeString(topic).writeArray(encoded, 'object');
    }),
  );
  return new Encoder()
    .writeString(transactionalId)
    .writeInt16(acks)
    .writeInt32(timeout)
    .writeArray(topics, 'object');
}

async function encodePartition(
  { producerId, producerEpoch, transactionalId }: ProduceArguments,
  { partition, firstSequence, messages }: ProducedPartition,
): Promise<Encoder> {
  const now = Date.now();
  const batch = await RecordBatch({
    records: messages.map((message, place) => encodeRecord(message, place)),
    firstTimestamp: now,
    maxTimestamp: now,
    producerId,
    producerEpoch,
    firstSequence,
    transactional: typeof transactionalId === 'string',
    lastOffsetDelta: messages.length - 1,
  });
  return new Encoder().writeInt32(partition).writeInt32(batch.size()).writeEncoder(batch);
}

/** A record of the batch's own instant. */
function encodeRecord({ key = null, value, headers = {} }: ProducedRecord, place: number): Encoded {
  const fields: (Buffer | string | null)[] = [key, value];
  for (const [name, content] of Object.entries(headers)) if (isContent(content)) fields.push(name, content);
  const buffer = writeRecord(fields, place);
  return { buf: buffer, buffer };
}

/** `fields`: key, value, and then name and content of each header. */
function writeRecord(fields: readonly (Buffer | string | null)[], place: number): Buffer {
  const sizes = fields.map((field) => (field === null ? -1 : Buffer.byteLength(field)));
  const headers = fields.length / 2 - 1;
  let body = 2 + sizeOfVarint(place) + sizeOfVarint(headers);
  for (const size of sizes) body += sizeOfVarint(size) + Math.max(0, size);
  const to = Buffer.allocUnsafe(sizeOfVarint(body) + body);
  let at = writeVarint(to, 0, body);
  // Attributes, of which there are none, and the distance from the batch's instant.
  to[at++] = 0;
  to[at++] = 0;
  at = writeVarint(to, at, place);
  for (let index = 0; index < fields.length; index++) {
    if (index === 2) at = writeVarint(to, at, headers);
    at = writeVarint(to, at, sizes[index]!);
    const field = fields[index];
    if (typeof field === 'string') at += to.write(field, at);
    else if (field instanceof Buffer) at += field.copy(to, at);
  }
  if (headers === 0) writeVarint(to, at, 0);
  return to;
}

/** Signed numbers in zigzag, seven bits a byte; `value` from -1 to 2^30. */
function sizeOfVarint(value: number): number {
  let size = 1;
  for (let rest = zigzag(value); rest >= 0x80; rest >>>= 7) size++;
  return size;
}

/** Answers where the next byte goes. */
function writeVarint(to: Buffer, at: number, value: number): number {
  let rest = zigzag(value);
  let next = at;
  for (; rest >= 0x80; rest >>>= 7) to[next++] = (rest & 0x7f) | 0x80;
  to[next++] = rest;
  return next;
}

function zigzag(value: number): number {
  return value < 0 ? 1 : value << 1;
}
