/**
 * What the order service can be asked by a transaction, what it tells, and what its transaction begins with.
 */
import { operation } from '@sagamore/runtime';
import { z } from 'zod';
import { stockLine } from './inventory.js';
import { money } from './money.js';
import { paymentToken } from './payment.js';
import { address } from './shipping.js';

/** The input of the transaction that places an order, whatever its protocol. */
export const placeOrderInput = z.object({
  orderId: z.string(),
  customerId: z.string(),
  lines: z.array(stockLine).min(1),
  total: money,
  paymentToken,
  shipTo: address,
});

export type PlaceOrderInput = z.infer<typeof placeOrderInput>;

/** The definition of the transaction by which an order is placed, for each protocol a customer may ask for. */
export const placeOrderDefinitions = {
  saga: 'place-order',
  tcc: 'place-order-tcc',
  'two-phase-commit': 'place-order-two-phase-commit',
} as const;

export type OrderProtocol = keyof typeof placeOrderDefinitions;

export const orderReason = z.object({
  code: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** The pivot: the order is CONFIRMED. Cannot be refused (R23). */
export const confirmOrder = operation('order.confirm', {
  input: z.object({ orderId: z.string() }),
  output: z.object({}),
});

/** The order is still PENDING, and CONFIRMED when everybody else holds what it needs. */
export const holdOrder = operation('order.hold', {
  confirm: 'accept',
  undo: 'release-hold',
  input: z.object({ orderId: z.string() }),
  output: z.object({}),
});

/** The order is CONFIRMED inside two-phase commit: seen by nobody before the commit. */
export const concludeOrder = operation('order.conclude', {
  input: z.object({ orderId: z.string() }),
  output: z.object({}),
});

/** The order is REJECTED with its reason, after everything was undone (R28); with the reason `cancelled` it is CANCELLED.
 *  Cannot be refused. */
export const rejectOrder = operation('order.reject', {
  input: z.object({ orderId: z.string(), reason: orderReason }),
  output: z.object({}),
});

/** Bodies of `order.placed`, `order.confirmed`, `order.rejected` and `order.cancelled` on `order.events`. */
export const orderEvent = z.object({ orderId: z.string(), status: z.string(), version: z.int() });
