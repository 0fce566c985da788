// Backoff
export { backoffMs, type Backoff } from './backoff.js';
// Hashing
export { hash32, shardOf } from './hashing/hash.js';
// Identifiers
export { isUuid, uuidv7 } from './identifiers.js';
// Luck
export { seededRandom, systemRandom, type Random } from './random.js';
