/**
 * A card network and a carrier that live in the service's own process and answer at once, so that the bench measures us
 * and not the outside world. They say yes to everything but one thing: the carrier does not serve Antarctica.
 */
import type { Providers } from '@sagamore/local';

type CardNetwork = NonNullable<NonNullable<Providers['payment']>['cardNetwork']>;
type Carrier = NonNullable<NonNullable<Providers['shipping']>['carrier']>;

const stop = (): Promise<void> => Promise.resolve();

/** Charges and refunds whatever it is asked to. */
export const cardNetwork: CardNetwork = {
  charge: (key) => Promise.resolve({ status: 'captured', chargeId: `ch_${key}` }),
  refund: () => Promise.resolve({ status: 'refunded' }),
  stop,
};

/** Ships everywhere but to country AQ, which it refuses as the simulator does. */
export const carrier: Carrier = {
  ship: (key, { shipTo }) =>
    Promise.resolve(
      shipTo.country === 'AQ'
        ? { status: 'refused', code: 'country-not-served' }
        : { status: 'booked', shipmentId: `sh_${key}`, trackingNumber: `TR${key}` },
    ),
  cancel: () => Promise.resolve({ status: 'cancelled' }),
  stop,
};
