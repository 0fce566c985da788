/**
 * Sends spans to an OpenTelemetry collector, behind everybody's back: what is told is queued, what does not fit is dropped
 * and counted, and nobody ever waits (R25). Spans come as finished records, in batches, because a live span object for
 * each message is what makes tracing dear.
 */
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { SpanRecord } from './span.js';
import { ToldSpan } from './told-span.js';

/** Where spans go. Never throws, never waits. */
export interface Tracing {
  /** False where spans go nowhere, so that nobody need make them. */
  readonly isOn: boolean;
  emit(spans: readonly SpanRecord[]): void;
  /** Spans that were dropped because the collector is slower than we are, or away. */
  readonly dropped: number;
  /** Hands over what is queued, for at most 2 s, and ends. Idempotent. */
  stop(): Promise<void>;
}

export interface TracingOptions {
  /** The process, as traces name it. */
  readonly service: string;
  /** Base URL of an OTLP/HTTP collector, e.g. `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  /** What carries the messages of its producer and consumer spans, as `messaging.system` names it. Default `kafka`. */
  readonly messagingSystem?: string;
  /** Spans that wait for the collector, at most. Default 8 192. */
  readonly queueMax?: number;
  /** How often the queue is handed over, ms. Default 500. */
  readonly intervalMs?: number;
  /** Instead of the OTLP one; for tests. */
  readonly exporter?: SpanExporter;
}

export const noTracing: Tracing = { isOn: false, emit: () => {}, dropped: 0, stop: async () => {} };

const exportMsMax = 5_000;
const stopMsMax = 2_000;
const defaults = { messagingSystem: 'kafka', queueMax: 8_192, intervalMs: 500 };

/** Starts sending. The SDK is loaded here, so that a process that traces nothing does not pay for it. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { service, endpoint, messagingSystem, queueMax, intervalMs } = { ...defaults, ...options };
  const [{ NodeSDK }, { resourceFromAttributes }, { BatchSpanProcessor }, { OtlpSpanExporter }] =
    await Promise.all([
      import('@opentelemetry/sdk-node'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/sdk-trace'),
      import('./otlp-exporter.js'),
    ]);
  const resource = resourceFromAttributes({ 'service.name': service, 'service.namespace': 'sagamore' });
  const url = `${endpoint.replace(/\/$/, '')}/v1/traces`;
  const exporter = options.exporter ?? new OtlpSpanExporter(url, exportMsMax);
  const counted = new CountedExporter(exporter);
  const processor = new BatchSpanProcessor({
    exporter: counted,
    maxQueueSize: queueMax,
    maxExportBatchSize: Math.min(2_048, queueMax),
    scheduledDelayMillis: intervalMs,
    exportTimeoutMillis: exportMsMax,
  });
  const sdk = new NodeSDK({ resource, autoDetectResources: false, spanProcessors: [processor] });
  sdk.start();
  let accepted = 0;
  let dropped = 0;
  let stopping: Promise<void> | undefined;
  return {
    isOn: true,
    emit(spans) {
      if (stopping !== undefined) return;
      const room = Math.max(0, queueMax - (accepted - counted.taken));
      const taken = spans.length <= room ? spans : spans.slice(0, room);
      for (const span of taken) processor.onEnd(new ToldSpan(named(span, messagingSystem), resource));
      accepted += taken.length;
      dropped += spans.length - taken.length;
    },
    get dropped() {
      return dropped;
    },
    stop: () => (stopping ??= within(stopMsMax, sdk.shutdown())),
  };
}

/** Knows how many spans have left the queue, hence how many are in it. */
class CountedExporter implements SpanExporter {
  taken = 0;

  constructor(private readonly inner: SpanExporter) {}

  export(...[spans, done]: Parameters<SpanExporter['export']>): void {
    this.taken += spans.length;
    this.inner.export(spans, done);
  }

  shutdown(): Promise<void> {
    return this.inner.shutdown();
  }
}

function named(span: SpanRecord, messagingSystem: string): SpanRecord {
  const isOfMessage = span.kind === 'producer' || span.kind === 'consumer';
  return isOfMessage
    ? { ...span, attributes: { ...span.attributes, 'messaging.system': messagingSystem } }
    : span;
}

/** A collector that hangs must not hold a process that wants to end. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const giveUp = setTimeout(resolve, ms);
  await Promise.race([work.catch(() => {}), promise]);
  clearTimeout(giveUp);
}
