/**
 * The library's way to a collector, its retries, timeouts, headers and compression, with our bytes on it. The parts are those
 * that its own exporters are made of; what it calls them may change with any version, which is why the version is pinned
 * and a test reads what arrives.
 */
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http';
import { ProtobufTraceSerializer, TraceExporterMetricsHelper } from '@opentelemetry/otlp-transformer';
import { otlpOf } from './otlp-spans.js';
import type { ToldSpan } from './told-span.js';

/** Sends spans to `url`, each request for at most `timeoutMs`. What `OTEL_EXPORTER_OTLP_HEADERS` and its like say holds. */
export class OtlpSpanExporter extends OTLPExporterBase<ToldSpan[]> {
  constructor(url: string, timeoutMs: number) {
    super(
      createOtlpHttpExportDelegate(
        convertLegacyHttpOptions({ url, timeoutMillis: timeoutMs }, 'TRACES', 'v1/traces', {
          'Content-Type': 'application/x-protobuf',
        }),
        {
          serializeRequest: (spans: ToldSpan[]) => otlpOf(spans),
          deserializeResponse: (data) => ProtobufTraceSerializer.deserializeResponse(data),
        },
        'otlp_http_span_exporter',
        TraceExporterMetricsHelper,
        undefined,
      ),
    );
  }
}
