/**
 * Goal: whatever the providers do, and whenever somebody cancels or a process dies, a trip is whole or not at all.
 * Method: behaviours drawn for every step and every undo, acts drawn in between; what stands at the end is judged.
 */
import { expect, test } from '@jest/globals';
import {
  failsTimes,
  fails,
  givenSaga,
  isAway,
  isBusyTimes,
  keepsFailing,
  losesReply,
  missesTimes,
  refuses,
  staysSilent,
  succeeds,
  type Fake,
} from '@sagamore/testing/kit';
import fc from 'fast-check';
import { bookTrip } from './book-trip.saga.js';

const input = {
  tripId: 'trip-1',
  customerId: 'ada',
  from: 'LON',
  to: 'OSL',
  departsOn: '2026-03-01',
  returnsOn: '2026-03-05',
  currency: 'EUR' as const,
  paymentToken: 'tok_ok',
  approvalAboveMinor: 60_000,
};

const undo = fc.constantFrom<Fake>(
  succeeds(),
  failsTimes(3),
  missesTimes(2, succeeds()),
  isBusyTimes(2, succeeds()),
);

/** Every way in which somebody who would answer `output` may behave; its undo always works in the end. */
function playing<Output>(output: Output): fc.Arbitrary<Fake<Output>> {
  const action = fc.constantFrom<Fake<Output>>(
    succeeds(output),
    succeeds(output).after('25 seconds'),
    failsTimes(2, succeeds(output)),
    missesTimes(1, succeeds(output)),
    isBusyTimes(3, succeeds(output)),
    losesReply(output),
    refuses('no'),
    refuses('no').after('7 seconds'),
    fails(),
    keepsFailing(),
    staysSilent(),
    isAway(),
  );
  return fc.tuple(action, undo).map(([fake, undoing]) => fake.undoing(undoing));
}

const providers = fc.record({
  flight: playing({ bookingId: 'f', amountMinor: 20_000, arrivesAt: '2026-03-01T10:00:00Z' }),
  hotel: playing({ bookingId: 'h', amountMinor: 40_000 }),
  car: playing({ bookingId: 'c', amountMinor: 10_000 }),
  charge: playing({ chargeId: 'ch' }),
  'issue-tickets': playing({ ticketNumber: 't' }),
});
const bookings = ['car', 'charge', 'flight', 'hotel'];

test('I07, I14, I15: a trip that is undone leaves nothing booked or paid, one that is ticketed leaves everything', async () => {
  const given = fc.record({
    fakes: providers,
    approved: fc.constantFrom(true, true, false, undefined),
    acts: fc.array(fc.constantFrom('cancel', 'crash', '5 seconds', '1 minute'), { maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(given, async ({ fakes, approved, acts }) => {
      let script = givenSaga(bookTrip)
        .withInput(input)
        .participants({ ...fakes, 'send-itinerary': succeeds({}) });
      for (const act of acts)
        if (act === 'cancel') script = script.cancel();
        else if (act === 'crash') script = script.crash();
        else script = script.skip(act === '1 minute' ? '1 minute' : '5 seconds');
      if (approved !== undefined) script = script.signal('approve-trip', { approved });
      const run = await script.run();
      const standing = run.standing.filter((step) => bookings.includes(step)).toSorted();
      if (run.outcome === 'compensated') expect([standing, run.bugs]).toEqual([[], []]);
      if (run.outcome === 'completed') expect([standing, run.undone]).toEqual([bookings, []]);
      // Whoever is neither is parked: only a pivot that nobody answers for, or a charge, leaves that to a person.
      if (run.outcome === 'parked') expect(['charge', 'issue-tickets']).toContain(run.reason.branchId);
      expect(['compensated', 'completed', 'parked']).toContain(run.outcome);
    }),
    { numRuns: 400 },
  );
});
