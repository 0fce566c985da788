/**
 * Goal: the rules of stock hold for every batch that can arrive. Method: properties over random levels and orders,
 * and the few sentences a reader should see as examples.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  allocate,
  changesOf,
  settle,
  skusOf,
  type StockLine,
  type StockMove,
  type StockOrder,
} from './inventory.js';

const skus = ['A', 'B', 'C', 'D'];

const line = fc.record({ sku: fc.constantFrom(...skus), quantity: fc.integer({ min: 1, max: 6 }) });
const orders = fc
  .array(fc.array(line, { minLength: 1, maxLength: 5 }), { maxLength: 12 })
  .map((all) => all.map((lines, index) => order(`o${index}`, lines)));
const levels = fc
  .array(fc.integer({ min: 0, max: 15 }), { minLength: 4, maxLength: 4 })
  .map((counts) => new Map(counts.map((count, index) => [skus[index]!, count])));

function order(operationId: string, lines: readonly StockLine[]): StockOrder {
  return { operationId, transactionId: `tx-${operationId}`, lines };
}

function after(start: ReadonlyMap<string, number>, moves: readonly StockMove[]): Map<string, number> {
  const result = new Map(start);
  for (const { sku, available } of changesOf(moves)) result.set(sku, (result.get(sku) ?? 0) + available);
  return result;
}

function wanted(of: StockOrder, sku: string): number {
  return of.lines.filter((each) => each.sku === sku).reduce((sum, { quantity }) => sum + quantity, 0);
}

describe('allocating stock to a batch of orders', () => {
  test('I03: no level falls below zero and every move is a whole quantity above zero', () => {
    fc.assert(
      fc.property(levels, orders, (start, batch) => {
        const { moves } = allocate(start, batch);
        for (const level of after(start, moves).values()) expect(level).toBeGreaterThanOrEqual(0);
        for (const { quantity } of moves) expect(Number.isSafeInteger(quantity) && quantity > 0).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test('R26: an order takes every line whole, or nothing at all', () => {
    fc.assert(
      fc.property(levels, orders, (start, batch) => {
        const { refusals, moves } = allocate(start, batch);
        batch.forEach((each, index) => {
          for (const sku of skus) {
            const taken = moves.filter((move) => move.operationId === each.operationId && move.sku === sku);
            const expected = refusals[index] === undefined ? wanted(each, sku) : 0;
            expect(taken.map(({ quantity }) => quantity)).toEqual(expected === 0 ? [] : [expected]);
          }
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test('an order is refused only for what those before it really left', () => {
    fc.assert(
      fc.property(levels, orders, (start, batch) => {
        const { refusals, moves } = allocate(start, batch);
        batch.forEach((each, index) => {
          const before = new Set(batch.slice(0, index).map(({ operationId }) => operationId));
          const left = after(
            start,
            moves.filter(({ operationId }) => before.has(operationId)),
          );
          const short = skusOf([each]).some((sku) => wanted(each, sku) > (left.get(sku) ?? 0));
          expect(refusals[index] !== undefined).toBe(short);
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test('I01: what was reserved and given back leaves the levels as they were', () => {
    fc.assert(
      fc.property(levels, orders, (start, batch) => {
        const { refusals, moves } = allocate(start, batch);
        const served = batch.filter((_, index) => refusals[index] === undefined);
        expect(after(start, [...moves, ...settle(served, 'returned')])).toEqual(start);
      }),
      { numRuns: 1_000 },
    );
  });

  test('R26: a hold is as scarce as a sale, and is nobody’s until it is deducted or let go', () => {
    fc.assert(
      fc.property(levels, orders, fc.constantFrom('deducted', 'released'), (start, batch, end) => {
        const taken = allocate(start, batch, 'taken');
        const { refusals, moves } = allocate(start, batch, 'held');
        expect(refusals).toEqual(taken.refusals);
        expect(after(start, moves)).toEqual(after(start, taken.moves));
        const served = batch.filter((_, index) => refusals[index] === undefined);
        const settled = [...moves, ...settle(served, end)];
        for (const { reserved } of changesOf(settled)) expect(reserved).toBe(0);
        expect(after(start, settled)).toEqual(end === 'released' ? start : after(start, taken.moves));
      }),
      { numRuns: 1_000 },
    );
  });

  test('R26: while stock is held it counts as reserved, and what is there stays what was there', () => {
    fc.assert(
      fc.property(levels, orders, (start, batch) => {
        for (const { available, reserved } of changesOf(allocate(start, batch, 'held').moves)) {
          expect(reserved).toBeGreaterThan(0);
          expect(available + reserved).toBe(0);
        }
      }),
    );
  });

  test('a refusal names the first line that is short and what is left of it', () => {
    const start = new Map([
      ['A', 5],
      ['B', 1],
    ]);
    const batch = [
      order('o1', [
        { sku: 'A', quantity: 2 },
        { sku: 'B', quantity: 2 },
      ]),
    ];
    expect(allocate(start, batch)).toEqual({
      refusals: [{ code: 'out-of-stock', details: { sku: 'B', available: 1 } }],
      moves: [],
    });
  });

  test('two lines of one SKU count together', () => {
    const batch = [
      order('o1', [
        { sku: 'A', quantity: 2 },
        { sku: 'A', quantity: 2 },
      ]),
    ];
    expect(allocate(new Map([['A', 3]]), batch).moves).toEqual([]);
    expect(allocate(new Map([['A', 4]]), batch).moves).toEqual([
      { operationId: 'o1', transactionId: 'tx-o1', sku: 'A', kind: 'taken', quantity: 4 },
    ]);
  });

  test('a SKU that is not sold is out of stock', () => {
    const { refusals } = allocate(new Map(), [order('o1', [{ sku: 'NO-SUCH', quantity: 1 }])]);
    expect(refusals).toEqual([{ code: 'out-of-stock', details: { sku: 'NO-SUCH', available: 0 } }]);
  });

  test('a fractional quantity is a bug, not an order', () => {
    expect(() => settle([order('o1', [{ sku: 'A', quantity: 0.5 }])], 'returned')).toThrow(/whole quantity/);
  });
});
