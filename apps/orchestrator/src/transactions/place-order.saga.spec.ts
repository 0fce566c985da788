/**
 * Goal: an order ends as its definition promises, whatever its four services answer.
 * Method: the saga itself in virtual time, its participants played; the schemas of the operations judge every message.
 */
import { describe, expect, test } from '@jest/globals';
import {
  failsTimes,
  givenSaga,
  keepsFailing,
  losesReply,
  refuses,
  staysSilent,
  succeeds,
} from '@sagamore/testing/kit';
import { placeOrder } from './place-order.saga.js';

const order = givenSaga(placeOrder)
  .withInput({
    orderId: 'o-1',
    customerId: 'ada',
    lines: [{ sku: 'LAMP-1', quantity: 2 }],
    total: { amountMinor: 9_800, currency: 'EUR' },
    paymentToken: 'tok_ok',
    shipTo: { name: 'Ada', street: '1 Byron Row', city: 'London', postcode: 'N1', country: 'GB' },
  })
  .participants({
    'reserve-inventory': succeeds({ reservationId: 'r-1' }),
    'charge-payment': succeeds({ chargeId: 'c-1' }),
    'create-shipment': succeeds({ shipmentId: 's-1', trackingNumber: 't-1' }),
    'confirm-order': succeeds({}),
    'reject-order': succeeds({}),
  });

describe('an order', () => {
  test('completes step by step, and nothing is undone', async () => {
    const run = await order.run();
    expect(run).toMatchObject({ outcome: 'completed', undone: [] });
    expect(run.commands).toEqual([
      'do reserve-inventory',
      'do charge-payment',
      'do create-shipment',
      'do confirm-order',
    ]);
  });

  test('S13, R28: refused by the carrier, money and stock go back in reverse, then the customer is told why', async () => {
    const run = await order.participants({ 'create-shipment': refuses('country-not-served') }).run();
    expect(run).toMatchObject({ outcome: 'compensated', undone: ['charge-payment', 'reserve-inventory'] });
    expect(run.calls.at(-1)).toMatchObject({
      step: 'reject-order',
      payload: { orderId: 'o-1', reason: { code: 'country-not-served' } },
    });
    expect(run.standing).toEqual(['reject-order']);
  });

  test('S11: refused at the first step, nothing is undone, and the order is rejected all the same', async () => {
    const run = await order.participants({ 'reserve-inventory': refuses('out-of-stock') }).run();
    expect(run.commands).toEqual(['do reserve-inventory', 'do reject-order']);
  });

  test('S16: a charge that took effect unheard is refunded, and the order is rejected as timed out', async () => {
    const run = await order.participants({ 'charge-payment': losesReply({ chargeId: 'c-1' }) }).run();
    expect(run).toMatchObject({ outcome: 'compensated', undone: ['charge-payment', 'reserve-inventory'] });
    expect(run.calls.at(-1)).toMatchObject({ payload: { reason: { code: 'timed-out' } } });
  });

  test('S20: a refund that keeps failing parks the order after ten attempts; the stock behind it stays', async () => {
    const run = await order
      .participants({
        'charge-payment': succeeds({ chargeId: 'c-1' }).undoing(keepsFailing()),
        'create-shipment': refuses('country-not-served'),
      })
      .run();
    expect(run).toMatchObject({
      outcome: 'parked',
      reason: { kind: 'undo-failed', branchId: 'charge-payment' },
      standing: ['reserve-inventory', 'charge-payment'],
    });
    const undos = run.calls.filter(({ step, half }) => step === 'charge-payment' && half === 'undo');
    expect(undos).toHaveLength(10);
  });

  test('S26: the pivot is repeated, never undone', async () => {
    const run = await order.participants({ 'confirm-order': failsTimes(4, succeeds({})) }).run();
    expect(run).toMatchObject({ outcome: 'completed', undone: [] });
  });

  test('S27: a pivot that nobody answers for is neither undone nor passed: a person decides', async () => {
    const unknown = order.participants({ 'confirm-order': staysSilent() });
    const run = await unknown.run();
    expect(run).toMatchObject({ outcome: 'parked', reason: { branchId: 'confirm-order' }, undone: [] });
    const resumed = unknown
      .skip('1 day')
      .participants({ 'confirm-order': succeeds({}) })
      .resume();
    expect(await resumed.run()).toMatchObject({ outcome: 'completed' });
  });

  test('S109: cancelled before the pivot is asked for, everything is undone; after that the order goes through', async () => {
    expect(await order.untilAsked('create-shipment').cancel().run()).toMatchObject({
      outcome: 'compensated',
      reason: { kind: 'cancelled' },
      undone: ['create-shipment', 'charge-payment', 'reserve-inventory'],
    });
    expect(await order.untilAsked('confirm-order').cancel().run()).toMatchObject({
      outcome: 'completed',
      unheard: ['cancel-requested'],
    });
  });

  test('S18, S29: an orchestrator that dies at every asking repeats itself, and each effect stands once', async () => {
    const run = await order
      .untilAsked('charge-payment')
      .crash()
      .untilAsked('create-shipment')
      .crash()
      .untilAsked('confirm-order')
      .crash()
      .run();
    expect(run).toMatchObject({ outcome: 'completed' });
    expect(run.standing).toEqual(['reserve-inventory', 'charge-payment', 'create-shipment', 'confirm-order']);
  });
});
