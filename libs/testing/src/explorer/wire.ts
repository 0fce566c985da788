/**
 * The way between the processes of an explored run: everything arrives a moment later and in order, but for what the
 * schedule names. What is held back arrives once the world has come to rest without it.
 */
import { refused, type Half } from '@sagamore/engine';
import type { MemoryBroker } from '@sagamore/memory';
import {
  replyMessage,
  type ActiveSubscription,
  type CommandData,
  type Delivery,
  type Message,
  type Subscription,
} from '@sagamore/runtime';
import type { Host, WorldBase } from '../world/host.js';
import { HostBus, Network } from '../world/network.js';
import type { ChosenFaults } from './chosen-faults.js';
import type { Names } from './names.js';

/** How long a message travels, ms. */
const travelMs = 1;

export class Wire extends Network {
  private readonly held: (() => void)[] = [];
  private readonly overtaken = new Map<string, (() => void)[]>();
  private underWay = 0;
  private isSilenceOver = false;

  constructor(
    base: WorldBase,
    broker: MemoryBroker,
    private readonly faults: ChosenFaults,
    private readonly names: Names,
  ) {
    super(base, broker);
  }

  /** Nothing is on its way, though something may be held back. */
  get isQuiet(): boolean {
    return this.underWay === 0;
  }

  get isHolding(): boolean {
    return this.held.length > 0 || this.overtaken.size > 0;
  }

  /** Lets everything go that was held back, in the order of sending. Who was silent is heard from now on. */
  release(): void {
    this.isSilenceOver = true;
    const left = [...this.held.splice(0), ...[...this.overtaken.values()].flat()];
    this.overtaken.clear();
    for (const letGo of left) letGo();
  }

  /** What the schedule makes of a command before it reaches anybody: the answer no, where the step is refused. */
  refusalOf(message: Message): Message | undefined {
    const { data } = message;
    if (!isAction(data) || message.type.endsWith('.probe')) return undefined;
    const step = this.names.stepOf(data.transactionId, data.branchId).replace(/#\d+$/, '');
    if (!this.faults.refuses(step)) return undefined;
    this.base.note(`"${step}" is refused`);
    const source = message.topic.replace(/\.commands$/, '');
    return replyMessage({ ...message, data }, refused('explored'), { source, at: message.occurredAt });
  }

  override carry(message: Message): void {
    this.deliver(this.refusalOf(message) ?? message);
  }

  /** Sends it on its way, as the schedule says. `arrive`: what comes of it; default that the broker has it. */
  deliver(message: Message, arrive = () => this.append(message)): void {
    const { name, road } = this.names.ofMessage(message);
    const moves = this.faults
      .onMessage(name, road)
      .filter(({ kind }) => !(kind === 'silence' && this.isSilenceOver));
    const send = () => this.travel(name, message.topic, arrive);
    for (const move of moves) {
      if (move.kind === 'repeat' && move.when === 'at-once') send();
      else if (move.kind === 'reorder') this.holdUntilOvertaken(message.topic, send);
      else this.held.push(send);
    }
    if (moves.every(({ kind }) => kind === 'repeat')) send();
    else this.base.note(`${name} is held back`);
  }

  private holdUntilOvertaken(topic: string, send: () => void): void {
    this.overtaken.set(topic, [...(this.overtaken.get(topic) ?? []), send]);
  }

  private travel(name: string, topic: string, arrive: () => void): void {
    this.underWay++;
    const { clock } = this.base;
    clock.after(travelMs, () => {
      this.underWay--;
      this.base.touch();
      this.base.note(`${name} arrives`);
      arrive();
      const behind = this.overtaken.get(topic) ?? [];
      this.overtaken.delete(topic);
      for (const letGo of behind) letGo();
    });
  }

  private append(message: Message): void {
    this.broker.topic(message.topic).append(message);
  }
}

/** What a process was told last. */
export interface Desk {
  inHand?: string;
}

/** One process's client of the broker. It may die before and after each single message that it sends. */
export class WiredBus extends HostBus {
  constructor(
    private readonly process: Host,
    private readonly wire: Wire,
    private readonly names: Names,
    private readonly desk: Desk,
  ) {
    super(process, wire);
  }

  override subscribe(subscription: Subscription): Promise<ActiveSubscription> {
    const handle = (batch: readonly Delivery[]): Promise<void> => {
      const told = new Set(batch.map(({ message }) => this.names.ofMessage(message).road));
      this.desk.inHand = [...told].join(' and ');
      return subscription.handle(batch);
    };
    return super.subscribe({ ...subscription, handle });
  }

  override async send(messages: readonly Message[]): Promise<void> {
    await this.process.pass();
    for (const message of messages) {
      const { name } = this.names.ofMessage(message);
      await this.process.survives(`before it sends ${name}`);
      this.wire.carry(message);
      await this.process.survives(`after it has sent ${name}`);
    }
  }
}

function isAction(data: unknown): data is CommandData {
  if (typeof data !== 'object' || data === null || !('replyTo' in data) || !('operation' in data))
    return false;
  const half: unknown = data.operation;
  return half === ('action' satisfies Half);
}
