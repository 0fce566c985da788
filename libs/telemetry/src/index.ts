// Logging
export { createLogger, type Log, type LogFields, type LoggerOptions, type LogLevel } from './logging.js';
export { describeError, redact } from './redaction.js';
