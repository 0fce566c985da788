/**
 * What shipping can be asked.
 */
import { operation } from '@sagamore/runtime';
import { z } from 'zod';
import { stockLine } from './inventory.js';

/** Text that every store can keep as it is: well formed and without U+0000, which Postgres refuses. Counted in code
 *  points, as people count; the bound in code units comes first, so that a huge text costs nothing. */
function text(codePointsMax: number) {
  return z
    .string()
    .min(1)
    .max(codePointsMax * 2)
    .refine(
      (value) => value.isWellFormed() && !value.includes('\0'),
      'must be well-formed text without U+0000',
    )
    .refine(
      (value) => Array.from(value).length <= codePointsMax,
      `must have at most ${codePointsMax} characters`,
    );
}

export const address = z.strictObject({
  name: text(200),
  street: text(200),
  city: text(200),
  postcode: text(20),
  country: z.string().regex(/^[A-Z]{2}$/),
});

const parcel = z.object({ orderId: z.string(), shipTo: address, lines: z.array(stockLine).min(1) });

/** Books a parcel with the carrier; refuses with the carrier's word, e.g. `country-not-served`. */
export const createShipment = operation('shipping.create', {
  undo: 'cancel',
  effect: 'external',
  input: parcel,
  output: z.object({ shipmentId: z.string(), trackingNumber: z.string() }),
});

/** Holds a place at the carrier until it is dispatched or let go; refuses as `createShipment` does (R21). */
export const holdShipment = operation('shipping.hold', {
  confirm: 'dispatch',
  undo: 'release-hold',
  effect: 'external',
  input: parcel,
  output: z.object({ bookingId: z.string() }),
});
