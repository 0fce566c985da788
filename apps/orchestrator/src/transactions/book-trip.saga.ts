/**
 * A trip as a saga: flight and hotel at once, the car when the landing is known, a person's word if it is dear, money,
 * then the tickets, which nobody takes back. The participants are called over HTTP, so a lost answer is probed by key.
 */
import {
  bookCar,
  bookFlight,
  bookHotel,
  chargeCard,
  issueTickets,
  tellTraveller,
  type BookTripInput,
} from '@sagamore/contracts';
import { saga } from '@sagamore/engine';

const hourMs = 3_600_000;
/** Providers hold what is booked for three days; after that nothing of it can be relied upon. */
const deadlineMs = 72 * hourMs;
const approvalMs = 48 * hourMs;
/** A bank may ask the card's holder before it answers. */
const charging = { onUnknown: 'probe', inProgressPollMs: 60_000 } as const;

interface Priced {
  readonly amountMinor: number;
}

function totalOf(results: Readonly<Record<'flight' | 'hotel' | 'car', Priced>>): number {
  return results.flight.amountMinor + results.hotel.amountMinor + results.car.amountMinor;
}

export const bookTrip = saga<BookTripInput>('book-trip', { version: 1, deadlineMs, parallelUndo: true })
  .parallel((group) =>
    group
      .step('flight', bookFlight, ({ input: { tripId, from, to, departsOn, currency } }) => ({
        tripId,
        from,
        to,
        departsOn,
        currency,
      }))
      .step('hotel', bookHotel, ({ input: { tripId, to, departsOn, returnsOn, currency } }) => ({
        tripId,
        city: to,
        from: departsOn,
        until: returnsOn,
        currency,
      }))
      .step(
        'car',
        bookCar,
        ({ input: { tripId, to, returnsOn, currency }, results }) => ({
          tripId,
          city: to,
          from: results.flight.arrivesAt,
          until: returnsOn,
          currency,
        }),
        { after: ['flight'] },
      ),
  )
  .when(
    ({ input, results }) => totalOf(results) > input.approvalAboveMinor,
    (dear) => dear.approval('approve-trip', { deadlineMs: approvalMs }),
  )
  .step(
    'charge',
    chargeCard,
    ({ input: { tripId, customerId, paymentToken, currency }, results }) => ({
      reference: tripId,
      customerId,
      paymentToken,
      amount: { amountMinor: totalOf(results), currency },
    }),
    charging,
  )
  .step(
    'issue-tickets',
    issueTickets,
    ({ input: { tripId }, results: { flight, hotel, car } }) => ({
      tripId,
      bookingIds: [flight.bookingId, hotel.bookingId, car.bookingId],
    }),
    { pivot: true, onUnknown: 'probe' },
  )
  .step(
    'send-itinerary',
    tellTraveller,
    ({ input: { tripId }, results }) => ({ tripId, ticketNumber: results['issue-tickets'].ticketNumber }),
    { retriable: true },
  )
  .returns(({ results }) => ({
    ticketNumber: results['issue-tickets'].ticketNumber,
    amountMinor: totalOf(results),
  }))
  .onCompensated('tell-declined', tellTraveller, ({ input, reason }) => ({ tripId: input.tripId, reason }))
  .define();
