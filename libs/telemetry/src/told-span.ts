/**
 * A span that was told as plain data, in the shape in which the SDK's processor carries spans. What the SDK would compute
 * for every span is computed here when somebody asks, which on the way to a collector is nobody: the queue only carries it,
 * and the exporter reads the record.
 */
import {
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type HrTime,
  type Link,
  type SpanContext,
  type SpanStatus,
} from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { instant } from './instant.js';
import type { SpanAttributes, SpanRecord, SpanReference } from './span.js';

const scope = { name: 'sagamore' };

export class ToldSpan implements ReadableSpan {
  readonly instrumentationScope = scope;
  readonly ended = true;
  readonly events = [];
  readonly droppedAttributesCount = 0;
  readonly droppedEventsCount = 0;
  readonly droppedLinksCount = 0;
  readonly parentSpanContext?: SpanContext;

  constructor(
    readonly record: SpanRecord,
    readonly resource: Resource,
  ) {
    const { traceId, parentSpanId } = record;
    if (parentSpanId !== undefined) this.parentSpanContext = contextOf({ traceId, spanId: parentSpanId });
  }

  get name(): string {
    return this.record.name;
  }

  get kind(): SpanKind {
    return kindOf(this.record);
  }

  get startTime(): HrTime {
    return instant(this.record.startMs);
  }

  get endTime(): HrTime {
    return instant(this.record.endMs);
  }

  get duration(): HrTime {
    return instant(Math.max(0, this.record.endMs - this.record.startMs));
  }

  get status(): SpanStatus {
    const { error } = this.record;
    return error === undefined
      ? { code: SpanStatusCode.UNSET }
      : { code: SpanStatusCode.ERROR, message: error };
  }

  get attributes(): SpanAttributes {
    return this.record.attributes;
  }

  get links(): Link[] {
    return (this.record.links ?? []).map((link) => ({ context: contextOf(link) }));
  }

  spanContext(): SpanContext {
    return contextOf(this.record);
  }
}

/** As the SDK counts kinds. */
export function kindOf({ kind = 'internal' }: SpanRecord): SpanKind {
  return kinds[kind];
}

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

function contextOf({ traceId, spanId }: SpanReference): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
}
