/**
 * A start that somebody asks for from outside, as it is accepted under a key and kept until it has begun. Words alone.
 */
import type { TransactionId } from '@sagamore/engine';
import type { Message } from './message.js';
import type { OutboxRow, Shard } from './ports.js';
import type { Precedence } from './precedence.js';

/** A start that somebody asks for, once for each (actor, key). */
export interface AcceptedStart extends UnbegunStart {
  readonly actor: string;
  readonly key: string;
  /** Tells the same request from another one under the same key (S43). */
  readonly requestHash: string;
  readonly message: Message;
  /** The process whose relay publishes the message. */
  readonly owner: string;
}

/** What is known of a key. `rows`: the message, when the start is new. */
export interface AcceptedReceipt {
  readonly transactionId: TransactionId;
  readonly requestHash: string;
  readonly rows: readonly OutboxRow[];
}

/** A start as it was accepted. `acceptedAt`: ms of the store's clock. `input`: absent once the store has noticed that it
 *  has begun. */
export interface KnownStart extends Omit<UnbegunStart, 'input'> {
  readonly acceptedAt: number;
  readonly input?: unknown;
}

/** A start that was accepted and has not begun. */
export interface UnbegunStart extends Precedence {
  readonly transactionId: TransactionId;
  readonly definition: string;
  readonly shard: Shard;
  readonly input: unknown;
}
