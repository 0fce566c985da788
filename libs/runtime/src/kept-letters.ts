/**
 * Dead letters as people see them: kept beside the transactions, listed, and played again on an operator's word (I25, I41). The
 * broker keeps the letters themselves, for as long as it keeps anything; what is kept here can be found and replayed.
 * A replay sends the very message that was buried, under the id it had: whoever has handled it before answers from the barrier.
 */
import { createHash } from 'node:crypto';
import { deadLetterTopic, type Message } from './message.js';
import type { DeadLetterData } from './dead-letters.js';
import type { OutboxRelay } from './outbox-relay.js';
import type { ActiveSubscription, Bus, Delivery, Origin, OutboxRow } from './ports.js';

/** A dead letter that has arrived. */
export interface ArrivedLetter {
  /** The id of the letter: the same when the same message is buried again. */
  readonly letterId: string;
  /** The topic whose letter it is. */
  readonly topic: string;
  readonly reason: string;
  readonly traceparent?: string;
  readonly origin?: Origin;
  /** Absent where the broker refused to carry it, or it is none: there is nothing to play again. */
  readonly message?: Message;
  /** Where its record lies, byte for byte, which is no message of ours. */
  readonly unreadable?: Origin;
}

/** One replay, as the audit keeps it. `at`: ms of the store's clock. `before`: how often it was replayed before. */
export interface LetterReplay {
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
  readonly before: number;
}

export interface KeptLetter extends ArrivedLetter {
  readonly id: string;
  /** When it was buried last, ms of the store's clock. */
  readonly at: number;
  /** Oldest first. */
  readonly replays: readonly LetterReplay[];
}

/** Who plays a letter again, and why. `owner`: the process whose relay publishes the message. */
export interface ReplayWish {
  readonly id: string;
  readonly actor: string;
  readonly reason: string;
  readonly owner: string;
}

export type ReplayReceipt =
  | { readonly outcome: 'replayed'; readonly before: number; readonly rows: readonly OutboxRow[] }
  /** The broker refused to carry it. */
  | { readonly outcome: 'empty' }
  /** It is no message; its record lies there. */
  | { readonly outcome: 'unreadable'; readonly at: Origin }
  | { readonly outcome: 'unknown' };

/** What a replay comes to of a letter that holds no message. */
export function unplayable({ unreadable }: ArrivedLetter): ReplayReceipt {
  return unreadable === undefined ? { outcome: 'empty' } : { outcome: 'unreadable', at: unreadable };
}

/** The durable part. Bounded: beyond `lettersMax` the oldest are forgotten. */
export abstract class KeptLetters {
  /** Keeps letters, each once by topic and id. One that comes again, because its replay died too, is told with its newest
   *  reason and instant. Idempotent. */
  abstract keep(letters: readonly ArrivedLetter[]): Promise<void>;
  /** Newest first, at most `limit`, behind the letter `before`. */
  abstract list(page: { limit: number; before?: string }): Promise<readonly KeptLetter[]>;
  /** Saves the message in the outbox with the audit row of its replay, together. Replays of one letter at the same instant each
   *  leave their row, one after the other. */
  abstract replay(wish: ReplayWish): Promise<ReplayReceipt>;
}

/** Letters that are kept at most: anybody can write to a topic. */
export const lettersMax = 10_000;
/** Characters of a reason that are kept; ours have a line. */
const reasonMax = 1_000;
/** Longer ids are kept by their beginning and their fingerprint: an index of the store must be able to hold them. */
const letterIdMax = 400;

export interface LetterKeeperOptions {
  /** The topics whose dead letters are kept. */
  readonly topics: readonly string[];
}

/** Carries dead letters from their topics into the store, and back onto the topics they came from. */
export class LetterKeeper {
  private readonly subscriptions: ActiveSubscription[] = [];

  constructor(
    private readonly ports: { readonly bus: Bus; readonly letters: KeptLetters; readonly relay: OutboxRelay },
    private readonly options: LetterKeeperOptions,
  ) {}

  async start(): Promise<void> {
    const joining = this.options.topics.map((topic) => this.join(topic));
    this.subscriptions.push(...(await Promise.all(joining)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.subscriptions.splice(0).map((each) => each.stop()));
  }

  healthy(): boolean {
    return this.subscriptions.every((each) => each.healthy());
  }

  /** A group of its own for each topic: a broker shares the topics of a group among members that never asked for them. */
  private join(topic: string): Promise<ActiveSubscription> {
    const { bus, letters } = this.ports;
    return bus.subscribe({
      topic: deadLetterTopic(topic),
      group: `orchestrator.letters.${topic}`,
      handle: (batch) => letters.keep(batch.map((delivery) => arrivedOf(topic, delivery))),
    });
  }

  /** Resolves once the replay is saved; the message then goes out whatever the broker does. */
  async replay(wish: ReplayWish): Promise<ReplayReceipt> {
    const receipt = await this.ports.letters.replay(wish);
    if (receipt.outcome === 'replayed') this.ports.relay.publish(receipt.rows);
    return receipt;
  }
}

/** Anybody may write to a dead-letter topic too, so nothing of the body is believed that is not there. */
function arrivedOf(topic: string, { message }: Delivery): ArrivedLetter {
  const { id: letterId, traceparent, data } = message;
  const told: Partial<DeadLetterData> = typeof data === 'object' && data !== null ? data : {};
  const { reason, origin, message: buried, unreadable } = told;
  return {
    letterId: shortened(letterId),
    topic,
    reason: typeof reason === 'string' ? reason.slice(0, reasonMax) : 'not told',
    ...(traceparent !== undefined && { traceparent }),
    ...(isOrigin(origin) && { origin }),
    ...(isMessage(buried) && { message: { ...buried, topic, ...placeOf(origin) } }),
    ...(isOrigin(unreadable) && { unreadable }),
  };
}

/** Different for different ids. */
function shortened(letterId: string): string {
  if (letterId.length <= letterIdMax) return letterId;
  const fingerprint = createHash('sha256').update(letterId).digest('hex');
  return `${letterId.slice(0, letterIdMax - fingerprint.length - 1)}/${fingerprint}`;
}

/** A shard is a partition, so what came from one goes back to it (R14). */
function placeOf(origin: unknown): { readonly partition?: number } {
  return isOrigin(origin) ? { partition: origin.partition } : {};
}

function isOrigin(origin: unknown): origin is Origin {
  if (typeof origin !== 'object' || origin === null) return false;
  const { topic, partition, offset } = origin as Partial<Origin>;
  return typeof topic === 'string' && Number.isInteger(partition) && typeof offset === 'string';
}

function isMessage(message: unknown): message is Message {
  if (typeof message !== 'object' || message === null) return false;
  const { id, type, source, key, occurredAt } = message as Partial<Message>;
  return [id, type, source, key].every((each) => typeof each === 'string') && Number.isFinite(occurredAt);
}
