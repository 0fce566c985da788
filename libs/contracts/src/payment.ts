/**
 * What payment can be asked. The token stands for a card; no card number ever enters the platform.
 */
import { operation } from '@sagamore/runtime';
import { z } from 'zod';
import { money } from './money.js';

export const paymentToken = z.string().regex(/^tok_[a-z0-9_]{1,60}$/);

const payment = z.object({ orderId: z.string(), customerId: z.string(), paymentToken, amount: money });

/** Charges the card through the network and books it; refuses with the network's word, e.g. `card-declined`. */
export const chargePayment = operation('payment.charge', {
  undo: 'refund',
  effect: 'external',
  input: payment,
  output: z.object({ chargeId: z.string() }),
});

/** Holds the money on the card until it is captured or voided; refuses as `chargePayment` does (R21). */
export const authorizePayment = operation('payment.authorize', {
  confirm: 'capture',
  undo: 'void',
  effect: 'external',
  input: payment,
  output: z.object({ authorizationId: z.string() }),
});
