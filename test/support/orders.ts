/**
 * An order over REST, for specs that start a stack of their own. Everything about it is good unless it is asked otherwise.
 */
import { randomUUID } from 'node:crypto';

export interface AskedOrder {
  readonly sku?: string;
  readonly quantity?: number;
  readonly paymentToken?: string;
  readonly country?: string;
  readonly postcode?: string;
  /** Default: what the API takes when nobody says. */
  readonly protocol?: string;
}

/** Places it under a key of its own and waits for its end, at most 30 s. */
export function placeOrder(url: string, asked: AskedOrder = {}): Promise<Response> {
  const { sku = 'ESPRESSO-CUP', quantity = 1, paymentToken = 'tok_ok', protocol } = asked;
  const { country = 'CH', postcode = '4051' } = asked;
  return fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID(), prefer: 'wait=30' },
    body: JSON.stringify({
      customerId: 'ada',
      currency: 'EUR',
      lines: [{ sku, quantity }],
      paymentToken,
      shipTo: { name: 'Ada', street: 'Row 1', city: 'Oldport', postcode, country },
      protocol,
    }),
  });
}
