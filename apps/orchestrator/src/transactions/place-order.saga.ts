/**
 * An order as a saga: stock, money, parcel, then the pivot. What is refused before the pivot is undone in reverse.
 * Charging comes late and shipping later, because what is hardest to undo should be done last.
 */
import {
  chargePayment,
  confirmOrder,
  createShipment,
  rejectOrder,
  reserveStock,
  type PlaceOrderInput,
} from '@sagamore/contracts';
import { saga } from '@sagamore/engine';

/** Undos of external calls park after three attempts: a refund that fails so often wants a person, not patience. */
const undoRetry = { attemptsMax: 3, baseMs: 200, maxMs: 2_000 };

export const placeOrder = saga<PlaceOrderInput>('place-order', { version: 1 })
  .step('reserve-inventory', reserveStock, ({ input }) => ({ orderId: input.orderId, lines: input.lines }))
  .step(
    'charge-payment',
    chargePayment,
    ({ input: { orderId, customerId, paymentToken, total } }) => ({
      orderId,
      customerId,
      paymentToken,
      amount: total,
    }),
    { timeoutMs: 20_000, undoRetry },
  )
  .step(
    'create-shipment',
    createShipment,
    ({ input: { orderId, shipTo, lines } }) => ({ orderId, shipTo, lines }),
    { timeoutMs: 20_000, undoRetry },
  )
  .step('confirm-order', confirmOrder, ({ input }) => ({ orderId: input.orderId }), {
    pivot: true,
    retriable: true,
  })
  .onCompensated('reject-order', rejectOrder, ({ input, reason }) => ({ orderId: input.orderId, reason }))
  .define();
