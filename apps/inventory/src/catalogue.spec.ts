/**
 * Goal: the example's catalogue is the same everywhere and every product can be sold in every currency.
 */
import { describe, expect, test } from '@jest/globals';
import { currencyDecimals, productsListed } from '@sagamore/contracts';
import { catalogue } from './catalogue.js';

const usual = { size: 24, initialStock: 10_000 };

describe('the catalogue', () => {
  test('lists the same products in the same order each time it is asked', () => {
    expect(catalogue(usual)).toEqual(catalogue(usual));
    expect(catalogue(usual)).toHaveLength(24);
  });

  test('prices every product in every currency, in whole minor units above zero', () => {
    for (const { prices } of catalogue({ ...usual, size: 2_000 })) {
      expect(prices.map((price) => price.currency)).toEqual(Object.keys(currencyDecimals));
      for (const { amountMinor } of prices)
        expect(Number.isSafeInteger(amountMinor) && amountMinor > 0).toBe(true);
    }
  });

  test('keeps to the decimals of each currency', () => {
    const coffee = catalogue(usual).find(({ sku }) => sku === 'COFFEE-BEANS-1KG');
    expect(coffee?.prices).toEqual([
      { currency: 'EUR', amountMinor: 1_890 },
      { currency: 'USD', amountMinor: 2_079 },
      { currency: 'GBP', amountMinor: 1_625 },
      { currency: 'CHF', amountMinor: 1_796 },
      { currency: 'JPY', amountMinor: 3_081 },
      { currency: 'KWD', amountMinor: 6_332 },
    ]);
  });

  test('holds one product of which there is a single piece, and one that is sold out', () => {
    const scarce = catalogue(usual).filter(({ initialStock }) => initialStock < 2);
    expect(scarce.map(({ sku, initialStock }) => [sku, initialStock])).toEqual([
      ['LAST-ONE-SAMOVAR', 1],
      ['SOLD-OUT-TEAPOT-SILVER', 0],
    ]);
  });

  test('grows numbered products with unique SKUs that the contract accepts', () => {
    const products = catalogue({ size: 3_000, initialStock: 1 });
    expect(products).toHaveLength(3_000);
    expect(new Set(products.map(({ sku }) => sku)).size).toBe(3_000);
    expect(products[24]?.sku).toBe('SKU-00001');
    expect(productsListed.safeParse({ products }).success).toBe(true);
  });
});
