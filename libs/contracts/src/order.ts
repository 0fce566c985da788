/**
 * What the order service can be asked by the saga, what it tells, and what the saga begins with.
 */
import { operation } from '@sagamore/runtime';
import { z } from 'zod';
import { stockLine } from './inventory.js';
import { money } from './money.js';
import { paymentToken } from './payment.js';
import { address } from './shipping.js';

/** The input of the `place-order` transaction. */
export const placeOrderInput = z.object({
  orderId: z.string(),
  customerId: z.string(),
  lines: z.array(stockLine).min(1),
  total: money,
  paymentToken,
  shipTo: address,
});

export type PlaceOrderInput = z.infer<typeof placeOrderInput>;

export const orderReason = z.object({
  code: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** The pivot: the order is CONFIRMED. Cannot be refused (R23). */
export const confirmOrder = operation('order.confirm', {
  input: z.object({ orderId: z.string() }),
  output: z.object({}),
});

/** The order is REJECTED with its reason, after everything was undone (R28). Cannot be refused. */
export const rejectOrder = operation('order.reject', {
  input: z.object({ orderId: z.string(), reason: orderReason }),
  output: z.object({}),
});

/** Bodies of `order.placed`, `order.confirmed` and `order.rejected` on `order.events`. */
export const orderEvent = z.object({ orderId: z.string(), status: z.string(), version: z.int() });
