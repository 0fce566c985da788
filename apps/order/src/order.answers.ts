/**
 * What clients are told of orders and products: the outer form of the API, and nothing that is only ours.
 * Neither the address nor the payment token is ever told again.
 */
import type { Currency, OrderProtocol } from '@sagamore/contracts';
import type { Order, OrderLine, OrderReason, OrderStatus, Product } from './order.js';

export interface MoneyAnswer {
  readonly amountMinor: number;
  readonly currency: string;
}

/** Where an order stands. Instants are ISO 8601 in UTC. */
export interface OrderAnswer {
  readonly orderId: string;
  readonly transactionId: string;
  readonly customerId: string;
  readonly status: OrderStatus;
  readonly reason: OrderReason | null;
  readonly protocol: OrderProtocol;
  readonly lines: readonly OrderLine[];
  readonly total: MoneyAnswer;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly links: { readonly self: string; readonly transaction: string; readonly events: string };
}

/** The order was accepted; the same for every repeat of its request (S46). */
export interface AcceptedAnswer {
  readonly orderId: string;
  readonly transactionId: string;
  readonly status: 'PENDING';
}

export interface ProductAnswer {
  readonly sku: string;
  readonly name: string;
  readonly price: MoneyAnswer;
  readonly available: number;
}

export function orderPath(orderId: string): string {
  return `/orders/${orderId}`;
}

export function acceptedAnswer(orderId: string): AcceptedAnswer {
  return { orderId, transactionId: orderId, status: 'PENDING' };
}

export function orderAnswer(order: Order): OrderAnswer {
  const { orderId, customerId, status, reason, protocol, lines, currency } = order;
  const self = orderPath(orderId);
  return {
    orderId,
    transactionId: orderId,
    customerId,
    status,
    reason,
    protocol,
    lines: lines.map(({ sku, quantity, unitPriceMinor }) => ({ sku, quantity, unitPriceMinor })),
    total: { amountMinor: order.totalMinor, currency },
    createdAt: new Date(order.createdAt).toISOString(),
    updatedAt: new Date(order.updatedAt).toISOString(),
    links: { self, transaction: `/transactions/${orderId}`, events: `${self}/events` },
  };
}

/** Undefined for a product that is not sold in `currency`. */
export function productAnswer(product: Product, currency: Currency): ProductAnswer | undefined {
  const price = product.prices.find((entry) => entry.currency === currency);
  if (price === undefined) return undefined;
  const { sku, name, available } = product;
  return { sku, name, price: { amountMinor: price.amountMinor, currency }, available };
}
