/**
 * What messages carry so that whoever handles them tells of it in the right place: the trace of their transaction, the span
 * of their asking, and whether the trace is kept. Derived, never remembered (R24).
 */
import type { TraceContext } from '@sagamore/runtime';
import { isSampled, rootSpanIdOf, spanIdFrom, traceIdOf } from '@sagamore/telemetry';

/** `ratio` of the traces, from 0 to 1, are kept. Only those name the span of the message: nobody looks for the others. */
export function traceContextFor(ratio: number): TraceContext {
  return (transactionId, messageId) => {
    const traceId = traceIdOf(transactionId);
    if (!isSampled(transactionId, ratio)) return `00-${traceId}-${rootSpanIdOf(transactionId)}-00`;
    const spanId = messageId === undefined ? rootSpanIdOf(transactionId) : spanIdFrom(messageId);
    return `00-${traceId}-${spanId}-01`;
  };
}
