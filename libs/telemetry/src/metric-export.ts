/**
 * From cells to what others read: Prometheus's text when it is asked for, and OTLP pushed to a collector at intervals. The
 * SDK writes both, and is loaded by whoever first needs it. A collector that is away or hangs costs nobody anything (R25).
 */
import { ValueType } from '@opentelemetry/api';
import type { CollectionResult, MetricData, PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { Resource } from '@opentelemetry/resources';
import { instant } from './instant.js';
import { boundsOf, type CollectedMetric, type MetricRegistry, type Sample } from './metrics.js';

/** The media type of `prometheusText`. */
export const prometheusMediaType = 'text/plain; version=0.0.4; charset=utf-8';

/** Everything the registry knows, in Prometheus's text format. */
export async function prometheusText(registry: MetricRegistry): Promise<string> {
  const [{ PrometheusSerializer }, collected] = await Promise.all([
    import('@opentelemetry/exporter-prometheus'),
    collectionOf(registry),
  ]);
  // Nothing but our own lines: neither the process's attributes nor the scope's name say more than the target does.
  return new PrometheusSerializer('', false, undefined, true, true).serialize(collected.resourceMetrics);
}

export interface MetricPushOptions {
  /** The process, as the collector names it. */
  readonly service: string;
  /** Base URL of an OTLP/HTTP collector. */
  readonly endpoint: string;
  /** Pause between two pushes, ms. Default 15 000. */
  readonly intervalMs?: number;
  /** Instead of the OTLP one; for tests. */
  readonly exporter?: PushMetricExporter;
}

const pushMsMax = 5_000;
const stopMsMax = 2_000;

/** Begins to push. The answer pushes once more, for at most 2 s, and ends. */
export async function startMetricPush(
  registry: MetricRegistry,
  { service, endpoint, intervalMs = 15_000, exporter: given }: MetricPushOptions,
): Promise<() => Promise<void>> {
  const [
    { MeterProvider, PeriodicExportingMetricReader },
    { OTLPMetricExporter },
    { resourceFromAttributes },
  ] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-metrics-otlp-proto'),
    import('@opentelemetry/resources'),
  ]);
  const resource = resourceFromAttributes({ 'service.name': service, 'service.namespace': 'sagamore' });
  const url = `${endpoint.replace(/\/$/, '')}/v1/metrics`;
  const reader = new PeriodicExportingMetricReader({
    exporter: given ?? new OTLPMetricExporter({ url, timeoutMillis: pushMsMax }),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(pushMsMax, intervalMs),
    metricProducers: [{ collect: () => collectionOf(registry, resource) }],
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  return async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const giveUp = setTimeout(resolve, stopMsMax);
    await Promise.race([provider.shutdown().catch(() => {}), promise]);
    clearTimeout(giveUp);
  };
}

const startedAt = instant(Date.now());

async function collectionOf(registry: MetricRegistry, resource?: Resource): Promise<CollectionResult> {
  const [{ resourceFromAttributes }, words, metrics] = await Promise.all([
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-metrics'),
    registry.collect(),
  ]);
  const scopeMetrics = [
    { scope: { name: 'sagamore' }, metrics: metrics.map((metric) => dataOf(metric, words)) },
  ];
  return {
    resourceMetrics: { resource: resource ?? resourceFromAttributes({}), scopeMetrics },
    errors: [],
  };
}

/** The SDK's own words, at hand once it is loaded. */
type Words = Pick<typeof import('@opentelemetry/sdk-metrics'), 'AggregationTemporality' | 'DataPointType'>;

function dataOf({ specification, samples }: CollectedMetric, words: Words): MetricData {
  const { AggregationTemporality, DataPointType } = words;
  const { name, kind, unit, meaning } = specification;
  const endTime = instant(Date.now());
  const point = ({ labels, value }: Sample) => ({ startTime: startedAt, endTime, attributes: labels, value });
  const common = {
    descriptor: {
      name,
      description: meaning,
      unit: unit === 'seconds' ? 's' : `{${unit}}`,
      valueType: ValueType.DOUBLE,
    },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (kind === 'gauge')
    return { ...common, dataPointType: DataPointType.GAUGE, dataPoints: samples.map(point) };
  if (kind === 'counter')
    return {
      ...common,
      dataPointType: DataPointType.SUM,
      isMonotonic: true,
      dataPoints: samples.map(point),
    };
  const boundaries = [...boundsOf(specification)];
  const dataPoints = samples.map((sample) => ({
    ...point(sample),
    value: histogramOf(sample, boundaries),
  }));
  return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints };
}

function histogramOf({ value: sum, counts = [] }: Sample, boundaries: number[]) {
  const count = counts.reduce((total, each) => total + each, 0);
  return { buckets: { boundaries, counts: [...counts] }, sum, count };
}
