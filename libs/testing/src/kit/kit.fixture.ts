/**
 * Sagas to try the kit on: a trip with most shapes in little, and one that waits for months.
 */
import { saga, type Operation } from '@sagamore/engine';

export function operationOf<Input, Output>(name: string): Operation<Input, Output> {
  return {
    participant: 'agency',
    action: `agency.${name}`,
    compensation: `agency.un${name}`,
    effect: 'local',
  };
}

export interface Trip {
  readonly to: string;
  readonly days: number;
}

export const bookFlight = operationOf<{ readonly to: string }, { readonly flightId: string }>('book-flight');
export const bookHotel = operationOf<{ readonly nights: number }, { readonly hotelId: string }>('book-hotel');
export const chargeCard = operationOf<{ readonly flightId: string }, { readonly chargeId: string }>('charge');
export const remind = operationOf<{ readonly day: number }, null>('remind');

/** Flight, then hotel, then a person, then money. */
export const trip = saga<Trip>('trip', { version: 1 })
  .step('flight', bookFlight, ({ input: { to } }) => ({ to }))
  .step('hotel', bookHotel, ({ input: { days } }) => ({ nights: days }))
  .approval('approve', { deadlineMs: 86_400_000 })
  .step('charge', chargeCard, ({ results }) => ({ flightId: results.flight.flightId }), {
    onUnknown: 'probe',
  })
  .returns(({ results }) => results.charge.chargeId)
  .define();

/** A child, a function of the host, a loop and a wait of a month. */
export const season = saga<{ readonly trips: readonly Trip[] }>('season', { version: 1 })
  .local('count', ({ input }) => input.trips.length)
  .subSaga('first', trip, ({ input }) => input.trips[0] ?? { to: 'home', days: 1 })
  .wait('a-month', 30 * 86_400_000)
  .forEach(
    'remind',
    ({ input }) => input.trips,
    remind,
    ({ days }, index) => ({ day: days + index }),
  )
  .returns(({ results }) => ({ paid: results.first, count: results.count }))
  .define();
