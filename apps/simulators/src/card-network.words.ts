/**
 * The words of the card network's protocol: bodies, ledger entries, and what each test token stands for.
 * A body that does not read is refused with 400 before the network decides anything. No rule lives here.
 */
import { amountMinorMax, currency } from '@sagamore/contracts';
import { z } from 'zod';

const key = z.string().min(1).max(200);
const reference = z.string().min(1).max(200);

/** The body of a charge or an authorization. */
export const paymentBody = z.object({
  amountMinor: z.int().min(0).max(amountMinorMax),
  currency,
  token: z.string().min(1).max(100),
  reference,
});
export const refundBody = z.object({ chargeKey: key, reference });
/** The body of a capture or a void. */
export const settlementBody = z.object({ authorizationKey: key, reference: reference.optional() });

/** One effect on the world, as the ledger shows it. */
export const cardEntry = z.object({
  kind: z.enum(['charge', 'refund', 'authorize', 'capture', 'void', 'tombstone']),
  /** The idempotency key of the call; for a tombstone the key that it closes. */
  key: z.string(),
  /** The charge or authorization that is refunded, captured, voided or closed. */
  payment: z.object({ kind: z.enum(['charge', 'authorize']), key: z.string() }).optional(),
  /** Zero for a tombstone. */
  amountMinor: z.int(),
  /** Null for a tombstone. */
  currency: currency.nullable(),
  reference: z.string(),
  /** ms of the network's own clock. */
  at: z.number(),
  refundFails: z.literal(true).optional(),
});

export type CardEntry = z.infer<typeof cardEntry>;
export type PaymentBody = z.infer<typeof paymentBody>;
export type RefundBody = z.infer<typeof refundBody>;
export type SettlementBody = z.infer<typeof settlementBody>;
export type PaymentKind = 'charge' | 'authorize';

const refusals = new Map([
  ['tok_declined', 'card-declined'],
  ['tok_insufficient', 'insufficient-funds'],
  ['tok_insufficient_funds', 'insufficient-funds'],
]);

/** Why a token that is not good is refused. */
export function refusalOf(token: string): string {
  return refusals.get(token) ?? 'card-unknown';
}

/** Tokens whose payment succeeds in the end. */
export const goodTokens: ReadonlySet<string> = new Set([
  'tok_ok',
  'tok_slow',
  'tok_flaky',
  'tok_lost_reply',
  'tok_refund_fails',
]);

/** How a payment is named in answers. */
export const paidWords = {
  charge: { idName: 'chargeId', prefix: 'ch', status: 'captured' },
  authorize: { idName: 'authorizationId', prefix: 'au', status: 'authorized' },
} as const;

/** How the end of a payment is named in answers. */
export const endWords = {
  refund: { prefix: 're', idName: 'refundId', status: 'refunded' },
  capture: { prefix: 'ca', idName: 'captureId', status: 'captured' },
  void: { prefix: 'vo', idName: 'voidId', status: 'voided' },
} as const;
