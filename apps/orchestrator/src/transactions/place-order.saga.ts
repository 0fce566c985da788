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

/** A provider that restarts is away for seconds, and no order should be rejected for that: ten attempts last half a minute. */
const patient = { timeoutMs: 20_000, retry: { attemptsMax: 10 } };

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
    patient,
  )
  .step(
    'create-shipment',
    createShipment,
    ({ input: { orderId, shipTo, lines } }) => ({ orderId, shipTo, lines }),
    patient,
  )
  .step('confirm-order', confirmOrder, ({ input }) => ({ orderId: input.orderId }), {
    pivot: true,
    retriable: true,
  })
  .onCompensated('reject-order', rejectOrder, ({ input, reason }) => ({ orderId: input.orderId, reason }))
  .define();
