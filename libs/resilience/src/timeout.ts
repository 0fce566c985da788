/**
 * Bounds how long a call is waited for, and tells the call that nobody waits any more. A call that ignores its signal
 * goes on in the background: its effect may still happen, which is why a time-out is never a failure (see the engine).
 */
import { Fault } from './fault.js';
import { reasonOf, type Timer } from './retry.js';

export interface TimeoutContext {
  readonly clock: Timer;
  /** Ends the call early, with the signal's fault or `STOPPED`. */
  readonly signal?: AbortSignal | undefined;
  /** For the message alone. */
  readonly name: string;
}

/** Waits for `call` at most `ms`, then throws `DEADLINE_EXCEEDED` (retryable) and aborts the signal it handed to the call,
 *  with that same fault as the reason. What the call answers after that is dropped. */
export async function withTimeout<T>(
  call: (signal: AbortSignal) => Promise<T>,
  ms: number,
  { clock, signal, name }: TimeoutContext,
): Promise<T> {
  if (signal?.aborted === true) throw reasonOf(signal);
  const ending = new AbortController();
  const ended = new Promise<never>((_resolve, reject) => {
    ending.signal.addEventListener('abort', () => reject(reasonOf(ending.signal)), { once: true });
  });
  const onAbort = (): void => ending.abort(reasonOf(signal));
  signal?.addEventListener('abort', onAbort, { once: true });
  const callOff = clock.after(ms, () => {
    const message = `an answer of ${name} was wanted within ${ms} ms, found none`;
    ending.abort(new Fault('DEADLINE_EXCEEDED', message, { retryable: true }));
  });
  try {
    return await Promise.race([call(ending.signal), ended]);
  } finally {
    callOff();
    signal?.removeEventListener('abort', onAbort);
  }
}
