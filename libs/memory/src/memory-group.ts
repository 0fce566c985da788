/**
 * A group of one topic: what it has not handled yet, by partition, and which member holds which partition.
 * A partition is in one hand at a time: whoever takes it over waits until the former owner's batch has ended.
 */
import type { Delivery } from '@sagamore/runtime';
import type { MemoryMember } from './memory-member.js';

interface Partition {
  waiting: Delivery[];
  owner: MemoryMember | undefined;
  /** Who has messages of it in hand; its owner, or the one it was taken from. */
  inHandOf: MemoryMember | undefined;
}

/** The members of one group and their common queue. */
export class MemoryGroup {
  private readonly partitions: readonly Partition[];
  private members: readonly MemoryMember[] = [];

  /** `onEmpty` is called when the last member has left. */
  constructor(
    partitions: number,
    private readonly onEmpty: () => void,
  ) {
    this.partitions = Array.from({ length: partitions }, () => {
      return { waiting: [], owner: undefined, inHandOf: undefined };
    });
  }

  push(delivery: Delivery): void {
    const partition = this.partitions[delivery.origin.partition]!;
    partition.waiting.push(delivery);
    partition.owner?.wake();
  }

  /** All that waits in the partitions of `member`, each in order. They stay in its hand until `settle`. */
  take(member: MemoryMember): readonly Delivery[] {
    let batch: Delivery[] | undefined;
    for (const partition of this.partitions) {
      if (partition.owner !== member || partition.inHandOf !== undefined || partition.waiting.length === 0)
        continue;
      // The first queue itself becomes the batch: with one busy partition nothing is copied.
      if (batch === undefined) batch = partition.waiting;
      else for (const delivery of partition.waiting) batch.push(delivery);
      partition.waiting = [];
      partition.inHandOf = member;
    }
    return batch ?? [];
  }

  /** The batch in the hand of `member` is done; `again` puts it back in front, for whoever now owns its partitions. */
  settle(member: MemoryMember, again: readonly Delivery[] = []): void {
    const returned = Map.groupBy(again, (delivery) => delivery.origin.partition);
    for (const [at, partition] of this.partitions.entries()) {
      if (partition.inHandOf !== member) continue;
      partition.inHandOf = undefined;
      const front = returned.get(at);
      if (front !== undefined) partition.waiting = front.concat(partition.waiting);
      if (partition.waiting.length > 0) partition.owner?.wake();
    }
  }

  /** What waits for `member`, without what it has in hand. */
  waitingFor(member: MemoryMember): number {
    return this.partitions.reduce(
      (sum, { owner, waiting }) => (owner === member ? sum + waiting.length : sum),
      0,
    );
  }

  join(member: MemoryMember): void {
    this.assign([...this.members, member]);
    // Also one that gets nothing is told: it may have come back, and believe in what it held before.
    member.reassign();
  }

  leave(member: MemoryMember): void {
    if (!this.members.includes(member)) return;
    this.assign(this.members.filter((each) => each !== member));
    if (this.members.length === 0) this.onEmpty();
  }

  /** The partitions that `member` holds now. */
  heldBy(member: MemoryMember): readonly number[] {
    return this.partitions.flatMap((partition, at) => (partition.owner === member ? [at] : []));
  }

  /** Deals the partitions out in turn. Members whose partitions changed are told BEFORE their next batch. */
  private assign(members: readonly MemoryMember[]): void {
    this.members = members;
    const changed = new Set<MemoryMember>();
    for (const [at, partition] of this.partitions.entries()) {
      const owner = members[at % Math.max(1, members.length)];
      if (owner === partition.owner) continue;
      if (owner !== undefined) changed.add(owner);
      if (partition.owner !== undefined) changed.add(partition.owner);
      partition.owner = owner;
    }
    for (const member of changed) member.reassign();
  }
}
