// Database
export { openDataSource, type DataSourceOptions } from './data-source.js';
export { PostgresDatabase, type PostgresDatabaseOptions } from './database.js';
export { statement, type Statement } from './statement.js';
export { PostgresTx, type Isolation } from './transaction.js';
// Ports
export { PostgresBarrier } from './barrier.js';
export { PostgresConsumerPauses } from './consumer-pauses.js';
export { PostgresBarrierHistory, PostgresHistory } from './history.js';
export { PostgresIntents } from './intents.js';
export { PostgresJournal } from './journal.js';
export { PostgresKeptLetters } from './kept-letters.js';
export { PostgresSchedules } from './schedules.js';
export { PostgresTrials } from './trials.js';
export { PostgresOutbox, type PostgresOutboxOptions } from './outbox.js';
// Two-phase commit
export { gidOf, PreparedTransactions, type PreparedTransactionsOptions } from './prepared-transaction.js';
// Schema
export { orchestratorMigrations, platformMigrations, runMigrations } from './migrations/run.js';
