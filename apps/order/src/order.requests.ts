/**
 * What clients may send to the order API, and how it is read: bodies, queries and cursors.
 * The first room on the order's road; what passes here is trusted afterwards. It decides nothing about orders.
 */
import { createHash } from 'node:crypto';
import {
  address,
  currency,
  paymentToken,
  placeOrderDefinitions,
  sku,
  type OrderProtocol,
} from '@sagamore/contracts';
import { isUuid } from '@sagamore/primitives';
import { z } from 'zod';
import { linesMax, quantityMax } from './order.js';

/** The body of `POST /orders`. Strict: a price, a total or a status is refused, not ignored (B17, B40). The currency is
 *  only bounded here; whether it is one of ours is the business's answer (422). */
export const placeOrderBody = z.strictObject({
  customerId: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
  lines: z
    .array(z.strictObject({ sku, quantity: z.int().min(1).max(quantityMax) }))
    .min(1)
    .max(linesMax),
  currency: z.string().regex(/^[A-Za-z]{1,8}$/),
  paymentToken,
  shipTo: address,
  protocol: z.enum(Object.keys(placeOrderDefinitions) as [OrderProtocol, ...OrderProtocol[]]).default('saga'),
});

export type PlaceOrderBody = z.infer<typeof placeOrderBody>;

const limitMax = 200;

/** The query of `GET /orders`. A limit above 200 means 200; anything that is no positive number is refused (B64). */
export const listOrdersQuery = z.strictObject({
  status: z.enum(['PENDING', 'CONFIRMED', 'REJECTED', 'CANCELLED']).optional(),
  customerId: placeOrderBody.shape.customerId.optional(),
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,9}$/)
    .default('50')
    .transform((text) => Math.min(Number(text), limitMax)),
  cursor: z.string().min(1).max(200).optional(),
});

export type ListOrdersQuery = z.infer<typeof listOrdersQuery>;

/** The query of `GET /products`. */
export const listProductsQuery = z.strictObject({ currency: currency.default('EUR') });

export type ListProductsQuery = z.infer<typeof listProductsQuery>;

/** Where a list goes on: after this order, for the same filters alone. */
export function writeCursor(
  orderId: string,
  filters: Pick<ListOrdersQuery, 'status' | 'customerId'>,
): string {
  return Buffer.from(`${orderId}${seal(orderId, filters)}`).toString('base64url');
}

/** The order id of a cursor, or undefined when it was tampered with or belongs to other filters. The seal finds accidents
 *  and mix-ups; it is no secret, for a cursor opens nothing that its filters do not. */
export function readCursor(
  cursor: string,
  filters: Pick<ListOrdersQuery, 'status' | 'customerId'>,
): string | undefined {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const orderId = text.slice(0, 36);
  return isUuid(orderId) && writeCursor(orderId, filters) === cursor ? orderId : undefined;
}

function seal(
  orderId: string,
  { status, customerId }: Pick<ListOrdersQuery, 'status' | 'customerId'>,
): string {
  return createHash('sha256')
    .update(JSON.stringify(['orders', orderId, status ?? null, customerId ?? null]))
    .digest('base64url')
    .slice(0, 16);
}
