/**
 * What can become of an order, and by which words a customer brings it about: tokens, countries, postcodes and SKUs on
 * which the simulated world reacts. The mix is drawn from a seed, so a failed run can be had again.
 */
import { seededRandom, type Random } from '@sagamore/primitives';

export type End = 'CONFIRMED' | 'REJECTED';

/** One kind of order: how it is asked for, and how it must end. */
export interface Fate {
  readonly name: string;
  /** Of a hundred orders, about. */
  readonly share: number;
  readonly paymentToken: string;
  readonly country?: string;
  readonly postcode?: string;
  /** Default: one that is in good supply. */
  readonly skus?: readonly string[];
  /** More than one where it depends on who came first. */
  readonly ends: readonly End[];
  /** The code of the rejection. */
  readonly reason?: string;
  /** Waits for a person on its way. */
  readonly parks?: boolean;
}

const confirmed = { ends: ['CONFIRMED'] } as const;
const rejected = (reason: string) => ({ ends: ['REJECTED'], reason }) as const;

export const fates: readonly Fate[] = [
  { name: 'good', share: 70, paymentToken: 'tok_ok', ...confirmed },
  { name: 'declined', share: 6, paymentToken: 'tok_declined', ...rejected('card-declined') },
  {
    name: 'without funds',
    share: 4,
    paymentToken: 'tok_insufficient_funds',
    ...rejected('insufficient-funds'),
  },
  { name: 'flaky card', share: 5, paymentToken: 'tok_flaky', ...confirmed },
  { name: 'lost reply', share: 4, paymentToken: 'tok_lost_reply', ...confirmed },
  { name: 'slow card', share: 0.7, paymentToken: 'tok_slow', ...confirmed },
  { name: 'slow carrier', share: 0.5, paymentToken: 'tok_ok', postcode: 'SLOW', ...confirmed },
  { name: 'no carrier', share: 5, paymentToken: 'tok_ok', country: 'AQ', ...rejected('country-not-served') },
  {
    name: 'sold out',
    share: 3,
    paymentToken: 'tok_ok',
    skus: ['SOLD-OUT-TEAPOT-SILVER'],
    ...rejected('out-of-stock'),
  },
  {
    name: 'scarce',
    share: 1.5,
    paymentToken: 'tok_ok',
    skus: ['SCARCE-HONEY-ROYAL', 'SCARCE-TEA-CAKE-1998', 'LAST-ONE-SAMOVAR'],
    ends: ['CONFIRMED', 'REJECTED'],
    reason: 'out-of-stock',
  },
  {
    name: 'refund fails',
    share: 0.3,
    paymentToken: 'tok_refund_fails',
    country: 'AQ',
    parks: true,
    ...rejected('country-not-served'),
  },
];

const plenty = [
  'COFFEE-BEANS-1KG',
  'ESPRESSO-CUP',
  'FILTER-PAPER-100',
  'MOKA-POT-6',
  'TEA-ASSAM-250G',
  'THERMOS-750ML',
];
const currencies = ['EUR', 'USD', 'GBP', 'CHF', 'JPY', 'KWD'];

export interface OrderBody {
  readonly customerId: string;
  readonly currency: string;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly paymentToken: string;
  readonly shipTo: Readonly<Record<'name' | 'street' | 'city' | 'postcode' | 'country', string>>;
}

/** How a customer behaves: asks once, twice at the same moment, or again after the answer. */
export type Manner = 'once' | 'twice-at-once' | 'again' | 'other-body-again';

export interface PlannedOrder {
  readonly idempotencyKey: string;
  readonly fate: Fate;
  readonly manner: Manner;
  readonly body: OrderBody;
}

export interface PlanOptions {
  readonly seed: number;
  readonly orders: number;
  /** Keeps the keys of one run apart from those of another on the same stack. */
  readonly run: string;
  /** Default: all. */
  readonly among?: (fate: Fate) => boolean;
}

/** The orders of a run: the same for the same options. Every fate that is wanted occurs at least once in a hundred or more. */
export function planOrders({ seed, orders, run, among = () => true }: PlanOptions): readonly PlannedOrder[] {
  const random = seededRandom(seed);
  const wanted = fates.filter(among);
  return Array.from({ length: orders }, (_, index) => {
    const first = orders >= 100 ? wanted[index] : undefined;
    const fate = first ?? drawFate(random, wanted);
    return {
      idempotencyKey: `${run}-${index}`,
      fate,
      manner: drawManner(random),
      body: bodyFor(fate, random),
    };
  });
}

function drawFate(random: Random, wanted: readonly Fate[]): Fate {
  let left = random.next() * wanted.reduce((sum, { share }) => sum + share, 0);
  const found = wanted.find(({ share }) => (left -= share) < 0) ?? wanted.at(-1);
  if (found === undefined) throw new Error('a run wants at least one fate');
  return found;
}

function drawManner(random: Random): Manner {
  const drawn = random.next();
  if (drawn < 0.08) return 'twice-at-once';
  if (drawn < 0.16) return 'again';
  return drawn < 0.18 ? 'other-body-again' : 'once';
}

function bodyFor(fate: Fate, random: Random): OrderBody {
  const pick = (from: readonly string[]): string => from[Math.floor(random.next() * from.length)] ?? '';
  const scarce = fate.skus === undefined ? [] : [{ sku: pick(fate.skus), quantity: 1 }];
  const plain = { sku: pick(plenty), quantity: 1 + Math.floor(random.next() * 3) };
  return {
    customerId: `customer-${Math.floor(random.next() * 50)}`,
    currency: pick(currencies),
    lines: [...scarce, plain],
    paymentToken: fate.paymentToken,
    shipTo: {
      name: 'Ada Lovelace',
      street: '1 Harbour Road',
      city: 'Oldport',
      postcode: fate.postcode ?? '4051',
      country: fate.country ?? 'CH',
    },
  };
}
