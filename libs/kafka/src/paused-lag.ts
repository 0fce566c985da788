/**
 * How many messages wait for a subscription that is paused: it fetches nothing that could tell, so the broker is asked for
 * the ends of the partitions and the group's positions, now and then. Asks only; it must never touch a position.
 */
import type { Admin, Kafka } from 'kafkajs';
import { withAdmin } from './client.js';
import { typeOf } from './faults.js';
import type { ResolvedSettings } from './settings.js';

/** As often as anybody looks at lag, and no oftener: each look costs the broker a connection. */
const lookMs = 5_000;

export interface PausedLagOptions {
  readonly kafka: Pick<Kafka, 'admin'>;
  /** With prefix. */
  readonly topic: string;
  /** With prefix. */
  readonly groupId: string;
  /** Where a partition begins in which the group has no position yet. */
  readonly from: 'earliest' | 'latest';
  /** Told of every partition of the topic; never AFTER `stop`. */
  readonly tell: (behind: ReadonlyMap<number, number>) => void;
  readonly log: ResolvedSettings['log'];
}

export class PausedLag {
  private looking: AbortController | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: PausedLagOptions) {}

  /** Looks at once and then again and again, anew when it did already: partitions may have changed hands. */
  start(): void {
    this.stop();
    this.looking = new AbortController();
    void this.look(this.looking.signal);
  }

  stop(): void {
    this.looking?.abort();
    clearTimeout(this.timer);
  }

  private async look(signal: AbortSignal): Promise<void> {
    try {
      const behind = await withAdmin(this.options.kafka, (admin) => this.ask(admin));
      if (!signal.aborted) this.options.tell(behind);
    } catch (error) {
      const { topic, log } = this.options;
      log('debug', `the broker did not tell what waits in ${topic}: ${typeOf(error) ?? String(error)}`);
    }
    if (!signal.aborted) this.timer = setTimeout(() => void this.look(signal), lookMs);
  }

  private async ask(admin: Admin): Promise<ReadonlyMap<number, number>> {
    const { topic, groupId, from } = this.options;
    const [ends, [found]] = await Promise.all([
      admin.fetchTopicOffsets(topic),
      admin.fetchOffsets({ groupId, topics: [topic] }),
    ]);
    const positions = new Map(found?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    return new Map(
      ends.map(({ partition, low, high }) => {
        const position = positions.get(partition) ?? -1n;
        const begin = BigInt(from === 'latest' ? high : low);
        // Where records went before they were read, the first that is left comes next.
        const next = position < BigInt(low) ? begin : position;
        return [partition, Math.max(0, Number(BigInt(high) - next))];
      }),
    );
  }
}
