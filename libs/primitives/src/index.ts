// Backoff
export { backoffMs, type Backoff } from './backoff.js';
// Clocks
export { HybridClock, hybridMs, type HybridClockOptions } from './clocks/hybrid-clock.js';
export { LamportClock } from './clocks/lamport-clock.js';
export {
  compareVectors,
  mergeVectors,
  VectorClock,
  type Causality,
  type VectorTime,
} from './clocks/vector-clock.js';
// Whose turn it is
export { FairQueue, type Place } from './fair-queue.js';
// Hashing
export { hash32, shardOf } from './hashing/hash.js';
export { HashRing, type HashRingOptions, type RingNode } from './hashing/hash-ring.js';
// Identifiers
export { derivedUuid, firstUuidAt, isUuid, uuidv7 } from './identifiers.js';
// Timetables
export {
  ticksDue,
  withoutOverlap,
  type MissedTicks,
  type TickDecision,
  type TickQuestion,
  type Timetable,
} from './ticks.js';
// Luck
export { seededRandom, systemRandom, type Random } from './random.js';
