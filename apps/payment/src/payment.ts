/**
 * The rules of money: double entry in minor units (R27). Whatever happens is a set of entries that sum to zero in their
 * currency once the outside world, `card-network`, is counted too; a balance is only ever a sum of entries.
 * Pure: it says what is to be booked; the store books it.
 */
import assert from 'node:assert/strict';
import type { Money } from '@sagamore/contracts';

export type EntryKind = 'deposit' | 'charge' | 'refund' | 'withdrawal' | 'hold' | 'release';

/** One line of the books. Never zero, never changed, never removed. */
export interface LedgerEntry {
  readonly operationId: string;
  readonly transactionId: string;
  readonly account: string;
  readonly kind: EntryKind;
  readonly currency: string;
  /** Signed: above zero the account gained. */
  readonly amountMinor: number;
}

/** A payment that the card network carried out. */
export interface Payment {
  readonly operationId: string;
  readonly transactionId: string;
  readonly customerId: string;
  readonly amount: Money;
}

/** The world outside the books: what was taken from cards and not given back, or is held on them, stands here with a
 *  minus. */
export const cardNetworkAccount = 'card-network';

/** Where captured money ends. */
export const merchantAccount = 'merchant';

/** The clearing account of one customer: it holds money only within an operation. */
export function customerAccount(customerId: string): string {
  return `customer:${customerId}`;
}

/** What is held on a customer's cards and neither captured nor voided. */
export function holdAccount(customerId: string): string {
  return `hold:${customerId}`;
}

/** An authorization: the money is still the customer's, and nobody else's to spend. */
export function entriesOfHold(payment: Payment): readonly LedgerEntry[] {
  return transfer(payment, {
    kind: 'hold',
    from: cardNetworkAccount,
    to: holdAccount(payment.customerId),
  });
}

/** A hold that ends, by a void or by a capture: the exact mirror of the hold. */
export function entriesOfRelease(payment: Payment): readonly LedgerEntry[] {
  return transfer(payment, {
    kind: 'release',
    from: holdAccount(payment.customerId),
    to: cardNetworkAccount,
  });
}

/** A capture ends the hold and is a charge from then on. */
export function entriesOfCapture(payment: Payment): readonly LedgerEntry[] {
  return [...entriesOfRelease(payment), ...entriesOfCharge(payment)];
}

/** A captured charge: the card pays into the customer's account, which pays the merchant. A charge of nothing books nothing. */
export function entriesOfCharge(payment: Payment): readonly LedgerEntry[] {
  const customer = customerAccount(payment.customerId);
  return [
    ...transfer(payment, { kind: 'deposit', from: cardNetworkAccount, to: customer }),
    ...transfer(payment, { kind: 'charge', from: customer, to: merchantAccount }),
  ];
}

/** A refund in full: the exact mirror of the charge. */
export function entriesOfRefund(payment: Payment): readonly LedgerEntry[] {
  const customer = customerAccount(payment.customerId);
  return [
    ...transfer(payment, { kind: 'refund', from: merchantAccount, to: customer }),
    ...transfer(payment, { kind: 'withdrawal', from: customer, to: cardNetworkAccount }),
  ];
}

interface Transfer {
  readonly kind: EntryKind;
  readonly from: string;
  readonly to: string;
}

function transfer(
  { operationId, transactionId, amount }: Payment,
  { kind, from, to }: Transfer,
): readonly LedgerEntry[] {
  const { amountMinor, currency } = amount;
  assert(
    Number.isSafeInteger(amountMinor) && amountMinor >= 0,
    `whole minor units were wanted, found ${amountMinor}`,
  );
  if (amountMinor === 0) return [];
  const entry = { operationId, transactionId, kind, currency };
  return [
    { ...entry, account: from, amountMinor: -amountMinor },
    { ...entry, account: to, amountMinor },
  ];
}
