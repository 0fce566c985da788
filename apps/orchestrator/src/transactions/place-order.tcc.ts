/**
 * An order as TCC: everybody holds what it needs at once, and all keep it or all let it go. Nobody else can buy what is
 * held, but everybody can see that it is. What it holds, at the card network and the carrier, is dear: so it is short.
 */
import {
  authorizePayment,
  holdOrder,
  holdShipment,
  holdStock,
  placeOrderDefinitions,
  rejectOrder,
  type PlaceOrderInput,
} from '@sagamore/contracts';
import { tcc } from '@sagamore/engine';

export const placeOrderTcc = tcc<PlaceOrderInput>(placeOrderDefinitions.tcc, { version: 1 })
  .branch('hold-order', holdOrder, ({ orderId }) => ({ orderId }))
  .branch('hold-stock', holdStock, ({ orderId, lines }) => ({ orderId, lines }))
  .branch(
    'authorize-payment',
    authorizePayment,
    ({ orderId, customerId, paymentToken, total }) => ({ orderId, customerId, paymentToken, amount: total }),
    { timeoutMs: 20_000 },
  )
  .branch('hold-shipment', holdShipment, ({ orderId, shipTo, lines }) => ({ orderId, shipTo, lines }), {
    timeoutMs: 20_000,
  })
  .onCancelled('reject-order', rejectOrder, ({ input, reason }) => ({ orderId: input.orderId, reason }))
  .define();
