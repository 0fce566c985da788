/**
 * A card network and a carrier that live in the service's own process and answer at once, so that the bench measures us
 * and not the outside world. They say yes to everything but one thing: the carrier does not serve Antarctica.
 */
import type { Providers } from '@sagamore/local';

type CardNetwork = NonNullable<NonNullable<Providers['payment']>['cardNetwork']>;
type Carrier = NonNullable<NonNullable<Providers['shipping']>['carrier']>;

const stop = (): Promise<void> => Promise.resolve();

/** Charges and refunds, holds and settles whatever it is asked to. */
export const cardNetwork: CardNetwork = {
  charge: (key) => Promise.resolve({ status: 'captured', chargeId: `ch_${key}` }),
  refund: () => Promise.resolve({ status: 'refunded' }),
  authorize: (key) => Promise.resolve({ status: 'authorized', authorizationId: `au_${key}` }),
  capture: () => Promise.resolve({ status: 'captured' }),
  void: () => Promise.resolve({ status: 'voided' }),
  stop,
};

const notServed = { status: 'refused', code: 'country-not-served' } as const;

function shipmentOf(key: string) {
  return { status: 'booked', shipmentId: `sh_${key}`, trackingNumber: `TR${key}` } as const;
}

/** Ships everywhere but to country AQ, which it refuses as the simulator does. */
export const carrier: Carrier = {
  ship: async (key, { shipTo }) => (shipTo.country === 'AQ' ? notServed : shipmentOf(key)),
  hold: async (key, { shipTo }) =>
    shipTo.country === 'AQ' ? notServed : { status: 'held', bookingId: `bo_${key}` },
  dispatch: async (_key, { bookingKey }) => shipmentOf(bookingKey),
  cancel: () => Promise.resolve({ status: 'cancelled' }),
  stop,
};
