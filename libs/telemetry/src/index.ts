// Logging
export { createLogger, type Log, type LogFields, type LoggerOptions, type LogLevel } from './logging.js';
export { describeError, redact } from './redaction.js';
// Tracing
export {
  isSampled,
  readTraceparent,
  rootSpanIdOf,
  spanIdFrom,
  traceIdOf,
  type SpanAttributes,
  type SpanRecord,
  type SpanReference,
} from './span.js';
export { noTracing, startTracing, type Tracing, type TracingOptions } from './tracing.js';
