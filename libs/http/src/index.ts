// Providers outside the house
export {
  ProviderClient,
  type CallOptions,
  type ProviderAnswer,
  type ProviderClientOptions,
} from './provider-client.js';
// Participants that speak HTTP
export { HttpParticipantCalls, type HttpParticipantCallsOptions } from './participant-calls.js';
// Answers that are none
export { keyReused, notUnderstood, noVerdict } from './provider-faults.js';
