/**
 * Goal: the order's rules hold for any wish and any catalogue. Method: properties over generated catalogues and lines,
 * and the named cases of the catalogue of bad input; nothing is waited for or stored.
 */
import { describe, expect, test } from '@jest/globals';
import { amountMinorMax, currencyDecimals, type Currency } from '@sagamore/contracts';
import fc from 'fast-check';
import {
  answerUnchanged,
  endOfUndone,
  linesMax,
  place,
  quantityMax,
  type FinalStatus,
  type Product,
} from './order.js';

const currencies = Object.keys(currencyDecimals).filter((word): word is Currency => word in currencyDecimals);

function product(sku: string, prices: Partial<Record<Currency, number>>): [string, Product] {
  const entries = currencies.flatMap((currency) => {
    const amountMinor = prices[currency];
    return amountMinor === undefined ? [] : [{ currency, amountMinor }];
  });
  return [sku, { sku, name: sku, prices: entries, available: 5 }];
}

const catalogue = new Map([
  product('CUP', { EUR: 1299, JPY: 2000, KWD: 4500 }),
  product('TEE', { EUR: 50 }),
  product('YACHT', { EUR: amountMinorMax }),
]);

const someLines = fc.array(
  fc.record({ sku: fc.constantFrom('A', 'B', 'C', 'D'), quantity: fc.integer({ min: 1, max: 9 }) }),
  { minLength: 1, maxLength: linesMax },
);
const somePrices = fc.tuple(...['A', 'B', 'C', 'D'].map(() => fc.integer({ min: 0, max: 1_000_000 })));

describe('placing an order', () => {
  test('the total is the exact sum of the server’s prices, whatever lines repeat', () => {
    fc.assert(
      fc.property(someLines, somePrices, (lines, prices) => {
        const products = new Map(
          ['A', 'B', 'C', 'D'].map((sku, index) => product(sku, { EUR: prices[index]! })),
        );
        const expected = lines.reduce(
          (sum, line) => sum + BigInt(products.get(line.sku)!.prices[0]!.amountMinor) * BigInt(line.quantity),
          0n,
        );
        const decision = place({ lines, currency: 'EUR' }, products);
        expect(decision).toHaveProperty('priced');
        if (!('priced' in decision)) return;
        expect(BigInt(decision.priced.totalMinor)).toBe(expected);
        const again = decision.priced.lines.reduce(
          (sum, line) => sum + line.unitPriceMinor * line.quantity,
          0,
        );
        expect(again).toBe(decision.priced.totalMinor);
      }),
    );
  });

  test('B44: lines of one SKU are merged, in the order they first appear', () => {
    fc.assert(
      fc.property(someLines, (lines) => {
        const products = new Map(['A', 'B', 'C', 'D'].map((sku) => product(sku, { EUR: 1 })));
        const decision = place({ lines, currency: 'EUR' }, products);
        if (!('priced' in decision)) throw new Error('expected a price');
        expect(decision.priced.lines.map((line) => line.sku)).toEqual([
          ...new Set(lines.map((line) => line.sku)),
        ]);
        for (const { sku, quantity } of decision.priced.lines) {
          const asked = lines.filter((line) => line.sku === sku);
          expect(quantity).toBe(asked.reduce((sum, line) => sum + line.quantity, 0));
        }
      }),
    );
  });

  test('B44: lines that exceed the bound of one SKU only together are refused', () => {
    const lines = [
      { sku: 'TEE', quantity: quantityMax },
      { sku: 'TEE', quantity: 1 },
    ];
    expect(place({ lines, currency: 'EUR' }, catalogue)).toMatchObject({
      refusal: { code: 'quantity-exceeded' },
    });
  });

  test('B38: a total beyond 10^12 minor units is refused and never wraps', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: quantityMax }),
        fc.integer({ min: 1, max: quantityMax }),
        (yachts, tees) => {
          const lines = [
            { sku: 'YACHT', quantity: yachts },
            { sku: 'TEE', quantity: tees },
          ];
          expect(place({ lines, currency: 'EUR' }, catalogue)).toMatchObject({
            refusal: { code: 'total-exceeded' },
          });
        },
      ),
    );
  });

  test('B38: a total of exactly 10^12 minor units is accepted', () => {
    const decision = place({ lines: [{ sku: 'YACHT', quantity: 1 }], currency: 'EUR' }, catalogue);
    expect(decision).toMatchObject({ priced: { totalMinor: amountMinorMax } });
  });

  test.each(['XXX', 'eur', 'Euro', '__proto__', 'constructor', 'toString'])(
    'B39: the currency %s is refused',
    (currency) => {
      const decision = place({ lines: [{ sku: 'CUP', quantity: 1 }], currency }, catalogue);
      expect(decision).toMatchObject({ refusal: { code: 'currency-unknown' } });
    },
  );

  test('B39: currencies without decimals and with three are sums of their own minor units', () => {
    const lines = [{ sku: 'CUP', quantity: 3 }];
    expect(place({ lines, currency: 'JPY' }, catalogue)).toMatchObject({ priced: { totalMinor: 6000 } });
    expect(place({ lines, currency: 'KWD' }, catalogue)).toMatchObject({ priced: { totalMinor: 13_500 } });
  });

  test('B39: a product without a price in the currency is refused', () => {
    const decision = place({ lines: [{ sku: 'TEE', quantity: 1 }], currency: 'JPY' }, catalogue);
    expect(decision).toMatchObject({ refusal: { code: 'price-missing', details: { sku: 'TEE' } } });
  });

  test('B45: an unknown SKU refuses the whole order', () => {
    const lines = [
      { sku: 'CUP', quantity: 1 },
      { sku: 'NOPE', quantity: 1 },
    ];
    expect(place({ lines, currency: 'EUR' }, catalogue)).toEqual({
      refusal: { code: 'sku-unknown', details: { sku: 'NOPE' } },
    });
  });
});

describe('the end of an order that was not changed', () => {
  const finals: FinalStatus[] = ['CONFIRMED', 'REJECTED', 'CANCELLED'];

  test.each(finals)('R28: asking again for the end it has, %s, succeeds', (status) => {
    expect(answerUnchanged(status, status)).toEqual({ outcome: 'succeeded', output: {} });
  });

  test('I31: asking for another end fails for good, and is no refusal', () => {
    expect(answerUnchanged('REJECTED', 'CONFIRMED')).toMatchObject({
      outcome: 'failed',
      failure: { code: 'ORDER_FINAL', retryable: false },
    });
  });

  test('an order that does not exist fails for good', () => {
    expect(answerUnchanged(undefined, 'REJECTED')).toMatchObject({
      outcome: 'failed',
      failure: { code: 'ORDER_UNKNOWN', retryable: false },
    });
  });
});

test('R28: what was undone because it was called off is CANCELLED, whatever else is REJECTED', () => {
  expect(['cancelled', 'out-of-stock', 'timed-out'].map((code) => endOfUndone({ code }))).toEqual([
    'CANCELLED',
    'REJECTED',
    'REJECTED',
  ]);
});
