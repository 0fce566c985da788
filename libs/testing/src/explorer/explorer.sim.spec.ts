/**
 * Goal: the explorer lets a right saga go, however it is built, and tries all that it says. Method: sagas without a bug, each
 * explored whole.
 */
import { describe, expect, jest, test } from '@jest/globals';
import { assertWithstands, explore } from './explorer.js';
import { hotel, lendingWith, lendThrough, shelf, shelfWithSeats, stayingWith } from './explorer.fixture.js';

jest.setTimeout(180_000);

describe('a right saga', () => {
  test('I12, I15: withstands every single fault in each of its courses, and pairs of them', async () => {
    const explored = await explore(
      lendingWith(() => shelf()),
      { pairsMax: 40 },
    );
    expect(explored.failure).toBeUndefined();
    expect(explored.courses.map(({ told }) => told)).toEqual([
      'everybody says yes',
      '"book" is refused',
      '"deposit" is refused',
    ]);
    const singles = explored.courses.reduce((sum, { tried }) => sum + tried, 0);
    expect(singles).toBeGreaterThan(100);
    expect(explored.pairs.tried).toBe(40);
    expect(explored.pairs.of).toBeGreaterThan(1_000);
    expect(explored.tried).toBe(3 + singles + 40);
    expect(explored.report()).toBe(
      `lend-book 1: ${explored.tried} schedules tried, 40 of the ${explored.pairs.of} with two faults; each ended done or not done, never half`,
    );
    expect(() => assertWithstands(explored)).not.toThrow();
  });

  test('with a consumer of its own that keeps its seats it withstands too', async () => {
    const explored = await explore(lendingWith(shelfWithSeats), { pairsMax: 0 });
    expect(explored.failure).toBeUndefined();
  });

  test('another saga as a step is explored with it, its own steps named behind its name', async () => {
    const explored = await explore(
      lendThrough(() => shelf()),
      { pairsMax: 0 },
    );
    expect(explored.failure).toBeUndefined();
    expect(explored.courses.map(({ told }) => told)).toContain('"lend-book/deposit" is refused');
  });

  test('a participant over HTTP that keeps its keys withstands lost, late and repeated calls', async () => {
    const explored = await explore(
      stayingWith(() => hotel()),
      { pairsMax: 0 },
    );
    expect(explored.failure).toBeUndefined();
    expect(explored.courses[0]?.messages).toBeGreaterThan(2);
  });
});
