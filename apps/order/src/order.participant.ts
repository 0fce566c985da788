/**
 * The order's end on its transaction's road: confirm is the saga's pivot, reject follows a full undo (R23, R28). Where all
 * is held first the order is too, which is no more than to be PENDING still.
 * A whole batch ends in one statement, with its facts in the same transaction. Neither can be refused, and neither ever
 * changes a final status (I31).
 */
import assert from 'node:assert/strict';
import { concludeOrder, confirmOrder, holdOrder, rejectOrder } from '@sagamore/contracts';
import { succeeded, type Reply } from '@sagamore/engine';
import { ConfirmsBatch, HandlesBatch, Participant, Prepares, UndoesBatch } from '@sagamore/platform';
import { isUuid } from '@sagamore/primitives';
import {
  Database,
  eventTopic,
  OutboxRelay,
  traceparentOf,
  type CommandOf,
  type ConfirmationOf,
  type Message,
  type ReplyOf,
  type Tx,
} from '@sagamore/runtime';
import { answerHold, answerUnchanged, endOfUndone, type FinalStatus } from './order.js';
import { OrderStore, type OrderEnd } from './order.store.js';
import { OrderWakeups } from './order.wakeups.js';

@Participant('order')
export class OrderParticipant {
  constructor(
    private readonly database: Database,
    private readonly orders: OrderStore,
    private readonly relay: OutboxRelay,
    private readonly wakeups: OrderWakeups,
  ) {}

  @HandlesBatch(confirmOrder)
  confirm(
    commands: readonly CommandOf<typeof confirmOrder>[],
    tx: Tx,
  ): Promise<readonly ReplyOf<typeof confirmOrder>[]> {
    return this.end(
      tx,
      commands.map(({ payload }) => confirmed(payload)),
    );
  }

  @HandlesBatch(rejectOrder)
  reject(
    commands: readonly CommandOf<typeof rejectOrder>[],
    tx: Tx,
  ): Promise<readonly ReplyOf<typeof rejectOrder>[]> {
    return this.end(
      tx,
      commands.map(({ payload: { orderId, reason } }) => ({ orderId, reason, status: endOfUndone(reason) })),
    );
  }

  /** Locks nothing: nobody but this transaction ever ends the order. */
  @HandlesBatch(holdOrder)
  async hold(
    commands: readonly CommandOf<typeof holdOrder>[],
    tx: Tx,
  ): Promise<readonly ReplyOf<typeof holdOrder>[]> {
    const orderIds = commands.map(({ payload }) => payload.orderId);
    const statuses = await this.orders.statuses(tx, orderIds.filter(isUuid));
    return orderIds.map((orderId) => answerHold(statuses.get(orderId)));
  }

  @ConfirmsBatch(holdOrder)
  accept(commands: readonly ConfirmationOf<typeof holdOrder>[], tx: Tx): Promise<readonly Reply[]> {
    return this.end(
      tx,
      commands.map(({ payload }) => confirmed(payload.input)),
    );
  }

  /** Nothing to let go: the order stays PENDING until it is rejected with its reason. */
  @UndoesBatch(holdOrder)
  async releaseHold(): Promise<void> {}

  /** The fact that it is CONFIRMED is prepared with it: nobody hears of an order that may still be rolled back. */
  @Prepares(concludeOrder)
  async conclude(
    { payload }: CommandOf<typeof concludeOrder>,
    tx: Tx,
  ): Promise<ReplyOf<typeof concludeOrder>> {
    const [reply] = await this.end(tx, [confirmed(payload)]);
    assert(reply !== undefined, 'one order, one answer');
    return reply;
  }

  private async end(tx: Tx, asked: readonly OrderEnd[]): Promise<readonly Reply<Record<string, never>>[]> {
    const at = this.database.now();
    const ends = asked.filter(({ orderId }) => isUuid(orderId));
    const ended = await this.orders.settle(tx, ends, at);
    const unchanged = ends.map(({ orderId }) => orderId).filter((orderId) => !ended.has(orderId));
    const statuses = unchanged.length === 0 ? new Map() : await this.orders.statuses(tx, unchanged);
    await this.relay.append(
      tx,
      [...new Map(ends.map((end) => [end.orderId, end.status]))].flatMap(([orderId, status]) => {
        const version = ended.get(orderId);
        return version === undefined ? [] : [endedFact({ orderId, status, version, at })];
      }),
    );
    tx.afterCommit(() => this.wakeups.wake(ended.keys()));
    return asked.map(({ orderId, status }) =>
      ended.has(orderId) ? succeeded({}) : answerUnchanged(statuses.get(orderId), status),
    );
  }
}

function confirmed({ orderId }: { readonly orderId: string }): OrderEnd {
  return { orderId, status: 'CONFIRMED', reason: null };
}

interface EndedFact {
  readonly orderId: string;
  readonly status: FinalStatus;
  readonly version: number;
  readonly at: number;
}

/** `order.confirmed`, `order.rejected` or `order.cancelled`, for whoever listens to `order.events`. */
function endedFact({ orderId, status, version, at }: EndedFact): Message {
  const type = `order.${status.toLowerCase()}`;
  return {
    id: `${orderId}/${status.toLowerCase()}`,
    type,
    source: 'order',
    topic: eventTopic('order'),
    key: orderId,
    occurredAt: at,
    traceparent: traceparentOf(orderId),
    data: { orderId, status, version },
  };
}
