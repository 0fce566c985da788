// Faults
export { Fault, faultCodes, type FaultCode, type FaultOptions } from './fault.js';
// Circuit breaker
export { CircuitBreaker, type CircuitBreakerOptions, type CircuitState } from './circuit-breaker.js';
