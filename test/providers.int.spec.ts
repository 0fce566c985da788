/**
 * Goal: our clients and the simulated outside world understand each other, misbehaviour included.
 * Method: the HTTP clients of payment and shipping, called again as the runtime would, against the real simulators on a
 * free port; what happened outside is read from their ledgers.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Fault } from '@sagamore/resilience';
import { startSimulators } from '@sagamore/simulators';
import { z } from 'zod';
import { HttpCardNetwork, type ChargeAnswer } from '../apps/payment/src/card-network.client.js';
import { HttpCarrier } from '../apps/shipping/src/carrier.client.js';

const amount = { amountMinor: 1_250, currency: 'EUR' as const };
const shipTo = { name: 'Ada', street: 'Row 1', city: 'London', postcode: 'N1', country: 'GB' };
const attemptsMax = 5;
const ledgerPage = z.object({ entries: z.array(z.object({ kind: z.string(), reference: z.string() })) });

describe('our clients and the outside world', () => {
  let simulators: Awaited<ReturnType<typeof startSimulators>>;
  let cardNetwork: HttpCardNetwork;
  let carrier: HttpCarrier;

  beforeAll(async () => {
    simulators = await startSimulators({ cardNetwork: { slowMs: 20 }, carrier: { slowMs: 300 } });
    cardNetwork = new HttpCardNetwork({ url: simulators.url, timeoutMs: 5_000 });
    carrier = new HttpCarrier({ url: simulators.url, timeoutMs: 200 });
  });

  afterAll(async () => {
    await cardNetwork.stop();
    await carrier.stop();
    await simulators.stop();
  });

  const charge = (key: string, token: string): Promise<ChargeAnswer> =>
    cardNetwork.charge(key, { amount, token, reference: `order-of-${key}` });
  const refund = (key: string) =>
    cardNetwork.refund(`${key}/refund`, { chargeKey: key, reference: `order-of-${key}` });

  /** Calls again with the same key until there is an answer, as the runtime does; answers how many calls it took. */
  async function untilAnswered<T>(
    call: () => Promise<T>,
  ): Promise<{ readonly answer: T; readonly calls: number }> {
    for (let calls = 1; calls < attemptsMax; calls++) {
      try {
        return { answer: await call(), calls };
      } catch (error) {
        if (!(error instanceof Fault && error.retryable)) throw error;
      }
    }
    return { answer: await call(), calls: attemptsMax };
  }

  /** The kinds of the ledger's entries whose reference is that of `key`. */
  async function kindsIn(ledger: 'card-network' | 'carrier', key: string): Promise<readonly string[]> {
    const response = await fetch(`${simulators.url}/${ledger}/ledger?limit=1000`);
    const { entries } = ledgerPage.parse(await response.json());
    return entries.filter(({ reference }) => reference === `order-of-${key}`).map(({ kind }) => kind);
  }

  test('a good card is charged once, however often it is asked for', async () => {
    const first = await charge('good', 'tok_ok');
    expect(first).toMatchObject({ status: 'captured' });
    expect(await charge('good', 'tok_ok')).toEqual(first);
    expect(await kindsIn('card-network', 'good')).toEqual(['charge']);
  });

  test.each([
    ['tok_declined', 'card-declined'],
    ['tok_nobody', 'card-unknown'],
  ])('the card %s is refused as %s', async (token, code) => {
    expect(await charge(token, token)).toEqual({ status: 'refused', code });
  });

  test('R7: a charge whose reply is lost takes the money once', async () => {
    const { answer, calls } = await untilAnswered(() => charge('lost', 'tok_lost_reply'));
    expect([answer.status, calls]).toEqual(['captured', 2]);
    expect(await kindsIn('card-network', 'lost')).toEqual(['charge']);
  });

  test('a card network that fails twice is asked a third time with the same key', async () => {
    const { answer, calls } = await untilAnswered(() => charge('flaky', 'tok_flaky'));
    expect([answer.status, calls]).toEqual(['captured', 3]);
    expect(await kindsIn('card-network', 'flaky')).toEqual(['charge']);
  });

  test('a charge is given back once, however often that is asked for', async () => {
    await charge('back', 'tok_ok');
    expect(await refund('back')).toEqual({ status: 'refunded' });
    expect(await refund('back')).toEqual({ status: 'refunded' });
    expect(await kindsIn('card-network', 'back')).toEqual(['charge', 'refund']);
  });

  test('R8: a refund that overtakes its charge leaves a tombstone, and the charge is refused', async () => {
    expect(await refund('overtaken')).toEqual({ status: 'nothing-to-refund' });
    expect(await charge('overtaken', 'tok_ok')).toEqual({ status: 'refused', code: 'voided' });
    expect(await kindsIn('card-network', 'overtaken')).not.toContain('charge');
  });

  // The network has refused the request, not the card: another charge stands under the key and may well have succeeded,
  // so a "declined" would be a lie. A fault that is not retried lets the transaction turn around and undo by the key.
  test('one key for two different charges is a fault that no retry mends, and no second charge', async () => {
    await charge('reused', 'tok_ok');
    const other = cardNetwork.charge('reused', {
      amount: { ...amount, amountMinor: 9_999 },
      token: 'tok_ok',
      reference: 'order-of-reused',
    });
    await expect(other).rejects.toMatchObject({ code: 'PROVIDER_REJECTED', retryable: false });
    expect(await kindsIn('card-network', 'reused')).toEqual(['charge']);
  });

  const ship = (key: string, where: Partial<typeof shipTo> = {}) =>
    carrier.ship(key, { shipTo: { ...shipTo, ...where }, parcels: 1, reference: `order-of-${key}` });
  const cancel = (key: string) =>
    carrier.cancel(`${key}/cancel`, { shipmentKey: key, reference: `order-of-${key}` });

  test('a parcel is booked once and cancelled once', async () => {
    const first = await ship('parcel');
    expect(first).toMatchObject({ status: 'booked' });
    expect(await ship('parcel')).toEqual(first);
    expect(await cancel('parcel')).toEqual({ status: 'cancelled' });
    expect(await cancel('parcel')).toEqual({ status: 'cancelled' });
    expect(await kindsIn('carrier', 'parcel')).toEqual(['shipment', 'cancellation']);
  });

  test('Antarctica is not served', async () => {
    expect(await ship('cold', { country: 'AQ' })).toEqual({ status: 'refused', code: 'country-not-served' });
  });

  test('R7: a carrier slower than our patience is asked again and books once', async () => {
    const { answer, calls } = await untilAnswered(() => ship('slow', { postcode: 'SLOW' }));
    expect(answer).toMatchObject({ status: 'booked' });
    expect(calls).toBeGreaterThan(1);
    expect(await kindsIn('carrier', 'slow')).toEqual(['shipment']);
  });

  test('R8: a cancellation that overtakes its booking leaves a tombstone, and the booking is refused', async () => {
    expect(await cancel('early')).toEqual({ status: 'nothing-to-cancel' });
    expect(await ship('early')).toEqual({ status: 'refused', code: 'voided' });
    expect(await kindsIn('carrier', 'early')).not.toContain('shipment');
  });
});
