/**
 * What people, customers and other systems want of a transaction, as it is saved, and the event it becomes once its owner
 * hears of it. Words and pure functions; whether a wish may be taken is judged in `wishing.ts`, and whether it still does
 * anything is for the machine alone.
 */
import type {
  Decided,
  Half,
  OutcomeReported,
  SignalReceived,
  TransactionEvent,
  TransactionId,
} from '@sagamore/engine';
import { inboxTopic, traceparentOf, type Message } from './message.js';
import type { OutboxRow, Shard } from './ports.js';

/** What is wanted, in the words of the event that it becomes. */
export type Wanted =
  | { readonly type: Decided['type'] }
  | Omit<SignalReceived, 'at' | 'recordedAt'>
  | Pick<OutcomeReported, 'type' | 'branchId' | 'outcome'>
  | { readonly type: 'operator-skipped'; readonly branchId: string; readonly operation: Half }
  | {
      readonly type: 'operator-set-result';
      readonly branchId: string;
      readonly operation: Half;
      readonly output: unknown;
    };

/** A wish about to be saved: who wants what, and why. */
export interface Wish {
  readonly transactionId: TransactionId;
  readonly wanted: Wanted;
  /** `slotOf` what is wanted. */
  readonly slot: string;
  readonly actor: string;
  readonly reason: string;
  /** How many events were journaled when it was judged: by then it did something. */
  readonly version: number;
  /** Tells the owner to look; what is wanted stays in the store, so nobody can wish by writing to a topic (B96). */
  readonly message: Message;
  /** The process whose relay publishes the message. */
  readonly owner: string;
}

/** A wish that was taken and on which nobody has acted. `at`: when it was saved, by the store's clock. */
export interface UnheardWish {
  readonly wishId: string;
  readonly transactionId: TransactionId;
  readonly shard: Shard;
  readonly wanted: Wanted;
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
  /** `updatedAt` of the rest in which the transaction was, so that a wish never ends a later one (S94). */
  readonly parkedAt?: number;
}

/** What became of a wish. `at`: when it was saved, by the store's clock. */
export type WishReceipt =
  | { readonly outcome: 'taken'; readonly at: number; readonly rows: readonly OutboxRow[] }
  | { readonly outcome: 'repeated'; readonly wanted: Wanted }
  | { readonly outcome: 'stale' };

/** The body of `transaction.wish`: look what is wanted of this transaction. */
export interface WishData {
  readonly transactionId: TransactionId;
}

/** The body of `transaction.cancel`: a service's own word, on behalf of its customer. It needs no record here: a repeat
 *  finds nothing left to cancel (S31), and the sender keeps it until it knows the end. */
export interface CancelData {
  readonly transactionId: TransactionId;
  readonly actor: string;
  readonly reason: string;
}

export const wishType = 'transaction.wish';
export const cancelType = 'transaction.cancel';

/** What two wishes have in common that exclude each other while neither was heard: of one half that is settled by hand
 *  there is one result, and of one signal one delivery (S40, S94). */
export function slotOf(wanted: Wanted): string {
  switch (wanted.type) {
    case 'signal-received':
      return `signal/${wanted.name}/${wanted.id}`;
    case 'operator-skipped':
    case 'operator-set-result':
      return `settle/${wanted.branchId}/${wanted.operation}`;
    case 'outcome-reported':
      return `settle/${wanted.branchId}`;
    case 'cancel-requested':
    case 'terminate-requested':
    case 'operator-paused':
    case 'operator-resumed':
      return wanted.type;
  }
}

/** The event that a wish becomes when it is heard at `at`. */
export function eventOfWish(
  { wanted, actor, reason, at: recordedAt }: UnheardWish,
  at: number,
): TransactionEvent {
  switch (wanted.type) {
    case 'signal-received':
      return { ...wanted, at, recordedAt };
    case 'operator-skipped':
    case 'operator-set-result':
    case 'outcome-reported':
      return { ...wanted, at, actor, reason };
    case 'cancel-requested':
    case 'terminate-requested':
    case 'operator-paused':
    case 'operator-resumed':
      return { type: wanted.type, at, actor, reason };
  }
}

/** The message that tells the owner of `shard` to look for a wish. */
export function wishMessage(
  { transactionId, slot, version }: Pick<Wish, 'transactionId' | 'slot' | 'version'>,
  { shard, at }: { readonly shard: Shard; readonly at: number },
): Message<WishData> {
  return {
    id: `${transactionId}/wish/${slot}/${version}`,
    type: wishType,
    source: 'orchestrator',
    topic: inboxTopic,
    key: transactionId,
    partition: shard,
    occurredAt: at,
    traceparent: traceparentOf(transactionId),
    data: { transactionId },
  };
}

/** The message by which a service asks to cancel a transaction that it started. */
export function cancelMessage(
  data: CancelData,
  { source, shard, at }: { readonly source: string; readonly shard: Shard; readonly at: number },
): Message<CancelData> {
  const { transactionId } = data;
  return {
    id: `${transactionId}/cancel`,
    type: cancelType,
    source,
    topic: inboxTopic,
    key: transactionId,
    partition: shard,
    occurredAt: at,
    traceparent: traceparentOf(transactionId),
    data,
  };
}

/** Whether a body is one of `transaction.cancel`. Bounded, because it is journaled as it came (B100). */
export function isCancel(data: object): data is CancelData {
  const { actor, reason } = data as Partial<CancelData>;
  return isShort(actor, 100) && isShort(reason, 500);
}

function isShort(text: unknown, max: number): boolean {
  return typeof text === 'string' && text.length > 0 && text.length <= max;
}
