/** What a run of orders decides and tells before and after it meets a stack. Method: plain data. */
import { describe, expect, test } from '@jest/globals';
import { fates, planOrders, type Fate } from '../e2e/fates.js';
import type { OrderResult } from '../e2e/orders.client.js';
import { drawKills } from './kills.js';
import { fateTable } from './table.js';

const victims = ['order', 'inventory', 'payment', 'shipping', 'orchestrator'];

describe('who is killed when', () => {
  test.each([1, 2, 3, 4, 5])('everybody dies once, within the run, as the seed %i draws it', (seed) => {
    const plan = { seed, orders: 1_000, victims };
    const kills = drawKills(plan);
    expect([...kills.values()].toSorted()).toEqual(victims.toSorted());
    for (const count of kills.keys()) expect(count).toBeLessThan(1_000);
    expect(drawKills(plan)).toEqual(kills);
  });

  test.each([1, 2, 3, 4, 5])('a single one dies in the middle (seed %i)', (seed) => {
    const [count = 0] = drawKills({ seed, orders: 1_000, victims: ['order'] }).keys();
    expect(count).toBeGreaterThanOrEqual(250);
    expect(count).toBeLessThan(750);
  });

  test('also the fewest orders let everybody die', () => {
    expect([...drawKills({ seed: 1, orders: 10, victims }).keys()].every((count) => count >= 1)).toBe(true);
    expect(drawKills({ seed: 1, orders: 10, victims }).size).toBe(victims.length);
  });
});

describe('the table of fates', () => {
  const fateOf = (name: string): Fate => {
    const found = fates.find((fate) => fate.name === name);
    if (found === undefined) throw new Error(`no fate is called ${name}`);
    return found;
  };
  const ended = (name: string, status: OrderResult['status'], reason?: string): OrderResult => {
    const [planned] = planOrders({
      seed: 1,
      orders: 1,
      run: 'table',
      among: (fate) => fate === fateOf(name),
    });
    if (planned === undefined) throw new Error('no order was planned');
    return { planned, orderId: 'o', status, ...(reason !== undefined && { reason }) };
  };

  test('it counts the ends of each fate, and tells what was not asked for', () => {
    const told = fateTable([
      ended('good', 'CONFIRMED'),
      ended('good', 'CONFIRMED'),
      ended('declined', 'REJECTED', 'card-declined'),
      ended('declined', 'REJECTED', 'out-of-stock'),
      ended('flaky card', 'PARKED'),
    ]);
    expect(told).toEqual([
      'fate        orders  confirmed  rejected  parked  because',
      'good             2          2         –       –                               ✔',
      'declined         2          –         2       –  card-declined, out-of-stock  ✘ 1 otherwise than asked',
      'flaky card       1          –         –       1                               ✘ 1 otherwise than asked',
    ]);
  });
});
