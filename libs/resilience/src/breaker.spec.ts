/**
 * Goal: a participant that does not answer is left alone, tried again by few, and not overrun when it is back.
 * Method: news as data, and fast-check over any order of it.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  closedAt,
  closedBreaker,
  hear,
  rampAllowance,
  restUntil,
  trialSent,
  wantsTrials,
  withTrials,
  type Breaker,
  type News,
} from './breaker.js';

const policy = { failuresToOpen: 5, resetMs: 60_000, rampPerSecond: 100, rampMs: 10_000 };

function news(outcome: News['outcome'], at: number, extra: Partial<News> = {}): News {
  return { outcome, at, sentAt: at, isTrial: false, ...extra };
}

function heard(all: readonly News[], from: Breaker = closedBreaker): Breaker {
  return all.reduce((breaker, each) => hear(breaker, each, policy), from);
}

const failures = (count: number, at = 0): readonly News[] =>
  Array.from({ length: count }, () => news('failed', at));

describe('a closed breaker', () => {
  test('I36: opens at the fifth failure in a row, for 60 s', () => {
    expect(heard(failures(4)).phase).toBe('closed');
    expect(heard(failures(5, 1_000))).toEqual({ phase: 'open', since: 1_000, until: 61_000 });
  });

  test('S86: any answer begins the count anew, so that refusals never open it', () => {
    const declined = Array.from({ length: 1_000 }, (_, at) => news('answered', at));
    expect(heard(declined)).toBe(closedBreaker);
    expect(heard([...failures(4), news('answered', 1), ...failures(4)])).toMatchObject({ failures: 4 });
  });

  test('is not opened by the silence of what was sent before it closed', () => {
    const old = Array.from({ length: 9 }, () => news('failed', 900, { sentAt: 499 }));
    expect(heard(old, closedAt(500))).toEqual(closedAt(500));
  });

  test('opens whenever five failures stand together, and only then', () => {
    const outcome = fc.constantFrom<News['outcome']>('answered', 'failed');
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 60 }), (outcomes) => {
        const row = outcomes.map((each) => (each === 'failed' ? 'f' : '.')).join('');
        expect(heard(outcomes.map((each, at) => news(each, at))).phase === 'open').toBe(
          row.includes('fffff'),
        );
      }),
    );
  });
});

describe('an open breaker', () => {
  const open = heard(failures(5, 1_000));

  test('I36: rests its time, whatever is heard of what was sent before', () => {
    expect(heard([news('answered', 2_000), news('failed', 3_000)], open)).toBe(open);
    expect([wantsTrials(open, 60_999), wantsTrials(open, 61_000)]).toEqual([false, true]);
    expect(rampAllowance(open, 61_000, policy)).toBe(0);
  });

  test('S84: is half open for the trials it was given, and asks again only when no news came in its time', () => {
    const half = withTrials(open, 3, 61_000, policy);
    const spent = [1, 2, 3].reduce(trialSent, half);
    expect(spent).toMatchObject({ phase: 'half-open', trials: 0 });
    expect([wantsTrials(spent, 120_999), wantsTrials(spent, 121_000)]).toEqual([false, true]);
  });

  test('waits while others try', () => {
    const waiting = restUntil(open, 62_000);
    expect([wantsTrials(waiting, 61_500), wantsTrials(waiting, 62_000)]).toEqual([false, true]);
    expect(waiting.since).toBe(open.since);
  });

  test('hears nothing but trials; one that is answered closes it, one that fails opens it anew', () => {
    const half = withTrials(open, 3, 61_000, policy);
    expect(heard([news('failed', 62_000), news('answered', 62_000)], half)).toBe(half);
    expect(heard([news('answered', 62_000, { isTrial: true })], half)).toEqual(closedAt(62_000));
    expect(heard([news('failed', 62_000, { isTrial: true })], half)).toEqual({
      phase: 'open',
      since: 62_000,
      until: 122_000,
    });
  });
});

describe('S85: after it closed', () => {
  test('what may be sent begins with the first rate and doubles each second', () => {
    const sentBy = (at: number) => rampAllowance(closedAt(0), at, policy);
    expect([sentBy(0), sentBy(1_000), sentBy(2_000), sentBy(3_000)]).toEqual([0, 144, 432, 1_009]);
    expect(sentBy(10_000)).toBe(Infinity);
    const rates = [1, 2, 3].map((second) => sentBy(second * 1_000) - sentBy((second - 1) * 1_000));
    expect(rates.map((rate, index) => Math.round(rate / (rates[index - 1] ?? rate)))).toEqual([1, 2, 2]);
  });

  test('the allowance never shrinks', () => {
    fc.assert(
      fc.property(fc.nat(20_000), fc.nat(20_000), (one, other) => {
        const [early, late] = [Math.min(one, other), Math.max(one, other)];
        const allowances = [early, late].map((at) => rampAllowance(closedAt(0), at, policy));
        expect(allowances).toEqual(allowances.toSorted((a, b) => a - b));
      }),
    );
  });

  test('one that was never open is bounded by nothing', () => {
    expect(rampAllowance(closedBreaker, 0, policy)).toBe(Infinity);
  });
});
