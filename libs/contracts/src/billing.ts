/**
 * What a billing provider can be asked, and what a subscription begins with. It speaks HTTP, as the travel provider does.
 */
import { operation } from '@sagamore/runtime';
import { z } from 'zod';
import { money } from './money.js';
import { paymentToken } from './payment.js';

const reference = z.string().min(1).max(200);

/** The input of the `subscription` transaction. `amount` is due each quarter, the first one at once. */
export const subscribeInput = z.strictObject({
  subscriptionId: z.string().min(1).max(100),
  customerId: z.string().min(1).max(100),
  paymentToken,
  amount: money,
});

export type SubscribeInput = z.infer<typeof subscribeInput>;

/** What a customer says to pay with another card: the payload of the signal `new-card`. */
export const newCard = z.strictObject({ paymentToken });

export type NewCard = z.infer<typeof newCard>;

/** What a customer says to leave: the payload of a signal `leave-before-…`. */
export const leaving = z.strictObject({ because: z.string().max(500).optional() });

export type Leaving = z.infer<typeof leaving>;

const payment = z.object({ reference, customerId: z.string(), paymentToken, amount: money });

/** Takes the money or refuses with the card network's word, e.g. `card-declined`. */
export const chargeCard = operation('billing.charge', {
  undo: 'refund',
  effect: 'external',
  transport: 'http',
  input: payment,
  output: z.object({ chargeId: z.string() }),
});

/** Takes the money if it can be had. That it cannot is an answer here, not a refusal: whoever asks means to ask again. */
export const collectPayment = operation('billing.collect', {
  effect: 'external',
  transport: 'http',
  input: payment,
  output: z.object({ isPaid: z.boolean() }),
});

/** Lets the customer in until the end of a quarter, from 1; asked again, it changes nothing. */
export const openAccess = operation('billing.open-access', {
  effect: 'external',
  transport: 'http',
  input: z.object({ subscriptionId: z.string(), quarter: z.int().min(1) }),
  output: z.object({}),
});

/** Lets the customer in no more. */
export const closeAccess = operation('billing.close-access', {
  effect: 'external',
  transport: 'http',
  input: z.object({ subscriptionId: z.string() }),
  output: z.object({}),
});

/** Asks the customer for another card. */
export const remindCustomer = operation('billing.remind', {
  effect: 'external',
  transport: 'http',
  input: z.object({ subscriptionId: z.string(), quarter: z.int().min(1), isLast: z.boolean() }),
  output: z.object({}),
});
