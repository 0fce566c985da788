/**
 * Sends records, many callers in one request (stop 4 of the order's road). While one request is in flight the next
 * gathers; alone, a record goes at once. One request at a time, so a key's records keep the order of the calls.
 * A request that failed is sent again as it was, without end while the broker is away: the idempotent producer lets the
 * broker drop what it has. Must never let a request's composition change between two tries of one producer.
 */
import { setImmediate as gather, setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@sagamore/resilience';
import type { Kafka, Message as KafkaMessage, Producer } from 'kafkajs';
import { clientRetry, type Reachability } from './client.js';
import { toFault, typeOf, verdictOf } from './faults.js';
import { Pace } from './pace.js';
import type { ResolvedSettings } from './settings.js';

/** A record and where it goes, topic with prefix. */
export interface PlacedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | string>>;
  readonly bytes: number;
}

/** What one call wants sent; settled as a whole. */
interface Parcel {
  readonly records: readonly PlacedRecord[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (fault: Fault) => void;
}

/** Half of the broker's usual limit for a batch (1 MiB): many small records together must never be "too large". */
const requestBytesMax = 512 * 1024;
const requestRecordsMax = 5_000;
const againMsMax = 2_000;
/** How long `stop` waits for what is being sent before it answers STOPPED. */
const drainMs = 5_000;

export class KafkaSender {
  private readonly queue: Parcel[] = [];
  private readonly abort = new AbortController();
  private producer: Producer | undefined;
  private working: Promise<void> | undefined;
  private lastRequestAt = Number.NEGATIVE_INFINITY;
  private closing = false;
  private unreachable = false;
  private readonly pace: Pace;

  constructor(
    private readonly kafka: Kafka,
    private readonly settings: ResolvedSettings,
    private readonly reachability: Reachability,
  ) {
    this.pace = new Pace(settings.lingerMs, settings.lingerMsMax);
  }

  /** Connects; throws a `Fault` when no broker answers within the client's own tries. */
  async connect(): Promise<void> {
    try {
      await this.connected();
    } catch (error) {
      throw toFault(error, `wanted a broker of ${this.settings.brokers.join(', ')}`);
    }
  }

  /** Resolves AFTER the broker has acknowledged every record. Rejects with `STOPPED` once the sender is closed, and with
   *  `DATA_REJECTED`, `TOPIC_INVALID` or `CONFIGURATION_INVALID` when the broker refuses. */
  async send(records: readonly PlacedRecord[]): Promise<void> {
    if (this.abort.signal.aborted) throw stopped();
    const parcels = portions(records).map((portion) => this.enqueue(portion));
    this.working ??= this.work();
    await Promise.all(parcels);
  }

  /** From now on an unreachable broker means `STOPPED` instead of another try; a reachable one still gets everything.
   *  Call it BEFORE stopping the consumers, whose handlers may be waiting for a send. */
  giveUpWhenUnreachable(): void {
    this.closing = true;
    if (this.unreachable) this.abort.abort();
  }

  /** Waits for what is queued, at most five seconds, then closes. Idempotent. */
  async stop(): Promise<void> {
    this.giveUpWhenUnreachable();
    const limit = setTimeout(() => this.abort.abort(), drainMs);
    await this.working;
    clearTimeout(limit);
    this.abort.abort();
    await this.discard();
  }

  private enqueue(records: readonly PlacedRecord[]): Promise<void> {
    const bytes = records.reduce((sum, record) => sum + record.bytes, 0);
    return new Promise((resolve, reject) => this.queue.push({ records, bytes, resolve, reject }));
  }

  private async work(): Promise<void> {
    while (this.queue.length > 0) {
      await this.linger();
      const parcels = this.take();
      this.pace.gathered(parcels.length);
      await this.deliver(parcels);
    }
    this.working = undefined;
  }

  /** Calls of the same turn always share a request; under load requests keep their distance. */
  private async linger(): Promise<void> {
    await gather();
    const waitMs = this.lastRequestAt + this.pace.distanceMs - performance.now();
    if (waitMs > 0) await pause(waitMs);
    this.lastRequestAt = performance.now();
  }

  private take(): Parcel[] {
    let bytes = 0;
    let records = 0;
    let count = 0;
    for (const parcel of this.queue) {
      bytes += parcel.bytes;
      records += parcel.records.length;
      if (count > 0 && (bytes > requestBytesMax || records > requestRecordsMax)) break;
      count++;
    }
    return this.queue.splice(0, count);
  }

  /** Settles every parcel, whatever it takes. */
  private async deliver(parcels: readonly Parcel[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.request(parcels);
        return parcels.forEach(({ resolve }) => resolve());
      } catch (error) {
        if (this.abort.signal.aborted) return parcels.forEach(({ reject }) => reject(stopped()));
        const verdict = verdictOf(error);
        // After a refusal the client's count of a partition's records may be wrong, and the broker would take new records
        // for old ones and drop them. A new producer begins its own count.
        if (verdict !== 'again') await this.discard();
        if (verdict === 'rejected') return this.reject(parcels, error);
        await this.beforeNextTry(attempt, error);
      }
    }
  }

  /** Sends the parcels in halves, down to the one that the broker refuses (R2). */
  private async reject(parcels: readonly Parcel[], error: unknown): Promise<void> {
    const [first] = parcels;
    if (parcels.length === 1) {
      const topics = [...new Set(first!.records.map(({ topic }) => topic))].join(', ');
      return first!.reject(toFault(error, `wanted ${first!.records.length} records sent to ${topics}`));
    }
    const half = parcels.length >> 1;
    await this.deliver(parcels.slice(0, half));
    await this.deliver(parcels.slice(half));
  }

  private async beforeNextTry(attempt: number, error: unknown): Promise<void> {
    this.unreachable = true;
    this.reachability.failed();
    this.settings.log('warn', `a request failed and is sent again: ${typeOf(error) ?? String(error)}`);
    if (this.closing) this.abort.abort();
    const waitMs = Math.min(againMsMax, 100 * 2 ** Math.min(attempt, 10));
    await pause(waitMs, undefined, { signal: this.abort.signal }).catch(() => {});
  }

  private async request(parcels: readonly Parcel[]): Promise<void> {
    this.abort.signal.throwIfAborted();
    await untilAborted(
      this.connected().then((producer) => producer.sendBatch({ acks: -1, topicMessages: byTopic(parcels) })),
      this.abort.signal,
    );
    this.unreachable = false;
    this.reachability.succeeded();
  }

  private async connected(): Promise<Producer> {
    if (this.producer !== undefined) return this.producer;
    const producer = this.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
      retry: clientRetry,
    });
    try {
      await producer.connect();
    } catch (error) {
      // A producer that connected without an id would send without idempotence.
      await producer.disconnect().catch(() => {});
      throw error;
    }
    this.reachability.succeeded();
    if (this.abort.signal.aborted) {
      await producer.disconnect().catch(() => {});
      throw stopped();
    }
    return (this.producer = producer);
  }

  private async discard(): Promise<void> {
    const producer = this.producer;
    this.producer = undefined;
    await producer?.disconnect().catch(() => {});
  }
}

/** Cuts a call's records into parcels that each fit a request; a record that is larger alone stands alone. */
function portions(records: readonly PlacedRecord[]): PlacedRecord[][] {
  const cut: PlacedRecord[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const record of records) {
    const last = cut.at(-1);
    bytes += record.bytes;
    if (last === undefined || bytes > requestBytesMax || last.length === requestRecordsMax) {
      cut.push([record]);
      bytes = record.bytes;
    } else last.push(record);
  }
  return cut;
}

function byTopic(parcels: readonly Parcel[]): { topic: string; messages: KafkaMessage[] }[] {
  const topics = new Map<string, KafkaMessage[]>();
  for (const { records } of parcels) {
    for (const { topic, bytes: _, ...message } of records) {
      const messages = topics.get(topic) ?? [];
      if (messages.length === 0) topics.set(topic, messages);
      messages.push(message);
    }
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}

/** The promise, or a rejection as soon as the signal aborts; the work itself may go on unseen. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(stopped());
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

function stopped(): Fault {
  return new Fault('STOPPED', 'the bus has stopped', { retryable: false });
}
