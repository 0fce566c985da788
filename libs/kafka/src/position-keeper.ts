/**
 * Commits positions to the consumer group, all partitions in one request, a request at a time and not too often.
 * Only ever told of what has been handled; a crash before a commit repeats messages, never loses one (S53).
 */
import type { OffsetsByTopicPartition } from 'kafkajs';
import { isMembershipLost, typeOf } from './faults.js';
import type { KafkaLogLevel } from './settings.js';

export interface Position {
  readonly partition: number;
  /** The offset of the next message to handle. */
  readonly next: string;
}

type Commit = (offsets: OffsetsByTopicPartition) => Promise<void>;

export interface PositionKeeperOptions {
  /** With prefix. */
  readonly topic: string;
  /** The least distance between two commits. */
  readonly intervalMs: number;
  readonly log: (level: KafkaLogLevel, message: string) => void;
}

export class PositionKeeper {
  private pending = new Map<number, string>();
  private commit: Commit | undefined;
  private flushing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private flushedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: PositionKeeperOptions) {}

  /** Notes what was handled, to be committed by `commit` now or after the interval. */
  note(positions: readonly Position[], commit: Commit): void {
    this.commit = commit;
    for (const { partition, next } of positions) this.pending.set(partition, next);
    if (this.timer !== undefined) return;
    const waitMs = Math.max(0, this.flushedAt + this.options.intervalMs - performance.now());
    this.timer = setTimeout(() => void this.flush(), waitMs);
  }

  /** Commits what is pending now. Never throws: what cannot be committed is repeated to whoever owns it next (S52). */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.flushing;
    if (this.pending.size === 0 || this.commit === undefined) return;
    this.flushing ??= this.commitPending(this.commit);
    await this.flushing;
  }

  /** Forgets what is pending: after a new assignment the group's own positions hold. */
  clear(): void {
    this.pending.clear();
  }

  private async commitPending(commit: Commit): Promise<void> {
    const { topic, log } = this.options;
    const taken = this.pending;
    this.pending = new Map();
    this.flushedAt = performance.now();
    const partitions = [...taken].map(([partition, offset]) => ({ partition, offset }));
    try {
      await commit({ topics: [{ topic, partitions }] });
    } catch (error) {
      log('warn', `positions of ${topic} were not committed: ${typeOf(error) ?? String(error)}`);
      if (!isMembershipLost(error)) this.putBack(taken);
    } finally {
      this.flushing = undefined;
    }
  }

  /** Goes out with the next note; newer positions win. */
  private putBack(taken: ReadonlyMap<number, string>): void {
    for (const [partition, next] of taken) {
      if (!this.pending.has(partition)) this.pending.set(partition, next);
    }
  }
}
