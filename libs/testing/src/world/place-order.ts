/**
 * The transaction that a simulated world runs: stock, card, parcel, then the pivot. A small cousin of the example's
 * own, with short time-outs, so that a world of seconds holds many attempts. What is not answered is probed where the
 * work is local and where it is outside, and undone without asking for the parcel, so that every world meets both.
 */
import { saga, sagaProtocol } from '@sagamore/engine';
import { operation } from '@sagamore/runtime';

/** What an order asks for, and what will be said to it. */
export interface SimOrder {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly units: number;
  /** It runs as a saga of parts: a function, a child, and what comes after. */
  readonly inParts: boolean;
  /** The card network will say no. */
  readonly cardDeclined: boolean;
  /** The carrier will say no. */
  readonly parcelRefused: boolean;
  /** The refund fails until the world is healed, so that the transaction parks. */
  readonly refundStuck: boolean;
  /** The handler that takes stock for it throws. */
  readonly stockBreaks: boolean;
}

/** A schema that believes everything: the world's messages are its own. */
function trusted<T>() {
  return {
    '~standard': {
      version: 1 as const,
      vendor: 'sagamore',
      validate: (value: unknown) => ({ value: value as T }),
    },
  };
}

export const takeStock = operation('stock.take', {
  input: trusted<SimOrder>(),
  output: trusted<unknown>(),
  undo: 'return',
});
export const chargeCard = operation('payment.charge', {
  input: trusted<SimOrder>(),
  output: trusted<unknown>(),
  undo: 'refund',
  effect: 'external',
});
export const bookParcel = operation('parcel.book', {
  input: trusted<SimOrder>(),
  output: trusted<unknown>(),
  undo: 'cancel',
  effect: 'external',
});
export const confirmOrder = operation('orders.confirm', {
  input: trusted<{ readonly orderId: string }>(),
  output: trusted<unknown>(),
});
export const rejectOrder = operation('orders.reject', {
  input: trusted<{ readonly orderId: string; readonly reason: unknown }>(),
  output: trusted<unknown>(),
});

/** The measure of every step. */
export const patience = {
  timeoutMs: 900,
  retry: { attemptsMax: 4, baseMs: 40, maxMs: 300 },
  undoRetry: { attemptsMax: 4, baseMs: 40, maxMs: 300 },
  inProgressPollMs: 150,
};

export const placeOrder = saga<SimOrder>('place-order', { version: 1 })
  .step('take-stock', takeStock, ({ input }) => input, { ...patience, onUnknown: 'probe' })
  .step('charge-card', chargeCard, ({ input }) => input, { ...patience, onUnknown: 'probe' })
  .step('book-parcel', bookParcel, ({ input }) => input, patience)
  .step('confirm-order', confirmOrder, ({ input }) => ({ orderId: input.orderId }), {
    ...patience,
    pivot: true,
    retriable: true,
  })
  .onCompensated(
    'reject-order',
    rejectOrder,
    ({ input, reason }) => ({ orderId: input.orderId, reason }),
    patience,
  )
  .define();

/** Attempts of one half in one generation at most (I33). */
export const attemptsMax = 4;

export const protocol = sagaProtocol(placeOrder);
