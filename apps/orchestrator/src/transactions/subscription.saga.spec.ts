/**
 * Goal: a year of a subscription costs what was used, whatever the card, the bank and the customer do.
 * Method: the saga and the sagas inside it, a year of virtual time in a moment.
 */
import { describe, expect, test } from '@jest/globals';
import { lint } from '@sagamore/engine';
import { assertOutcome, failsTimes, givenSaga, isAway, refuses, succeeds } from '@sagamore/testing/kit';
import { subscription } from './subscription.saga.js';
import { sagasOf } from './transactions.js';

const day = 86_400_000;
const unpaid = succeeds({ isPaid: false });
const paid = succeeds({ isPaid: true });
const renewal = { collect: paid, 'extend-access': succeeds({}) };

const year = givenSaga(subscription)
  .withInput({
    subscriptionId: 's-1',
    customerId: 'ada',
    paymentToken: 'tok_ok',
    amount: { amountMinor: 900, currency: 'EUR' },
  })
  .participants({
    'first-payment': succeeds({ chargeId: 'c-1' }),
    'open-access': succeeds({}),
    'renew-2': renewal,
    'renew-3': renewal,
    'renew-4': renewal,
    'close-access': succeeds({}),
  });

test('the linter has nothing to say of it, nor of the sagas inside', () => {
  const all = sagasOf(subscription);
  expect(all.map(({ name }) => name)).toEqual(['dunning', 'renewal', 'subscription']);
  expect(all.flatMap((definition) => lint(definition))).toEqual([]);
});

describe('a year', () => {
  test('takes four quarters, asks for money four times, and ends with no access', async () => {
    const run = await year.run();
    assertOutcome(run, 'completed');
    expect(run.output).toEqual({ quarters: 4 });
    expect(run.tookMs).toBeGreaterThanOrEqual(4 * 91 * day);
    expect(run.tookMs).toBeLessThan(4 * 91 * day + 1_000);
    const collected = run.calls.filter(({ step }) => step.endsWith('collect')).map(({ payload }) => payload);
    expect(collected).toMatchObject([{ reference: 's-1/2' }, { reference: 's-1/3' }, { reference: 's-1/4' }]);
    expect(run.commands.at(-1)).toBe('do close-access');
  });

  test('S104: a year of restarts changes nothing', async () => {
    const run = await year
      .skip('60 days')
      .crash()
      .skip('60 days')
      .crash()
      .untilAsked('renew-4')
      .crash()
      .run();
    expect(run).toMatchObject({ outcome: 'completed', output: { quarters: 4 } });
    expect(run.standing.filter((step) => step.endsWith('collect'))).toHaveLength(3);
  });

  test('a refused first payment ends it before it began', async () => {
    const run = await year.participants({ 'first-payment': refuses('card-declined') }).run();
    expect(run).toMatchObject({ outcome: 'compensated', standing: [], tookMs: 0 });
  });
});

describe('whoever leaves', () => {
  test('S39: says so in the middle of a quarter and keeps it to its end', async () => {
    const run = await year.skip('10 days').signal('leave-before-2', { because: 'moved' }).run();
    expect(run).toMatchObject({ output: { quarters: 1 }, tookMs: 91 * day });
    expect(run.commands).not.toContain('do renew-2');
  });

  test('S39: may say so a quarter ahead, and is not charged for the one after', async () => {
    const run = await year.skip('10 days').signal('leave-before-3', {}).run();
    expect(run).toMatchObject({ output: { quarters: 2 } });
    expect(run.commands).not.toContain('do renew-3');
  });

  test('S31: a cancellation is too late once access was opened, for nothing is undone there', async () => {
    const run = await year.skip('10 days').cancel().run();
    expect(run).toMatchObject({ outcome: 'completed', unheard: ['cancel-requested'], undone: [] });
  });
});

describe('a card that says no', () => {
  const dunned = { remind: succeeds({}), collect: unpaid };

  test('is asked for by a reminder; with another card the subscription goes on, and that card is asked from then on', async () => {
    const run = await year
      .participants({
        'renew-2': {
          ...renewal,
          collect: unpaid,
          dunning: {
            ...dunned,
            collect: ({ paymentToken }) => succeeds({ isPaid: paymentToken === 'tok_new' }),
          },
        },
      })
      .untilAsked('renew-2/dunning/remind')
      .skip('2 days')
      .signal('renew-2/dunning/new-card', { paymentToken: 'tok_new' })
      .run();
    expect(run).toMatchObject({ outcome: 'completed', output: { quarters: 4 } });
    expect(run.commands).not.toContain('do renew-2/last-dunning');
    const next = run.calls.find(({ step }) => step === 'renew-3/collect');
    expect(next?.payload).toMatchObject({ paymentToken: 'tok_new' });
    expect(run.tookMs).toBeGreaterThan((4 * 91 + 2) * day);
  });

  test('is reminded of twice, a week each, then access ends, and nothing that was paid is given back', async () => {
    const run = await year
      .participants({
        'renew-3': { ...renewal, collect: unpaid, dunning: dunned, 'last-dunning': dunned },
      })
      .run();
    expect(run).toMatchObject({ outcome: 'completed', output: { quarters: 2 }, undone: [] });
    const reminders = run.calls.filter(({ step }) => step.endsWith('remind')).map(({ payload }) => payload);
    expect(reminders).toMatchObject([{ isLast: false }, { isLast: true }]);
    expect(run.commands).not.toContain('do renew-3/extend-access');
    expect(run.commands.at(-1)).toBe('do close-access');
  });

  test('S19: a bank that is away for a night costs nobody the subscription', async () => {
    const run = await year.participants({ 'renew-2': { ...renewal, collect: failsTimes(8, paid) } }).run();
    expect(run).toMatchObject({ outcome: 'completed', output: { quarters: 4 } });
  });

  test('R4: a bank that stays away parks the renewal; a person sets it going again', async () => {
    const away = year.participants({ 'renew-2': { ...renewal, collect: isAway() } }).skip('100 days');
    const parked = await away.now();
    expect(parked.children['renew-2']).toMatchObject({ outcome: 'parked', reason: { branchId: 'collect' } });
    const back = away.participants({ 'renew-2': { collect: paid } }).resume({ of: 'renew-2' });
    expect(await back.run()).toMatchObject({ outcome: 'completed', output: { quarters: 4 } });
  });
});
