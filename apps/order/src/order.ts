/**
 * The order as the business sees it: what it costs, which states it has, and which of them are final.
 * Pure: on the order's road it is asked twice, when an order is placed and when the saga settles it.
 * It must never take a price, a total or a status from a client.
 */
import {
  amountMinorMax,
  currency as currencySchema,
  type Currency,
  type OrderProtocol,
  type PlaceOrderInput,
} from '@sagamore/contracts';
import { failed, succeeded, type Refusal, type Reply } from '@sagamore/engine';

export type OrderStatus = 'PENDING' | 'CONFIRMED' | 'REJECTED' | 'CANCELLED';

/** The statuses an order never leaves (I31). */
export type FinalStatus = Exclude<OrderStatus, 'PENDING'>;

/** Why an order was rejected or cancelled. Free of personal data. */
export interface OrderReason {
  readonly code: string;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

export type Address = PlaceOrderInput['shipTo'];

/** What a customer asks for. It names no price: prices are ours (B40). */
export interface Wish {
  readonly customerId: string;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly currency: string;
  readonly paymentToken: string;
  readonly shipTo: Address;
  /** By which kind of transaction it is placed; what comes of it means the same in all. */
  readonly protocol: OrderProtocol;
}

export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
  readonly unitPriceMinor: number;
}

/** An order as stored. Instants are ms of the store's clock; amounts are minor units of `currency`. */
export interface Order {
  readonly orderId: string;
  readonly customerId: string;
  readonly status: OrderStatus;
  readonly reason: OrderReason | null;
  readonly protocol: OrderProtocol;
  readonly lines: readonly OrderLine[];
  readonly currency: string;
  readonly totalMinor: number;
  /** Grows by one with each change; 1 when placed. */
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A product with one price for each currency it is sold in. */
export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly prices: readonly { readonly currency: Currency; readonly amountMinor: number }[];
  readonly available: number;
}

export interface Priced {
  readonly lines: readonly OrderLine[];
  readonly currency: Currency;
  readonly totalMinor: number;
}

/** At most this many lines an order: one order must stay a small message. */
export const linesMax = 100;
/** At most this many pieces of one SKU, after lines of the same SKU were merged. */
export const quantityMax = 999;

export function isFinal(status: OrderStatus): status is FinalStatus {
  return status !== 'PENDING';
}

/** Prices a wish from the catalogue: lines of one SKU are merged, in the order they first appear.
 *  Answers the first refusal found: `currency-unknown`, `quantity-exceeded`, `sku-unknown`, `price-missing` or
 *  `total-exceeded`. Every sum it makes is an exact integer. */
export function place(
  wish: Pick<Wish, 'lines' | 'currency'>,
  products: ReadonlyMap<string, Product>,
): { readonly priced: Priced } | { readonly refusal: Refusal } {
  const currency = currencySchema.safeParse(wish.currency);
  if (!currency.success) return refuse('currency-unknown', {});
  const lines: OrderLine[] = [];
  let totalMinor = 0;
  for (const [sku, quantity] of merge(wish.lines)) {
    if (quantity > quantityMax) return refuse('quantity-exceeded', { sku, quantityMax });
    const product = products.get(sku);
    if (product === undefined) return refuse('sku-unknown', { sku });
    const price = product.prices.find((entry) => entry.currency === currency.data);
    if (price === undefined) return refuse('price-missing', { sku, currency: currency.data });
    totalMinor += price.amountMinor * quantity;
    // Checked at every line: 999 pieces at the highest price are still exact in a double, a hundred such lines are not.
    if (totalMinor > amountMinorMax) return refuse('total-exceeded', { amountMinorMax });
    lines.push({ sku, quantity, unitPriceMinor: price.amountMinor });
  }
  return { priced: { lines, currency: currency.data, totalMinor } };
}

/** The end of an order whose transaction was undone: a cancellation is the customer's own doing, and no rejection. */
export function endOfUndone(reason: OrderReason): 'REJECTED' | 'CANCELLED' {
  return reason.code === 'cancelled' ? 'CANCELLED' : 'REJECTED';
}

/** What a confirm or reject answers when it changed nothing: `current` is the status found, undefined when there is no
 *  such order. The same end again is a success; another end is never reached (I31), and a person must look. */
export function answerUnchanged(
  current: OrderStatus | undefined,
  wanted: FinalStatus,
): Reply<Record<string, never>> {
  if (current === wanted) return succeeded({});
  const code = current === undefined ? 'ORDER_UNKNOWN' : 'ORDER_FINAL';
  const found = current ?? 'no such order';
  return failed({ code, message: `wanted ${wanted}, found ${found}`, retryable: false });
}

/** Whether an order that stands at `current` can still be CONFIRMED: the answer of its hold. */
export function answerHold(current: OrderStatus | undefined): Reply<Record<string, never>> {
  return current === 'PENDING' ? succeeded({}) : answerUnchanged(current, 'CONFIRMED');
}

function merge(lines: Wish['lines']): Map<string, number> {
  const quantities = new Map<string, number>();
  for (const { sku, quantity } of lines) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  return quantities;
}

function refuse(code: string, details: Record<string, unknown>): { readonly refusal: Refusal } {
  return { refusal: { code, details } };
}
