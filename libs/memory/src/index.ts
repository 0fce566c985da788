// Time
export { ManualClock } from './manual-clock.js';
// The database and its stores
export {
  commitUnknown,
  MemoryDatabase,
  MemoryStore,
  type CommitHooks,
  type MemoryDatabaseOptions,
} from './memory-database.js';
export { memoryTx, MemoryTx, type TableView } from './memory-tx.js';
export { MemoryBarrier } from './memory-barrier.js';
export { MemoryConsumerPauses } from './memory-consumer-pauses.js';
export { MemoryBarrierHistory, MemoryHistory } from './memory-history.js';
export { MemoryKeptLetters } from './memory-kept-letters.js';
export { MemorySchedules } from './memory-schedules.js';
export { MemoryTrials } from './memory-trials.js';
export { MemoryIntents } from './memory-intents.js';
export { MemoryPrepared, type MemoryPreparedOptions } from './memory-prepared.js';
export { MemoryOutbox, type MemoryOutboxOptions } from './memory-outbox.js';
export { MemoryJournal } from './memory-journal.js';
export type { AuditRow } from './journal-tables.js';
// The bus
export { MemoryBroker, MemoryBus, type MemoryBusOptions } from './memory-bus.js';
