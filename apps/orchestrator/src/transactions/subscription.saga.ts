/**
 * A year's subscription as a saga that mostly waits: each quarter is a timer that the customer may cut short, and each
 * renewal a saga of its own, with reminders where the card says no. Behind the pivot nothing is undone: whoever leaves
 * keeps what is paid for.
 */
import {
  chargeCard,
  closeAccess,
  collectPayment,
  openAccess,
  remindCustomer,
  type Leaving,
  type NewCard,
  type SubscribeInput,
} from '@sagamore/contracts';
import { saga } from '@sagamore/engine';

const dayMs = 86_400_000;

/** How long its waits are. */
export interface SubscriptionTimes {
  readonly quarterMs: number;
  /** How long a customer has to name another card, after each of the two reminders. */
  readonly graceMs: number;
}

/** The banks of this world are away for a night at times, and nobody should lose a subscription over that. */
const patient = { retriable: true, retry: { attemptsMax: 12, baseMs: 60_000, maxMs: dayMs / 4 } };

interface Renewal extends SubscribeInput {
  readonly quarter: number;
}

function paymentOf({ subscriptionId, customerId, paymentToken, amount }: SubscribeInput, reference: string) {
  return { reference: `${subscriptionId}/${reference}`, customerId, paymentToken, amount };
}

/** What came of asking for money, and the card that is good from then on. */
interface Collected {
  readonly isPaid: boolean;
  readonly paymentToken: string;
}

/** A card once named stays: nobody wants to be reminded again each quarter. */
function cardAfter({ paymentToken }: Pick<Collected, 'paymentToken'>) {
  return { paymentToken };
}

/** A reminder, time for another card, and one more try. */
function dunningOf(graceMs: number) {
  return saga<Renewal & { readonly round: number }>('dunning', { version: 1, recovery: 'forward' })
    .step('remind', remindCustomer, ({ input: { subscriptionId, quarter, round } }) => ({
      subscriptionId,
      quarter,
      isLast: round > 1,
    }))
    .signal<NewCard, 'new-card', 'continue'>('new-card', { deadlineMs: graceMs, onDeadline: 'continue' })
    .step(
      'collect',
      collectPayment,
      ({ input, results }) => ({
        ...paymentOf(input, `${input.quarter}/${input.round}`),
        paymentToken: results['new-card']?.paymentToken ?? input.paymentToken,
      }),
      patient,
    )
    .returns(({ input, results }): Collected => ({
      isPaid: results.collect.isPaid,
      paymentToken: results['new-card']?.paymentToken ?? input.paymentToken,
    }))
    .define();
}

/** One quarter's money, and access for it once it is there. */
function renewalOf(graceMs: number) {
  const dunning = dunningOf(graceMs);
  return saga<Renewal>('renewal', { version: 1, recovery: 'forward' })
    .step('collect', collectPayment, ({ input }) => paymentOf(input, `${input.quarter}`), patient)
    .when(
      ({ results }) => !results.collect.isPaid,
      (late) => late.subSaga('dunning', dunning, ({ input }) => ({ ...input, round: 1 })),
    )
    .when(
      ({ results }) => results.dunning?.isPaid === false,
      (later) =>
        later.subSaga('last-dunning', dunning, ({ input, results }) => ({
          ...input,
          ...cardAfter(results.dunning ?? input),
          round: 2,
        })),
    )
    .when(
      ({ results }) => results['last-dunning']?.isPaid !== false,
      (paid) =>
        paid.step(
          'extend-access',
          openAccess,
          ({ input: { subscriptionId, quarter } }) => ({ subscriptionId, quarter }),
          patient,
        ),
    )
    .returns(({ input, results }): Collected => {
      const { paymentToken } = results['last-dunning'] ?? results.dunning ?? input;
      return { isPaid: results['last-dunning']?.isPaid !== false, paymentToken };
    })
    .define();
}

/** Nobody is waited for: whoever said so while the quarter ran is heard at its end, and keeps what is paid for. */
const ifSaid = { deadlineMs: 1, onDeadline: 'continue' } as const;
const renewing = { retriable: true };

/** The definition with its own idea of a quarter, so that it can be lived through. */
export function subscriptionOf({ quarterMs, graceMs }: SubscriptionTimes) {
  const renewal = renewalOf(graceMs);
  return saga<SubscribeInput>('subscription', { version: 1 })
    .step('first-payment', chargeCard, ({ input }) => paymentOf(input, '1'), { onUnknown: 'probe' })
    .step('open-access', openAccess, ({ input: { subscriptionId } }) => ({ subscriptionId, quarter: 1 }), {
      ...patient,
      pivot: true,
    })
    .wait('first-quarter', quarterMs)
    .signal<Leaving, 'leave-before-2', 'continue'>('leave-before-2', ifSaid)
    .when(
      ({ results }) => results['leave-before-2'] === undefined,
      (on) => on.subSaga('renew-2', renewal, ({ input }) => ({ ...input, quarter: 2 }), renewing),
    )
    .when(
      ({ results }) => results['renew-2']?.isPaid === true,
      (on) =>
        on
          .wait('second-quarter', quarterMs)
          .signal<Leaving, 'leave-before-3', 'continue'>('leave-before-3', ifSaid),
    )
    .when(
      ({ results }) => results['renew-2']?.isPaid === true && results['leave-before-3'] === undefined,
      (on) =>
        on.subSaga(
          'renew-3',
          renewal,
          ({ input, results }) => ({ ...input, ...cardAfter(results['renew-2'] ?? input), quarter: 3 }),
          renewing,
        ),
    )
    .when(
      ({ results }) => results['renew-3']?.isPaid === true,
      (on) =>
        on
          .wait('third-quarter', quarterMs)
          .signal<Leaving, 'leave-before-4', 'continue'>('leave-before-4', ifSaid),
    )
    .when(
      ({ results }) => results['renew-3']?.isPaid === true && results['leave-before-4'] === undefined,
      (on) =>
        on.subSaga(
          'renew-4',
          renewal,
          ({ input, results }) => ({ ...input, ...cardAfter(results['renew-3'] ?? input), quarter: 4 }),
          renewing,
        ),
    )
    .when(
      ({ results }) => results['renew-4']?.isPaid === true,
      (on) => on.wait('last-quarter', quarterMs),
    )
    .step('close-access', closeAccess, ({ input: { subscriptionId } }) => ({ subscriptionId }), patient)
    .returns(({ results }) => {
      const renewals = [results['renew-2'], results['renew-3'], results['renew-4']];
      return { quarters: 1 + renewals.filter((renewed) => renewed?.isPaid === true).length };
    })
    .define();
}

/** Quarters of 91 days, a week for another card after each reminder. */
export const subscription = subscriptionOf({ quarterMs: 91 * dayMs, graceMs: 7 * dayMs });
