/**
 * A span as plain data. Its ids are derived from what it tells of, never drawn, so that whoever knows the same facts can
 * tell of it again after a crash, and an undo can point at what it undoes without anybody remembering it (R24).
 */
import { hash } from 'node:crypto';

/** What a span may say; flat, and free of personal data (I42). */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** One interval of a trace. Instants are ms since the epoch. */
export interface SpanRecord {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** As OpenTelemetry knows them; default `internal`. */
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** Why it failed; absent where it did not. */
  readonly error?: string;
  /** Spans it has to do with, in this trace or another. */
  readonly links?: readonly SpanReference[];
}

export interface SpanReference {
  readonly traceId: string;
  readonly spanId: string;
}

/** The trace of a transaction: a UUID is a trace id as it stands. */
export function traceIdOf(transactionId: string): string {
  return transactionId.replaceAll('-', '');
}

/** The span a transaction hangs under, the same in every process. */
export function rootSpanIdOf(transactionId: string): string {
  return traceIdOf(transactionId).slice(16);
}

/** A span id from whatever names the span for good. */
export function spanIdFrom(name: string): string {
  return hash('sha256', name, 'hex').slice(0, 16);
}

/** Whether the trace of a transaction is kept under head sampling; every process that is given the same ratio answers
 *  alike, and needs nobody's word for it. `ratio` from 0 to 1. The last digits of a UUIDv7 are random. */
export function isSampled(transactionId: string, ratio: number): boolean {
  return Number.parseInt(transactionId.slice(-8), 16) < ratio * 0x1_0000_0000;
}

// Version ff is forbidden; of what a later version adds we know nothing, so it is no link of ours.
const form = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** What a W3C `traceparent` says; undefined for one that is none, or names nothing. */
export function readTraceparent(
  text: string | undefined,
): (SpanReference & { readonly isSampled: boolean }) | undefined {
  const [, traceId = '', spanId = '', flags = ''] = form.exec(text ?? '') ?? [];
  if (!/[1-9a-f]/.test(traceId) || !/[1-9a-f]/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
