/**
 * Goal: no order is forgotten because a broker lost its start (R17), and none is hidden by others that wait longer.
 * Method: the watchdog over rows held in an array, with a manual clock.
 */
import { describe, expect, test } from '@jest/globals';
import type { OrderProtocol, PlaceOrderInput } from '@sagamore/contracts';
import { ManualClock } from '@sagamore/memory';
import { uuidv7 } from '@sagamore/primitives';
import type { Message } from '@sagamore/runtime';
import { startMessage, type OrderStart } from './order.service.js';
import { OrderWatchdog } from './order.watchdog.js';

const now = 1_800_000_000_000;

function start(orderId: string, protocol: OrderProtocol = 'saga'): OrderStart {
  const startInput: PlaceOrderInput = {
    orderId,
    customerId: 'ada',
    lines: [{ sku: 'CUP', quantity: 1 }],
    total: { amountMinor: 1, currency: 'EUR' },
    paymentToken: 'tok_visa',
    shipTo: { name: 'Ada', street: 'Main 1', city: 'Turin', postcode: '10100', country: 'IT' },
  };
  return { protocol, startInput };
}

function world(ages: readonly number[], max = 500) {
  const clock = new ManualClock();
  const ids = ages.map((ageMs) => uuidv7(now - ageMs)).toSorted();
  const sent: Message[][] = [];
  const watchdog = new OrderWatchdog(
    {
      clock,
      now: () => now,
      cancellations: { resend: async () => 0 },
      bus: { send: async (messages: readonly Message[]) => void sent.push([...messages]) },
      orders: {
        pending: async ({ after, before, limit }) =>
          ids
            .filter((id) => id > after && id < before)
            .slice(0, limit)
            .map((id) => start(id)),
      },
    },
    { shards: 4, max },
  );
  return { clock, ids, sent, watchdog };
}

describe('the watchdog', () => {
  test('R17: an order PENDING for more than a minute has its start sent again, a younger one has not', async () => {
    const { ids, sent, watchdog } = world([120_000, 61_000, 59_000, 0]);
    expect(await watchdog.round()).toBe(2);
    expect(sent).toEqual([[startMessage(start(ids[0]!), now, 4), startMessage(start(ids[1]!), now, 4)]]);
  });

  test('R17: the repeat is the same message: its id, key and shard', () => {
    const first = startMessage(start('01900000-0000-7000-8000-000000000001'), now, 4);
    const again = startMessage(start('01900000-0000-7000-8000-000000000001'), now + 90_000, 4);
    expect({ ...again, occurredAt: now }).toEqual(first);
  });

  test.each([
    ['saga', 'place-order'],
    ['tcc', 'place-order-tcc'],
    ['two-phase-commit', 'place-order-two-phase-commit'],
  ] as const)('R17: an order by %s begins %s again, and no other transaction', (protocol, definition) => {
    const again = startMessage(start('01900000-0000-7000-8000-000000000001', protocol), now, 4);
    expect(again.data.definition).toBe(definition);
  });

  test('a full round goes on where it ended, then begins anew', async () => {
    const { ids, sent, watchdog } = world([90_000, 91_000, 92_000, 93_000, 94_000], 2);
    for (let round = 0; round < 4; round++) await watchdog.round();
    const told = sent.map((messages) => messages.map((message) => message.key));
    expect(told).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4), ids.slice(0, 2)]);
  });

  test('rounds come every 30 s until it is stopped, also after one that failed', async () => {
    const { clock, sent, watchdog } = world([90_000]);
    watchdog.start();
    await clock.advanceAsync(60_000);
    expect(sent).toHaveLength(2);
    await watchdog.stop();
    await clock.advanceAsync(60_000);
    expect(sent).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });
});
