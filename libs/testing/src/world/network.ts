/**
 * The way between processes: what is sent arrives late, twice, out of order or not at all, as the seed says.
 * Only what is asked for again may be lost: commands, replies, starts (R17) and wishes (S94); facts arrive.
 */
import { MemoryBus, type MemoryBroker } from '@sagamore/memory';
import {
  Bus,
  buriedTopicOf,
  startType,
  type ActiveSubscription,
  type Delivery,
  type Message,
  type Subscription,
  type TopicSpecification,
} from '@sagamore/runtime';
import { HostClock } from './host-ports.js';
import type { Host, WorldBase } from './host.js';

/** Carries messages to the broker; those under way survive their sender. */
export class Network {
  private readonly lastArrival = new Map<string, number>();

  constructor(
    readonly base: WorldBase,
    readonly broker: MemoryBroker,
  ) {}

  carry(message: Message): void {
    const { faults } = this.base;
    const { dropShare, repeatShare } = faults.plan;
    if (mayBeLost(message) && faults.strikes(dropShare, 'lost message', `lost: ${message.id}`)) return;
    this.arrive(message, this.delayOf(message));
    if (faults.strikes(repeatShare, 'repeated message', `repeated: ${message.id}`))
      this.arrive(message, this.delayOf(message));
  }

  private delayOf(message: Message): number {
    const { faults } = this.base;
    const { delayShare, delayMsMax } = faults.plan;
    const isLate = mayBeLost(message) && faults.strikes(delayShare, 'late message', `late: ${message.id}`);
    if (!isLate) return faults.ms(0, 3);
    return faults.ms(5, delayMsMax);
  }

  private arrive(message: Message, delayMs: number): void {
    const { clock, faults } = this.base;
    const road = `${message.topic} ${message.key}`;
    const wanted = clock.now() + delayMs;
    const mayOvertake = faults.plan.reorders && mayBeLost(message) && !faults.healed;
    const at = mayOvertake ? wanted : Math.max(wanted, this.lastArrival.get(road) ?? 0);
    if (mayOvertake && at < (this.lastArrival.get(road) ?? 0)) faults.count('overtaking message');
    this.lastArrival.set(road, mayOvertake ? Math.max(at, this.lastArrival.get(road) ?? 0) : at);
    clock.after(at - clock.now(), () => {
      this.base.touch();
      this.base.note(`arrives: ${message.topic} ${message.id}`);
      this.broker.topic(message.topic).append(message);
    });
  }
}

/** What its sender, or its sender's watchdog, asks for again when no answer comes. A child's answer is none of these: its
 *  parent, once told that it works, waits without asking. */
function mayBeLost({ type, topic, data }: Message): boolean {
  if (buriedTopicOf(topic) !== undefined) return false;
  if (/-child\b/.test(type)) return !/-child\./.test(type);
  if (type === startType || type === 'transaction.wish' || topic.endsWith('.commands')) return true;
  return typeof data === 'object' && data !== null && ('reply' in data || 'finding' in data);
}

interface Joined {
  readonly subscription: Subscription;
  /** In the group now; undefined BEFORE it first joins. */
  active?: ActiveSubscription;
  isPaused: boolean;
}

/** One process's client of the broker. A paused process is taken out of its groups, may go on sending when it wakes,
 *  and then joins again. */
export class HostBus extends Bus {
  private receiver: MemoryBus;
  private readonly subscriptions: Joined[] = [];
  private readonly inHand = new Map<Subscription, Set<Promise<void>>>();

  constructor(
    private readonly host: Host,
    private readonly network: Network,
  ) {
    super();
    this.receiver = this.newReceiver();
    host.attach({
      crash: () => this.receiver.crash(),
      pause: () => this.receiver.crash(),
      resume: () => this.rejoin(),
      cut: (link) => {
        if (link === 'broker') this.receiver.crash();
      },
      mend: (link) => {
        if (link === 'broker') this.rejoin();
      },
    });
  }

  override async ensureTopics(topics: readonly TopicSpecification[]): Promise<void> {
    await this.receiver.ensureTopics(topics);
  }

  override async send(messages: readonly Message[]): Promise<void> {
    const { host } = this;
    await host.pass();
    await this.untilBrokerIsBack();
    await host.survives('before a publish');
    for (const message of messages) this.network.carry(message);
    if (messages.length > 0) await host.survives('after a publish');
    await host.pass();
  }

  override async subscribe(subscription: Subscription): Promise<ActiveSubscription> {
    const joined: Joined = { subscription, isPaused: subscription.startsPaused ?? false };
    this.subscriptions.push(joined);
    if (this.isInTouch) await this.join(joined);
    return {
      pause: async () => {
        joined.isPaused = true;
        await joined.active?.pause();
      },
      resume: () => {
        joined.isPaused = false;
        joined.active?.resume();
      },
      isPaused: () => joined.isPaused,
      stop: async () => undefined,
      healthy: () => this.host.isUp,
    };
  }

  override async start(): Promise<void> {}

  override async stop(): Promise<void> {}

  override healthy(): boolean {
    return this.host.isUp;
  }

  private newReceiver(): MemoryBus {
    const { base } = this.host;
    return new MemoryBus({
      clock: new HostClock(this.host),
      broker: this.network.broker,
      retryPauseMs: 40,
      defer: (round) => void base.clock.after(base.faults.ms(0, 2), () => this.host.run(round)),
    });
  }

  private async untilBrokerIsBack(): Promise<void> {
    const { clock, faults } = this.host.base;
    for (let awayMs = faults.brokerAwayMs(); awayMs > 0 || !this.host.reaches('broker');) {
      if (awayMs > 0) await new Promise<void>((resolve) => void clock.after(awayMs, resolve));
      await this.host.mended('broker');
      await this.host.pass();
      awayMs = faults.brokerAwayMs();
    }
  }

  private async join(joined: Joined): Promise<void> {
    const { subscription } = joined;
    const { onAssigned } = subscription;
    joined.active = await this.receiver.subscribe({
      ...subscription,
      startsPaused: joined.isPaused,
      handle: (batch) => this.handle(subscription, batch),
      ...(onAssigned === undefined
        ? {}
        : {
            onAssigned: (partitions: readonly number[]) =>
              this.keepInHand(subscription, onAssigned(partitions)),
          }),
    });
  }

  private handle(subscription: Subscription, batch: readonly Delivery[]): Promise<void> {
    this.host.base.touch();
    this.host.base.note(`${this.host.name} takes ${batch.length} from ${subscription.topic}`);
    return this.keepInHand(subscription, subscription.handle(batch));
  }

  private keepInHand(subscription: Subscription, work: Promise<void>): Promise<void> {
    const inHand = this.inHand.get(subscription) ?? new Set();
    this.inHand.set(subscription, inHand.add(work));
    return work.finally(() => {
      inHand.delete(work);
      this.host.base.touch();
    });
  }

  private get isInTouch(): boolean {
    return this.host.isUp && this.host.reaches('broker');
  }

  private rejoin(): void {
    if (!this.isInTouch) return;
    this.receiver.crash();
    this.receiver = this.newReceiver();
    for (const joined of this.subscriptions) void this.rejoinBy(this.receiver, joined);
  }

  /** A consumer that was thrown out ends the batch in its hand BEFORE it joins again: one call at a time. It waits for no
   *  other of its process, whose batch may wait for what this one will be told. */
  private async rejoinBy(receiver: MemoryBus, joined: Joined): Promise<void> {
    await Promise.allSettled(this.inHand.get(joined.subscription) ?? new Set<Promise<void>>());
    await this.host.pass();
    // Thrown out or cut off once more meanwhile: whoever lets it go on joins for it.
    if (this.receiver === receiver && this.isInTouch) await this.join(joined);
  }
}
