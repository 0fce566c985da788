/**
 * The one family of errors for "the world failed". It lives here because the first to ask
 * "does a retry help?" is `retry`. Refusals are values and bugs are assertions; neither is a Fault.
 */

/** Every code has a paragraph in docs/reference/errors.md; a spec compares the two lists. */
export const faultCodes = [
  'BARRIER_CONFLICT',
  'BULKHEAD_FULL',
  'CIRCUIT_OPEN',
  'COMMIT_UNKNOWN',
  'CONFIGURATION_INVALID',
  'DATA_REJECTED',
  'DATABASE_UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'LOCK_DEADLOCK',
  'MESSAGE_DISCARDED',
  'MESSAGE_MALFORMED',
  'PROVIDER_REJECTED',
  'PROVIDER_UNAVAILABLE',
  'SERIALIZATION_CONFLICT',
  'SHARD_COUNT_CHANGED',
  'SHARD_LEASE_LOST',
  'STOPPED',
  'TOPIC_INVALID',
  'BROKER_UNAVAILABLE',
] as const;

export type FaultCode = (typeof faultCodes)[number];

export interface FaultOptions {
  /** Whether the same call, made again later, may succeed. */
  readonly retryable: boolean;
  readonly cause?: unknown;
  /** The other side asked not to be called again before this many ms; already capped by whoever read it. */
  readonly retryAfterMs?: number;
}

/** The world failed: a time-out, a lost connection, a conflict. Messages state what was wanted, what was found
 *  and the id; they never hold secrets or personal data. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly code: FaultCode,
    message: string,
    options: FaultOptions,
  ) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}
