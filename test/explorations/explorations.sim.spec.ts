/**
 * Goal: the example's order and trip end done or not done, whatever one fault hits, and their explorations can tell. Method: the
 * crash explorer over their own definitions, every single fault and some pairs; once with an undo that was forgotten.
 */
import { expect, jest, test } from '@jest/globals';
import { reserveStock } from '@sagamore/contracts';
import { explore, undoes, type Cast, type Exploration } from '@sagamore/testing/explorer';
import bookTrip from './book-trip.exploration.js';
import placeOrder, { castOfPlaceOrder } from './place-order.exploration.js';

jest.setTimeout(300_000);

async function withstands(exploration: Exploration, coursesCount: number): Promise<number> {
  const explored = await explore(exploration, { pairsMax: 20 });
  // The report tells what happened, where a comparison of objects would not.
  expect(explored.failure === undefined ? '' : explored.report()).toBe('');
  expect(explored.courses).toHaveLength(coursesCount);
  return explored.tried;
}

test('I07, I15: place-order withstands every single fault in each of its four courses', async () => {
  expect(await withstands(placeOrder, 4)).toBeGreaterThan(300);
});

test('I07, I15: book-trip, whose participants are called over HTTP, withstands every single fault', async () => {
  expect(await withstands(bookTrip, 6)).toBeGreaterThan(500);
});

test('I15: stock that is not given back is found as soon as a card is declined', async () => {
  const forgetful = { ...placeOrder, cast: castWithoutRelease };
  const { failure } = await explore(forgetful, { pairsMax: 0 });
  expect(failure?.told).toEqual(['"charge-payment" is refused']);
  expect(failure?.findings).toEqual(['everything was undone, but stock / LAMP-1: 5 was expected, found 3']);
});

function castWithoutRelease(): Cast {
  const whole = castOfPlaceOrder();
  const { inventory } = whole.services;
  if (inventory === undefined || !('handlers' in inventory)) throw new TypeError('inventory has handlers');
  const actions = inventory.handlers.filter(({ half }) => half === 'action');
  const handlers = [...actions, undoes(reserveStock, () => {})];
  return { ...whole, services: { ...whole.services, inventory: { ...inventory, handlers } } };
}
