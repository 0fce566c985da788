// Faults
export { Fault, faultCodes, type FaultCode, type FaultOptions } from './fault.js';
// One protection each
export { Bulkhead, type BulkheadOptions } from './bulkhead.js';
export { CircuitBreaker, type CircuitBreakerOptions, type CircuitState } from './circuit-breaker.js';
export { retry, type RetryContext, type RetryPolicy, type Timer } from './retry.js';
export { withTimeout, type TimeoutContext } from './timeout.js';
// Whether a participant is asked, decided from what it answers
export {
  closedAt,
  closedBreaker,
  hear,
  rampAllowance,
  restUntil,
  trialSent,
  wantsTrials,
  withTrials,
  type Breaker,
  type BreakerPolicy,
  type News,
} from './breaker.js';
// All of them around one call
export { Guard, type GuardOptions } from './policy.js';
