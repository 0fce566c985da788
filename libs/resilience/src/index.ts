// Faults
export { Fault, faultCodes, type FaultCode, type FaultOptions } from './fault.js';
