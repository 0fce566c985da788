/**
 * What shipping can be asked.
 */
import { operation } from '@sagamore/runtime';
import { z } from 'zod';
import { stockLine } from './inventory.js';

export const address = z.strictObject({
  name: z.string().min(1).max(200),
  street: z.string().min(1).max(200),
  city: z.string().min(1).max(200),
  postcode: z.string().min(1).max(20),
  country: z.string().regex(/^[A-Z]{2}$/),
});

/** Books a parcel with the carrier; refuses with the carrier's word, e.g. `country-not-served`. */
export const createShipment = operation('shipping.create', {
  undo: 'cancel',
  effect: 'external',
  input: z.object({ orderId: z.string(), shipTo: address, lines: z.array(stockLine).min(1) }),
  output: z.object({ shipmentId: z.string(), trackingNumber: z.string() }),
});
