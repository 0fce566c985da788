/**
 * What the travel provider and the billing provider do, and how they misbehave on request. Prices are fixed: what a trip
 * costs is nobody's point here.
 */
import {
  bookCar,
  bookFlight,
  bookHotel,
  chargeCard,
  closeAccess,
  collectPayment,
  issueTickets,
  openAccess,
  remindCustomer,
  tellTraveller,
} from '@sagamore/contracts';
import { idFrom } from './calls.js';
import type { Offer, Verdict } from './desk.js';

/** An operation of the contracts, as far as a provider cares. */
interface Asked {
  readonly action: string;
  readonly compensation?: string;
  readonly input: {
    readonly '~standard': {
      validate(value: unknown): { readonly issues?: unknown } | Promise<{ readonly issues?: unknown }>;
    };
  };
}

type Body = Readonly<Record<string, unknown>>;

const slowMs = 2_000;
const prices = { flight: 20_000, hotel: 40_000, car: 10_000 };

function offer(asked: Asked, decide: Offer['decide']): Offer {
  const { action, compensation } = asked;
  return {
    action,
    ...(compensation !== undefined && { compensation }),
    fits: (body) => fits(asked, body),
    decide,
  };
}

function fits({ input }: Asked, body: unknown): boolean {
  const result = input['~standard'].validate(body);
  return !(result instanceof Promise) && result.issues === undefined;
}

/** A city without a place, one whose provider is slow, and one whose answers are lost. */
function bookingIn(city: unknown, refusal: string, output: Body): Verdict {
  switch (city) {
    case 'NIL':
      return { refusal };
    case 'SLO':
      return { output, busyMs: slowMs };
    case 'LST':
      return { output, isLost: true };
    default:
      return { output };
  }
}

const nothing = (): Verdict => ({ output: {} });

export const travelOffers: readonly Offer[] = [
  offer(bookFlight, ({ to, departsOn }, key) =>
    bookingIn(to, 'fully-booked', {
      bookingId: idFrom('fl', key),
      amountMinor: prices.flight,
      arrivesAt: `${String(departsOn)}T12:00:00Z`,
    }),
  ),
  offer(bookHotel, ({ city }, key) =>
    // The hotels of a city that has no cars are fine.
    bookingIn(city === 'NOC' ? undefined : city, 'fully-booked', {
      bookingId: idFrom('ho', key),
      amountMinor: prices.hotel,
    }),
  ),
  offer(bookCar, ({ city }, key) =>
    bookingIn(city === 'NOC' ? 'NIL' : undefined, 'no-car', {
      bookingId: idFrom('ca', key),
      amountMinor: prices.car,
    }),
  ),
  offer(issueTickets, (_body, key) => ({ output: { ticketNumber: idFrom('ti', key) } })),
  offer(tellTraveller, nothing),
];

/** How often `tok_flaky` finds its bank away, for each key. */
const flakyTimes = 2;

function paid(
  { paymentToken }: Body,
  times: number,
  { output, unpaid }: { readonly output: Body; readonly unpaid: Verdict },
): Verdict {
  switch (paymentToken) {
    case 'tok_ok':
      return { output };
    case 'tok_lost_reply':
      return { output, isLost: true };
    case 'tok_slow':
      return { output, busyMs: slowMs };
    case 'tok_flaky':
      return times < flakyTimes ? { status: 503 } : { output };
    default:
      return unpaid;
  }
}

/** `tok_expires` is a card that is good for the first payment alone. */
function fresh(body: Body): Body {
  return body['paymentToken'] === 'tok_expires' ? { ...body, paymentToken: 'tok_ok' } : body;
}

export const billingOffers: readonly Offer[] = [
  offer(chargeCard, (body, key, times) =>
    paid(fresh(body), times, {
      output: { chargeId: idFrom('bc', key) },
      unpaid: { refusal: 'card-declined' },
    }),
  ),
  offer(collectPayment, (body, _key, times) =>
    paid(body, times, { output: { isPaid: true }, unpaid: { output: { isPaid: false } } }),
  ),
  offer(openAccess, nothing),
  offer(closeAccess, nothing),
  offer(remindCustomer, nothing),
];
