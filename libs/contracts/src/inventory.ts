/**
 * What inventory can be asked, and what it tells: stock is reserved for all lines of an order or for none.
 */
import { operation } from '@sagamore/runtime';
import { z } from 'zod';
import { currency } from './money.js';

export const sku = z.string().regex(/^[A-Z0-9-]{1,40}$/);

export const stockLine = z.object({ sku, quantity: z.int().min(1) });

const reservation = {
  input: z.object({ orderId: z.string(), lines: z.array(stockLine).min(1) }),
  output: z.object({ reservationId: z.string() }),
};

/** Takes the stock of every line (R26) or refuses with `out-of-stock` and the first SKU that is short. */
export const reserveStock = operation('inventory.reserve', { ...reservation, undo: 'release' });

/** Holds the stock of every line until it is deducted or released (R26); refuses as `reserveStock` does. */
export const holdStock = operation('inventory.hold', {
  ...reservation,
  confirm: 'deduct',
  undo: 'release-hold',
});

/** Takes the stock of every line inside two-phase commit: seen by nobody before the commit, locked until then. */
export const takeStock = operation('inventory.take', reservation);

/** The body of `inventory.products-listed`: the catalogue, told whole at every start; the newest wins. */
export const productsListed = z.object({
  products: z.array(
    z.object({ sku, name: z.string(), prices: z.array(z.object({ currency, amountMinor: z.int().min(0) })) }),
  ),
});

/** The body of `inventory.stock-changed`: what is available now, told at most once a second for each SKU. */
export const stockChanged = z.object({
  levels: z.array(z.object({ sku, available: z.int(), version: z.int() })),
});

export const productsListedType = 'inventory.products-listed';
export const stockChangedType = 'inventory.stock-changed';
