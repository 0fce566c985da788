/**
 * Goal: what clients send is read one way or refused, quickly, whatever its shape. Method: the pure readers, with named
 * cases and generated text; the HTTP half of the same rows is in orders.controller.int.spec.ts.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  listOrdersQuery,
  placeOrderBody,
  readCursor,
  writeCursor,
  type PlaceOrderBody,
} from './order.requests.js';

const body: PlaceOrderBody = {
  customerId: 'ada',
  lines: [{ sku: 'CUP', quantity: 1 }],
  currency: 'EUR',
  paymentToken: 'tok_visa',
  shipTo: { name: 'Ada', street: 'Main 1', city: 'Turin', postcode: '10100', country: 'IT' },
  protocol: 'saga',
};

const orderId = '01900000-0000-7000-8000-000000000001';

describe('a body', () => {
  test.each([0, -1, 1.5, 1e3, '2', true, null, [], 2 ** 31, 2 ** 53, Number.POSITIVE_INFINITY])(
    'B36: the quantity %p is refused',
    (quantity) => {
      expect(placeOrderBody.safeParse({ ...body, lines: [{ sku: 'CUP', quantity }] }).success).toBe(false);
    },
  );

  test('B44: 100 lines pass, none and 101 do not', () => {
    const lines = (count: number) => Array.from({ length: count }, () => ({ sku: 'CUP', quantity: 1 }));
    expect(
      [0, 1, 100, 101].map((count) => placeOrderBody.safeParse({ ...body, lines: lines(count) }).success),
    ).toEqual([false, true, true, false]);
  });

  test('B46: U+0000 and lone surrogates are refused in every text', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('name', 'street', 'city', 'postcode'),
        fc.constantFrom('\0', '\ud800', 'a\udc00b'),
        (member, text) => {
          const shipTo = { ...body.shipTo, [member]: text };
          expect(placeOrderBody.safeParse({ ...body, shipTo }).success).toBe(false);
        },
      ),
    );
  });

  test('B48: lengths are counted in code points', () => {
    const named = (name: string) =>
      placeOrderBody.safeParse({ ...body, shipTo: { ...body.shipTo, name } }).success;
    expect(named('😀'.repeat(200))).toBe(true);
    expect(named('😀'.repeat(201))).toBe(false);
    expect(named('a'.repeat(201))).toBe(false);
  });

  test('B66: shapes made for slow expressions are refused in less than 50 ms', () => {
    const evil = `${'a'.repeat(50_000)}!`;
    const started = performance.now();
    for (const text of [evil, evil.toUpperCase(), `tok_${evil}`]) {
      const shipTo = { ...body.shipTo, name: text, country: text };
      const parsed = placeOrderBody.safeParse({
        ...body,
        customerId: text,
        paymentToken: text,
        currency: text,
        shipTo,
      });
      expect(parsed.success).toBe(false);
    }
    expect(performance.now() - started).toBeLessThan(50);
  });
});

describe('a limit', () => {
  test.each(['0', '-1', '1.5', '1e9', ' 5', '', 'all', '９'])('B64: %p is refused', (limit) => {
    expect(listOrdersQuery.safeParse({ limit }).success).toBe(false);
  });

  test('B64: 50 by default, 200 at most', () => {
    expect(listOrdersQuery.parse({}).limit).toBe(50);
    expect(listOrdersQuery.parse({ limit: '200' }).limit).toBe(200);
    expect(listOrdersQuery.parse({ limit: '1000000000' }).limit).toBe(200);
  });
});

describe('a cursor', () => {
  test('leads back to its order for the same filters', () => {
    const filters = { status: 'PENDING', customerId: 'ada' } as const;
    expect(readCursor(writeCursor(orderId, filters), filters)).toBe(orderId);
  });

  test('B64: one of other filters is refused', () => {
    const cursor = writeCursor(orderId, { status: 'PENDING', customerId: 'ada' });
    expect(readCursor(cursor, { status: 'PENDING', customerId: 'bob' })).toBeUndefined();
    expect(readCursor(cursor, { status: undefined, customerId: 'ada' })).toBeUndefined();
  });

  test('B64: one with any character changed, and any other text, is refused', () => {
    const cursor = writeCursor(orderId, { status: undefined, customerId: undefined });
    const filters = { status: undefined, customerId: undefined };
    fc.assert(
      fc.property(
        fc.nat({ max: cursor.length - 1 }),
        fc.constantFrom('A', 'z', '0', '!', ' '),
        (index, letter) => {
          fc.pre(cursor[index] !== letter);
          expect(
            readCursor(cursor.slice(0, index) + letter + cursor.slice(index + 1), filters),
          ).toBeUndefined();
        },
      ),
    );
    fc.assert(fc.property(fc.string(), (text) => expect(readCursor(text, filters)).toBeUndefined()));
  });
});
