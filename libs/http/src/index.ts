// Providers outside the house
export {
  ProviderClient,
  type CallOptions,
  type ProviderAnswer,
  type ProviderClientOptions,
} from './provider-client.js';
