/**
 * What the example shop sells: a fixed list, so that every instance and every test knows the same products and prices.
 * Beyond the named products it grows numbered ones (`SKU-00001`), for load. It knows nothing of what is left in stock.
 */
import { currencyDecimals, type Currency } from '@sagamore/contracts';

export interface Price {
  readonly currency: Currency;
  /** Minor units of the currency. */
  readonly amountMinor: number;
}

export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly prices: readonly Price[];
  /** What the shop holds on its first day; from then on only moves count. */
  readonly initialStock: number;
}

export interface CatalogueOptions {
  /** How many products in all; from 1. */
  readonly size: number;
  /** The first day's stock of every product that is not scarce; from 0. */
  readonly initialStock: number;
}

/** [SKU, name, price in euro cents, first day's stock where it is scarce]. */
const named: readonly (readonly [string, string, number, number?])[] = [
  ['COFFEE-BEANS-1KG', 'Coffee beans, 1 kg', 1_890],
  ['COFFEE-GROUND-500G', 'Ground coffee, 500 g', 990],
  ['ESPRESSO-CUP', 'Espresso cup', 750],
  ['FILTER-PAPER-100', 'Filter papers, 100', 450],
  ['HAND-GRINDER', 'Hand grinder', 6_900],
  ['KETTLE-GOOSENECK', 'Gooseneck kettle', 8_450],
  ['MILK-JUG-350ML', 'Milk jug, 350 ml', 1_990],
  ['MOKA-POT-6', 'Moka pot for six', 3_450],
  ['MUG-STONEWARE', 'Stoneware mug', 1_290],
  ['SCALE-KITCHEN', 'Kitchen scale', 2_990],
  ['TEA-ASSAM-250G', 'Assam tea, 250 g', 1_150],
  ['TEA-CHAMOMILE-50G', 'Chamomile tea, 50 g', 490],
  ['TEA-EARL-GREY-250G', 'Earl Grey tea, 250 g', 1_090],
  ['TEA-SENCHA-100G', 'Sencha tea, 100 g', 1_450],
  ['TEAPOT-GLASS-1L', 'Glass teapot, 1 l', 2_790],
  ['TEA-STRAINER', 'Tea strainer', 590],
  ['CHOCOLATE-DARK-100G', 'Dark chocolate, 100 g', 390],
  ['HONEY-FOREST-500G', 'Forest honey, 500 g', 1_050],
  ['OAT-BISCUITS-300G', 'Oat biscuits, 300 g', 520],
  ['THERMOS-750ML', 'Thermos flask, 750 ml', 3_290],
  ['SCARCE-HONEY-ROYAL', 'Royal honey, twenty jars', 4_900, 20],
  ['SCARCE-TEA-CAKE-1998', 'Tea cake of 1998, five pieces', 18_900, 5],
  ['LAST-ONE-SAMOVAR', 'Brass samovar, the last one', 49_900, 1],
  ['SOLD-OUT-TEAPOT-SILVER', 'Silver teapot, sold out', 129_900, 0],
];

/** Thousandths of one major unit for one euro. Fixed: prices are part of the example, not of the market. */
const rates: Readonly<Record<Currency, number>> = {
  EUR: 1_000,
  USD: 1_100,
  GBP: 860,
  CHF: 950,
  JPY: 163_000,
  KWD: 335,
};

const currencies = Object.keys(rates).filter((code): code is Currency => code in currencyDecimals);

/** The first `size` products: the named ones, then numbered ones. The same for the same options, always. */
export function catalogue({ size, initialStock }: CatalogueOptions): readonly Product[] {
  const products = named.slice(0, size).map(([sku, name, cents, scarce]) => ({
    sku,
    name,
    prices: pricesOf(cents),
    initialStock: scarce ?? initialStock,
  }));
  const more = Math.max(0, size - named.length);
  return [...products, ...Array.from({ length: more }, (_, index) => numbered(index + 1, initialStock))];
}

function numbered(number: number, initialStock: number): Product {
  const digits = String(number).padStart(5, '0');
  return {
    sku: `SKU-${digits}`,
    name: `Product ${digits}`,
    prices: pricesOf(500 + ((number * 37) % 9_500)),
    initialStock,
  };
}

function pricesOf(euroCents: number): readonly Price[] {
  return currencies.map((currency) => ({
    currency,
    amountMinor: Math.max(
      1,
      Math.round((euroCents * rates[currency] * 10 ** currencyDecimals[currency]) / 100_000),
    ),
  }));
}
