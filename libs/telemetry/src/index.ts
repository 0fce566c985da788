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
// Metrics
export {
  metricCatalogue,
  type LabelsOf,
  type MetricCatalogue,
  type MetricId,
  type MetricOf,
  type MetricSpecification,
} from './metric-catalogue.js';
export { MetricRegistry, noMetrics, type Metrics, type Reading } from './metrics.js';
export {
  prometheusMediaType,
  prometheusText,
  startMetricPush,
  type MetricPushOptions,
} from './metric-export.js';
