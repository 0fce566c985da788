// Providers outside the house
export {
  ProviderClient,
  type CallOptions,
  type ProviderAnswer,
  type ProviderClientOptions,
} from './provider-client.js';
// Answers that are none
export { keyReused, notUnderstood, noVerdict } from './provider-faults.js';
