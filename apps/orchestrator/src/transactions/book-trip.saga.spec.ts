/**
 * Goal: a trip is booked whole or not at all, whatever its providers and its approver do.
 * Method: the saga itself in virtual time; the schemas of the operations judge what it asks for.
 */
import { describe, expect, test } from '@jest/globals';
import { lint } from '@sagamore/engine';
import {
  assertOutcome,
  givenSaga,
  isAway,
  isBusyTimes,
  losesReply,
  refuses,
  staysSilent,
  succeeds,
} from '@sagamore/testing/kit';
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
  approvalAboveMinor: 100_000,
};
const providers = {
  flight: succeeds({ bookingId: 'f-1', amountMinor: 20_000, arrivesAt: '2026-03-01T10:00:00Z' }),
  hotel: succeeds({ bookingId: 'h-1', amountMinor: 40_000 }),
  car: succeeds({ bookingId: 'c-1', amountMinor: 10_000 }),
  charge: succeeds({ chargeId: 'ch-1' }),
  'issue-tickets': succeeds({ ticketNumber: 't-1' }),
  'send-itinerary': succeeds({}),
};
const trip = givenSaga(bookTrip).withInput(input).participants(providers);
const dear = givenSaga(bookTrip)
  .withInput({ ...input, approvalAboveMinor: 60_000 })
  .participants(providers);

test('the linter has nothing to say', () => {
  expect(lint(bookTrip)).toEqual([]);
});

describe('a trip', () => {
  test('flight and hotel are asked at once, the car when the landing is known, then money, tickets and the itinerary', async () => {
    const slow = { flight: providers.flight.after('3 seconds'), hotel: providers.hotel.after('5 seconds') };
    const run = await trip.participants(slow).run();
    assertOutcome(run, 'completed');
    expect(run.output).toEqual({ ticketNumber: 't-1', amountMinor: 70_000 });
    const began = Object.fromEntries(run.calls.map(({ step, at }) => [step, at - run.calls[0]!.at]));
    expect(began).toEqual({
      flight: 0,
      hotel: 0,
      car: 3_000,
      charge: 5_000,
      'issue-tickets': 5_000,
      'send-itinerary': 5_000,
    });
    expect(run.calls.find(({ step }) => step === 'car')?.payload).toMatchObject({
      from: '2026-03-01T10:00:00Z',
    });
  });

  test('S14: refused while the hotel is still being asked, its answer is awaited, then it is undone; the car is never asked', async () => {
    const run = await trip
      .participants({
        flight: refuses('fully-booked').after('2 seconds'),
        hotel: providers.hotel.after('8 seconds'),
      })
      .run();
    expect(run).toMatchObject({ outcome: 'compensated', undone: ['hotel'], standing: ['tell-declined'] });
    expect(run.commands).toEqual(['do flight', 'do hotel', 'undo hotel', 'do tell-declined']);
    const undo = run.calls.find(({ half }) => half === 'undo');
    expect(undo && undo.at - run.calls[0]!.at).toBe(8_000);
  });

  test('S15: the car is undone before the flight it was booked for; what is independent is undone beside it', async () => {
    const run = await trip.participants({ charge: refuses('card-declined') }).run();
    expect(run.undone).toHaveLength(3);
    expect(run.undone.indexOf('car')).toBeLessThan(run.undone.indexOf('flight'));
    expect(run.standing).toEqual(['tell-declined']);
    expect(run.calls.at(-1)?.payload).toEqual({ tripId: 'trip-1', reason: { code: 'card-declined' } });
  });

  test('R6: a charge whose answer is lost is probed: found, the trip goes on; not found, nothing was taken and all is undone', async () => {
    const found = await trip.participants({ charge: losesReply({ chargeId: 'ch-1' }) }).run();
    expect(found).toMatchObject({ outcome: 'completed' });
    const lost = await trip.participants({ charge: staysSilent() }).run();
    expect(lost).toMatchObject({ outcome: 'compensated', standing: ['tell-declined'] });
    expect(lost.commands).toContain('probe charge');
    expect(lost.commands).not.toContain('undo charge');
  });

  test('S27: nobody can say whether tickets were issued: neither undone nor passed, until a person does', async () => {
    const unknown = trip.participants({ 'issue-tickets': isAway() }).skip('1 hour');
    const parked = await unknown.now();
    expect(parked).toMatchObject({ outcome: 'parked', reason: { branchId: 'issue-tickets' }, undone: [] });
    const settled = unknown.setResult('issue-tickets', { ticketNumber: 'by-phone' });
    expect(await settled.run()).toMatchObject({ output: { ticketNumber: 'by-phone' } });
  });
});

describe('a dear trip', () => {
  test('waits for a person, and goes on with the word that comes', async () => {
    expect(await dear.now()).toMatchObject({
      outcome: 'waiting',
      waitingFor: [{ name: 'approve-trip', until: '2026-01-03T00:00:00.000Z' }],
    });
    const run = await dear.skip('47 hours').signal('approve-trip', { approved: true, by: 'bob' }).run();
    expect(run).toMatchObject({ outcome: 'completed' });
  });

  test('refused by the person, everything booked is undone', async () => {
    const run = await dear.signal('approve-trip', { approved: false }).run();
    expect(run).toMatchObject({ reason: { refusal: { code: 'rejected' } }, standing: ['tell-declined'] });
    expect(run.commands).not.toContain('do charge');
  });

  test('S41: the approval that comes at the deadline is too late, and the trip is undone once', async () => {
    const late = dear.until('2026-01-03T00:00:00Z').signal('approve-trip', { approved: true });
    expect(await late.run()).toMatchObject({
      outcome: 'compensated',
      reason: { kind: 'timed-out', branchId: 'approve-trip' },
      unheard: ['signal approve-trip'],
    });
  });

  test('S28: the whole is over after three days: before the tickets all is undone, after them a person is alarmed', async () => {
    const approved = (fakes: Parameters<typeof dear.participants>[0]) =>
      dear.participants(fakes).skip('47 hours').signal('approve-trip', { approved: true });
    const before = await approved({ charge: isBusyTimes(2_000, providers.charge) }).run();
    assertOutcome(before, 'compensated');
    expect(before).toMatchObject({ reason: { kind: 'timed-out' }, standing: ['tell-declined'] });
    expect(before.reason).not.toHaveProperty('branchId');
    const after = await approved({ 'send-itinerary': isAway() })
      .skip('30 hours')
      .participants({ 'send-itinerary': succeeds({}).after('1 second') })
      .resume()
      .run();
    expect(after).toMatchObject({ outcome: 'completed', alarms: ['deadline-passed'], undone: [] });
  });

  test('S31: cancelled while it waits for the person, it is undone at once', async () => {
    const run = await dear.settle().cancel().signal('approve-trip', { approved: true }).run();
    expect(run).toMatchObject({ reason: { kind: 'cancelled' }, unheard: ['signal approve-trip'], tookMs: 0 });
  });
});
