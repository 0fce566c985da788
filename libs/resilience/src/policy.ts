/**
 * One guard around one kind of external call: bulkhead, then breaker, then time-out, then the call (R22).
 * The order is the point: waiting for a place is not a failure of the other side, and a time-out is one.
 * Retrying is left to the caller, who knows whether a retry is durable.
 */
import { Bulkhead, type BulkheadOptions } from './bulkhead.js';
import { CircuitBreaker, type CircuitBreakerOptions, type CircuitState } from './circuit-breaker.js';
import type { Timer } from './retry.js';
import { withTimeout } from './timeout.js';

export interface GuardOptions extends BulkheadOptions, CircuitBreakerOptions {
  /** How long one call is waited for, ms; waiting for a place not counted. */
  readonly timeoutMs: number;
  readonly clock: Timer;
}

/** A guarded kind of call. Lives until `shutdown()`. */
export class Guard<Arguments extends unknown[], Result> {
  private readonly bulkhead: Bulkhead;
  private readonly breaker: CircuitBreaker<[signal: AbortSignal | undefined, ...args: Arguments], Result>;

  constructor(
    readonly name: string,
    call: (signal: AbortSignal, ...args: Arguments) => Promise<Result>,
    { timeoutMs, clock, ...options }: GuardOptions,
  ) {
    this.bulkhead = new Bulkhead(name, options);
    const timed = (signal: AbortSignal | undefined, ...args: Arguments): Promise<Result> =>
      withTimeout((ending) => call(ending, ...args), timeoutMs, { clock, signal, name });
    // The time-out must come well before the breaker's last resort, which cannot tell the call to end.
    this.breaker = new CircuitBreaker(name, timed, { silentMs: timeoutMs * 2, ...options });
  }

  /** Makes the call. Throws `BULKHEAD_FULL`, `CIRCUIT_OPEN` or `STOPPED` without calling, `DEADLINE_EXCEEDED` after
   *  `timeoutMs`; all retryable. What the call throws passes, and a value is always an answer. `signal` ends it early. */
  run(args: Arguments, signal?: AbortSignal): Promise<Result> {
    return this.bulkhead.run(() => this.breaker.call(signal, ...args), signal);
  }

  get state(): CircuitState {
    return this.breaker.state;
  }

  /** Refuses every later call; those under way go on. Idempotent. */
  shutdown(): void {
    this.breaker.shutdown();
  }
}
