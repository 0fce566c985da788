/**
 * Stops calling what does not answer, and tries it again later with one probe (R22: in-process external calls).
 * A thin face over opossum: its errors become faults here, and nothing else of it is seen. A refusal is a value, so it
 * counts as an answer and never opens the circuit. Never used for dispatch to participants, which is decided elsewhere.
 */
import Opossum from 'opossum';
import { Fault } from './fault.js';

export type CircuitState = 'closed' | 'open' | 'half-open';

export interface CircuitBreakerOptions {
  /** Calls the window must hold, more than half of them failed, before the circuit opens. Default 5, from 1. */
  readonly failuresToOpen?: number;
  /** How long an open circuit refuses before it lets one probe through, ms. Default 60 000. */
  readonly resetMs?: number;
  /** The window over which failures are counted, ms. Default 10 000. */
  readonly windowMs?: number;
  /** A call silent for so long counts as failed, ms. The last resort that keeps a lost probe from holding the circuit
   *  half-open for ever; the call itself is not ended. Default 60 000. */
  readonly silentMs?: number;
  /** Told of every change of state, at once. Must not throw (R25). */
  readonly onState?: (name: string, state: CircuitState) => void;
}

/** A fault that no retry would help says nothing about the other side's health. */
function saysNothingOfHealth(error: unknown): boolean {
  return error instanceof Fault && (!error.retryable || error.code === 'STOPPED');
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && Opossum.isOurError(error) && 'code' in error ? error.code : undefined;
}

/** Guards one kind of call to one dependency. Lives until `shutdown()`; its timers never keep the process alive. */
export class CircuitBreaker<Arguments extends unknown[], Result> {
  private readonly breaker: Opossum<Arguments, Result>;

  constructor(
    readonly name: string,
    call: (...args: Arguments) => Promise<Result>,
    options: CircuitBreakerOptions = {},
  ) {
    this.breaker = new Opossum(call, {
      name,
      volumeThreshold: options.failuresToOpen ?? 5,
      resetTimeout: options.resetMs ?? 60_000,
      rollingCountTimeout: options.windowMs ?? 10_000,
      timeout: options.silentMs ?? 60_000,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      errorFilter: saysNothingOfHealth,
    });
    const tell = (state: CircuitState) => () => options.onState?.(name, state);
    this.breaker.on('open', tell('open'));
    this.breaker.on('halfOpen', tell('half-open'));
    this.breaker.on('close', tell('closed'));
  }

  /** Makes the call, or throws without making it: `CIRCUIT_OPEN` (retryable) while the circuit is open or its one probe
   *  is on its way, `STOPPED` after `shutdown`. Throws `DEADLINE_EXCEEDED` past `silentMs`; what the call throws passes. */
  async call(...args: Arguments): Promise<Result> {
    try {
      return await this.breaker.fire(...args);
    } catch (error) {
      throw this.toFault(error);
    }
  }

  get state(): CircuitState {
    if (this.breaker.opened) return 'open';
    return this.breaker.halfOpen ? 'half-open' : 'closed';
  }

  /** Refuses every later call and ends the timers. Calls under way go on. Idempotent. */
  shutdown(): void {
    if (!this.breaker.isShutdown) this.breaker.shutdown();
  }

  private toFault(error: unknown): unknown {
    switch (codeOf(error)) {
      case 'EOPENBREAKER':
        return new Fault('CIRCUIT_OPEN', `a closed circuit was wanted, found ${this.state}: ${this.name}`, {
          retryable: true,
        });
      case 'ETIMEDOUT':
        return new Fault('DEADLINE_EXCEEDED', `an answer was wanted, found silence: ${this.name}`, {
          retryable: true,
        });
      case 'ESHUTDOWN':
        // Another process may still make the same call.
        return new Fault('STOPPED', `the circuit has stopped: ${this.name}`, { retryable: true });
      default:
        return error;
    }
  }
}
