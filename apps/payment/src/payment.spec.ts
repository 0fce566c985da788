/**
 * Goal: money is neither made nor lost by any sequence of charges and refunds. Method: properties over random payments.
 */
import { describe, expect, test } from '@jest/globals';
import { amountMinorMax, currencyDecimals, type Currency } from '@sagamore/contracts';
import fc from 'fast-check';
import {
  customerAccount,
  entriesOfCapture,
  entriesOfCharge,
  entriesOfHold,
  entriesOfRefund,
  entriesOfRelease,
  holdAccount,
  merchantAccount,
  type LedgerEntry,
  type Payment,
} from './payment.js';

const currencies = Object.keys(currencyDecimals).filter((code): code is Currency => code in currencyDecimals);

const payment = fc
  .record({
    number: fc.nat(),
    customerId: fc.constantFrom('ada', 'bo', 'chi'),
    amountMinor: fc.integer({ min: 0, max: amountMinorMax }),
    currency: fc.constantFrom(...currencies),
  })
  .map(({ number, customerId, amountMinor, currency }): Payment => ({
    operationId: `tx-${number}/charge-payment/action`,
    transactionId: `tx-${number}`,
    customerId,
    amount: { amountMinor, currency },
  }));

function balances(entries: readonly LedgerEntry[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { account, currency, amountMinor } of entries) {
    const name = `${account} ${currency}`;
    sums.set(name, (sums.get(name) ?? 0) + amountMinor);
  }
  return sums;
}

function sumIn(entries: readonly LedgerEntry[], currency: Currency): number {
  return entries
    .filter((entry) => entry.currency === currency)
    .reduce((sum, entry) => sum + entry.amountMinor, 0);
}

describe('the books of payment', () => {
  test('I04: every charge and every refund sums to zero in its currency', () => {
    fc.assert(
      fc.property(payment, (one) => {
        for (const currency of currencies) {
          expect(sumIn(entriesOfCharge(one), currency)).toBe(0);
          expect(sumIn(entriesOfRefund(one), currency)).toBe(0);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('I04: without the card network the accounts hold exactly what was deposited and not withdrawn', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(payment, fc.boolean()), { maxLength: 20 }), (payments) => {
        const entries = payments.flatMap(([one, isRefunded]) => [
          ...entriesOfCharge(one),
          ...(isRefunded ? entriesOfRefund(one) : []),
        ]);
        for (const currency of currencies) {
          const held = sumIn(
            entries.filter(({ account }) => account !== 'card-network'),
            currency,
          );
          const kept = payments.filter(
            ([one, isRefunded]) => !isRefunded && one.amount.currency === currency,
          );
          expect(held).toBe(kept.reduce((sum, [one]) => sum + one.amount.amountMinor, 0));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('I06: a customer is never overdrawn and holds nothing after a whole operation', () => {
    fc.assert(
      fc.property(payment, (one) => {
        const after = balances([...entriesOfCharge(one), ...entriesOfRefund(one)]);
        for (const balance of after.values()) expect(balance).toBe(0);
        const charged = balances(entriesOfCharge(one)).get(
          `${customerAccount(one.customerId)} ${one.amount.currency}`,
        );
        expect(charged ?? 0).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('I05: a hold stands in its account until it is captured or voided, and nothing of it is left then', () => {
    fc.assert(
      fc.property(payment, fc.boolean(), (one, isCaptured) => {
        const { amountMinor, currency } = one.amount;
        const account = `${holdAccount(one.customerId)} ${currency}`;
        const held = entriesOfHold(one);
        expect(balances(held).get(account) ?? 0).toBe(amountMinor);
        const settled = [...held, ...(isCaptured ? entriesOfCapture(one) : entriesOfRelease(one))];
        expect(sumIn(settled, one.amount.currency)).toBe(0);
        const after = balances(settled);
        expect(after.get(account) ?? 0).toBe(0);
        const merchant = after.get(`${merchantAccount} ${currency}`) ?? 0;
        expect(merchant).toBe(isCaptured ? amountMinor : 0);
      }),
      { numRuns: 500 },
    );
  });

  test('R27: captured money ends with the merchant', () => {
    const one: Payment = {
      operationId: 'op',
      transactionId: 'tx',
      customerId: 'ada',
      amount: { amountMinor: 1_250, currency: 'EUR' },
    };
    expect(balances(entriesOfCharge(one)).get(`${merchantAccount} EUR`)).toBe(1_250);
  });

  test('I06: a charge of nothing books nothing, and a fraction of a minor unit is a bug', () => {
    const amount = { amountMinor: 0, currency: 'EUR' } as const;
    const nothing: Payment = { operationId: 'op', transactionId: 'tx', customerId: 'ada', amount };
    expect(entriesOfCharge(nothing)).toEqual([]);
    expect(() => entriesOfCharge({ ...nothing, amount: { ...amount, amountMinor: 0.5 } })).toThrow(
      /minor units/,
    );
  });
});
