/**
 * What a travel provider can be asked, and what the booking of a trip begins with. The provider speaks HTTP, so the
 * orchestrator calls it itself; it knows neither our broker nor our barrier.
 */
import { operation } from '@sagamore/runtime';
import { z } from 'zod';
import { currency } from './money.js';
import { orderReason } from './order.js';
import { paymentToken } from './payment.js';

const city = z.string().regex(/^[A-Z]{3}$/);
const amountMinor = z.int().min(0);
const booked = z.object({ bookingId: z.string(), amountMinor });

/** The input of the `book-trip` transaction. `approvalAboveMinor`: a dearer trip waits for a person. */
export const bookTripInput = z.strictObject({
  tripId: z.string().min(1).max(100),
  customerId: z.string().min(1).max(100),
  from: city,
  to: city,
  departsOn: z.iso.date(),
  returnsOn: z.iso.date(),
  currency,
  paymentToken,
  approvalAboveMinor: amountMinor,
});

export type BookTripInput = z.infer<typeof bookTripInput>;

/** What an approver says: the payload of the signal `approve-trip`. */
export const approval = z.strictObject({
  approved: z.boolean(),
  by: z.string().max(100).optional(),
  comment: z.string().max(500).optional(),
});

/** Refuses with `fully-booked`. Tells when it lands, for whoever waits there with a car. */
export const bookFlight = operation('travel.book-flight', {
  undo: 'cancel-flight',
  effect: 'external',
  transport: 'http',
  input: z.object({ tripId: z.string(), from: city, to: city, departsOn: z.iso.date(), currency }),
  output: booked.extend({ arrivesAt: z.iso.datetime() }),
});

/** Refuses with `fully-booked`. */
export const bookHotel = operation('travel.book-hotel', {
  undo: 'cancel-hotel',
  effect: 'external',
  transport: 'http',
  input: z.object({ tripId: z.string(), city, from: z.iso.date(), until: z.iso.date(), currency }),
  output: booked,
});

/** Refuses with `no-car`. */
export const bookCar = operation('travel.book-car', {
  undo: 'cancel-car',
  effect: 'external',
  transport: 'http',
  input: z.object({ tripId: z.string(), city, from: z.iso.datetime(), until: z.iso.date(), currency }),
  output: booked,
});

/** Turns bookings into tickets, which nobody takes back. */
export const issueTickets = operation('travel.issue-tickets', {
  effect: 'external',
  transport: 'http',
  input: z.object({ tripId: z.string(), bookingIds: z.array(z.string()).min(1) }),
  output: z.object({ ticketNumber: z.string() }),
});

/** Tells the traveller how it ended; cannot be refused. */
export const tellTraveller = operation('travel.tell-traveller', {
  effect: 'external',
  transport: 'http',
  input: z.object({
    tripId: z.string(),
    ticketNumber: z.string().optional(),
    reason: orderReason.optional(),
  }),
  output: z.object({}),
});
