/**
 * A topic in one process: it numbers messages, finds their partition and hands them to every group.
 * It keeps messages only while no group has subscribed from the earliest, for services that start late.
 */
import { hash32 } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import type { Delivery, Message } from '@sagamore/runtime';
import { MemoryGroup } from './memory-group.js';

/** How many messages wait for a topic's first group; older ones are dropped, for a topic that nobody ever reads must
 *  neither grow without end nor stop its senders. */
const keptMax = 10_000;

/** One topic with its groups. */
export class MemoryTopic {
  private partitions = 1;
  private isEnsured = false;
  private readonly groups = new Map<string, MemoryGroup>();
  private offsets = [0];
  private kept: Delivery[] = [];
  private isKeeping = true;

  constructor(readonly name: string) {}

  /** Gives the topic its partitions; throws `TOPIC_INVALID` when it has another count already (I45). */
  ensure(partitions: number): void {
    const isFixed = this.isEnsured || this.groups.size > 0;
    if (partitions < 1 || (isFixed && partitions !== this.partitions)) {
      const message = `topic ${this.name}: wanted ${partitions} partitions, found ${this.partitions}`;
      throw new Fault('TOPIC_INVALID', message, { retryable: false });
    }
    this.isEnsured = true;
    if (partitions === this.partitions) return;
    this.partitions = partitions;
    this.offsets = Array.from({ length: partitions }, () => 0);
    this.kept = this.kept.map(({ message }) => this.deliveryOf(message));
  }

  /** Throws `DATA_REJECTED` when the message names a partition that does not exist. */
  check({ id, partition }: Message): void {
    if (partition === undefined || !this.isEnsured) return;
    if (Number.isInteger(partition) && partition >= 0 && partition < this.partitions) return;
    const message = `message ${id}: wanted partition ${partition} of ${this.name}, found ${this.partitions} partitions`;
    throw new Fault('DATA_REJECTED', message, { retryable: false });
  }

  /** Takes a message that was checked. */
  append(message: Message): void {
    const delivery = this.deliveryOf(message);
    if (this.isKeeping) this.keep(delivery);
    for (const group of this.groups.values()) group.push(delivery);
  }

  /** The group of that name; a new one begins with what was kept when it is the first from the earliest. */
  group(name: string, from: 'earliest' | 'latest'): MemoryGroup {
    const found = this.groups.get(name);
    if (found !== undefined) return found;
    const group = new MemoryGroup(this.partitions, () => {
      // A reader of the latest alone has no place to come back to.
      if (from === 'latest') this.groups.delete(name);
    });
    this.groups.set(name, group);
    if (from === 'earliest') this.handOver(group);
    return group;
  }

  private handOver(group: MemoryGroup): void {
    for (const delivery of this.kept) group.push(delivery);
    this.kept = [];
    this.isKeeping = false;
  }

  private keep(delivery: Delivery): void {
    this.kept.push(delivery);
    // Twice the bound, so that dropping costs little a message.
    if (this.kept.length >= 2 * keptMax) this.kept = this.kept.slice(-keptMax);
  }

  private deliveryOf(message: Message): Delivery {
    const partition = this.partitionOf(message);
    const offset = String(this.offsets[partition]!++);
    return { message, origin: { topic: this.name, partition, offset } };
  }

  private partitionOf({ key, partition }: Message): number {
    if (this.partitions === 1) return 0;
    return partition === undefined ? hash32(key) % this.partitions : Math.min(partition, this.partitions - 1);
  }
}
