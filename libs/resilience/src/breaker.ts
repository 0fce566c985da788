/**
 * When a participant is asked and when it is left alone, decided from its answers and its silence (R22). Pure: each function
 * takes what is known and answers what is known next; time is an argument, the trials of all processes are handed out
 * elsewhere. It is not for calls that are awaited in this process: those have `CircuitBreaker`.
 */
export interface BreakerPolicy {
  /** Failures in a row, with no answer between them, that open it. From 1. */
  readonly failuresToOpen: number;
  /** How long it stays open before trials may be asked for, ms; also how long news of trials is waited for. */
  readonly resetMs: number;
  /** Commands a second with which the backlog begins to be released after it closed; each second twice as many. From 1. */
  readonly rampPerSecond: number;
  /** How long the release is bounded so, ms. */
  readonly rampMs: number;
}

/** Instants are ms of the store's clock. `since`: when it closed, or opened. */
export type Breaker =
  | { readonly phase: 'closed'; readonly since: number; readonly failures: number }
  | { readonly phase: 'open'; readonly since: number; readonly until: number }
  | {
      readonly phase: 'half-open';
      readonly since: number;
      readonly until: number;
      /** Commands that may still be sent to find out. */
      readonly trials: number;
    };

/** What became of one command. A refusal is an answer, and so is everything else that a participant says of itself. */
export interface News {
  readonly outcome: 'answered' | 'failed';
  readonly at: number;
  /** When the command went out: what was sent before the breaker closed tells of the illness that is over. */
  readonly sentAt: number;
  /** Whether it went out as a trial. */
  readonly isTrial: boolean;
}

/** It has never been open, so nothing has to be released slowly. */
export const closedBreaker: Breaker = { phase: 'closed', since: -Infinity, failures: 0 };

/** The very same object where the news changes nothing. */
export function hear(breaker: Breaker, news: News, policy: BreakerPolicy): Breaker {
  if (breaker.phase === 'closed') return hearClosed(breaker, news, policy);
  if (!news.isTrial) return breaker;
  return news.outcome === 'answered' ? closedAt(news.at) : openAt(news.at, policy);
}

function hearClosed(
  breaker: Breaker & { readonly phase: 'closed' },
  { outcome, at, sentAt }: News,
  policy: BreakerPolicy,
): Breaker {
  if (outcome === 'answered') return breaker.failures === 0 ? breaker : { ...breaker, failures: 0 };
  if (sentAt < breaker.since) return breaker;
  const failures = breaker.failures + 1;
  return failures < policy.failuresToOpen ? { ...breaker, failures } : openAt(at, policy);
}

function openAt(at: number, { resetMs }: BreakerPolicy): Breaker {
  return { phase: 'open', since: at, until: at + resetMs };
}

/** Somebody was answered, here or in another process: the backlog goes out on the ramp from now on. */
export function closedAt(at: number): Breaker {
  return { phase: 'closed', since: at, failures: 0 };
}

/** Whether it is time to ask for trials: it has rested, or the last trials brought no news. */
export function wantsTrials(breaker: Breaker, at: number): boolean {
  return breaker.phase !== 'closed' && breaker.until <= at;
}

/** Half open, with so many commands that may be sent to find out. */
export function withTrials(
  breaker: Breaker,
  trials: number,
  at: number,
  { resetMs }: BreakerPolicy,
): Breaker {
  return { phase: 'half-open', since: breaker.since, until: at + resetMs, trials };
}

/** Others try now: it is asked again when they should know. */
export function restUntil(breaker: Breaker, until: number): Breaker {
  return { phase: 'open', since: breaker.since, until };
}

/** How many of the trials are left after one was sent. */
export function trialSent(breaker: Breaker): Breaker {
  return breaker.phase === 'half-open' ? { ...breaker, trials: breaker.trials - 1 } : breaker;
}

/** How many commands may have been sent since it closed; infinitely many when it never was open or the ramp is over. */
export function rampAllowance(
  breaker: Breaker,
  at: number,
  { rampPerSecond, rampMs }: BreakerPolicy,
): number {
  if (breaker.phase !== 'closed') return 0;
  const seconds = (at - breaker.since) / 1_000;
  if (seconds * 1_000 >= rampMs) return Infinity;
  return Math.floor((rampPerSecond * (2 ** Math.max(0, seconds) - 1)) / Math.LN2);
}
