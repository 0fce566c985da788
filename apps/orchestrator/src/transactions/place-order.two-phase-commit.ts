/**
 * An order by two-phase commit: order and inventory prepare in their own databases, the card network and the carrier hold
 * (R21), and nothing is seen before all have voted yes. Whoever voted keeps its locks until it is told: so every prepare
 * is asked few times, and the decision without an end. Only for goods that others keep locked it waits longer: it has
 * nothing of theirs, so they come to their end, and an order is not rejected because the shop is busy.
 */
import {
  authorizePayment,
  concludeOrder,
  holdShipment,
  placeOrderDefinitions,
  rejectOrder,
  takeStock,
  type PlaceOrderInput,
} from '@sagamore/contracts';
import { twoPhaseCommit } from '@sagamore/engine';

export const placeOrderTwoPhaseCommit = twoPhaseCommit<PlaceOrderInput>(
  placeOrderDefinitions['two-phase-commit'],
  { version: 1 },
)
  .participant('confirm-order', concludeOrder, ({ orderId }) => ({ orderId }))
  .participant('take-stock', takeStock, ({ orderId, lines }) => ({ orderId, lines }), {
    retry: { attemptsMax: 8, maxMs: 1_000 },
  })
  .participant(
    'authorize-payment',
    authorizePayment,
    ({ orderId, customerId, paymentToken, total }) => ({ orderId, customerId, paymentToken, amount: total }),
    { timeoutMs: 20_000 },
  )
  .participant('hold-shipment', holdShipment, ({ orderId, shipTo, lines }) => ({ orderId, shipTo, lines }), {
    timeoutMs: 20_000,
  })
  .onAborted('reject-order', rejectOrder, ({ input, reason }) => ({ orderId: input.orderId, reason }))
  .define();
