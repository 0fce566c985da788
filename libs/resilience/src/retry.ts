/**
 * Tries a call again while that may help. For short waits inside one process; waits that must outlive it are the
 * coordinator's, in the journal. It knows faults alone: a refusal is a value and comes back at the first try.
 */
import { backoffMs, type Backoff, type Random } from '@sagamore/primitives';
import { Fault } from './fault.js';

/** Time that passes on this host. */
export interface Timer {
  /** Calls back once after `ms`; the returned function calls it off. */
  after(ms: number, callback: () => void): () => void;
}

export interface RetryPolicy extends Backoff {
  /** Calls at most, the first included. From 1. */
  readonly attemptsMax: number;
}

export interface RetryContext {
  readonly clock: Timer;
  readonly random: Random;
  /** Ends the waiting: the signal's reason is thrown when it is a `Fault`, otherwise `STOPPED`. */
  readonly signal?: AbortSignal;
  /** Told BEFORE each wait. Must not throw (R25). */
  readonly onRetry?: (attempt: number, waitMs: number, error: unknown) => void;
}

/** Calls until it resolves, and throws the last error once nothing is to be gained: an error that is no retryable `Fault`
 *  (S79), or `attemptsMax` calls. Waits with full jitter between calls, and never less than the other side's
 *  `retryAfterMs` (S82). The call hears its attempt, from 1. */
export async function retry<T>(
  call: (attempt: number) => Promise<T>,
  policy: RetryPolicy,
  context: RetryContext,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(context.signal);
    try {
      return await call(attempt);
    } catch (error) {
      if (!mayHelp(error) || attempt >= policy.attemptsMax) throw error;
      const waitMs = Math.max(backoffMs(attempt, policy, context.random), error.retryAfterMs ?? 0);
      context.onRetry?.(attempt, waitMs, error);
      await pause(waitMs, context);
    }
  }
}

function mayHelp(error: unknown): error is Fault {
  return error instanceof Fault && error.retryable;
}

function pause(ms: number, { clock, signal }: RetryContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      callOff();
      reject(reasonOf(signal));
    };
    const callOff = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw reasonOf(signal);
}

/** What a called-off call throws: the signal's own fault, or `STOPPED`. */
export function reasonOf(signal: AbortSignal | undefined): Fault {
  const reason: unknown = signal?.reason;
  return reason instanceof Fault
    ? reason
    : new Fault('STOPPED', 'the call was called off', { retryable: true });
}
