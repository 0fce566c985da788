/**
 * The span of a request that began a transaction. A public edge starts a trace of its own and links the caller's: nobody
 * outside may decide what we keep, or hang their spans into our traces.
 */
import {
  isSampled,
  readTraceparent,
  rootSpanIdOf,
  spanIdFrom,
  traceIdOf,
  type SpanRecord,
  type Tracing,
} from '@sagamore/telemetry';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** The header by which an answer names the transaction it is about; its digits are the trace's id. */
export const transactionHeader = 'sagamore-transaction-id';

/** Tells the span of each request whose answer names a transaction, if its trace is kept. */
export function traceRequests(
  server: FastifyInstance,
  { tracing, ratio }: { readonly tracing: Tracing; readonly ratio: number },
): void {
  if (!tracing.isOn) return;
  server.addHook('onResponse', (request, reply, done) => {
    const transactionId = reply.getHeader(transactionHeader);
    if (typeof transactionId === 'string' && request.method === 'POST' && isSampled(transactionId, ratio))
      tracing.emit([requestSpan(transactionId, request, reply)]);
    done();
  });
}

function requestSpan(transactionId: string, request: FastifyRequest, reply: FastifyReply): SpanRecord {
  const caller = readTraceparent(headerOf(request, 'traceparent'));
  const endMs = Date.now();
  const route = request.routeOptions.url ?? '';
  const { statusCode } = reply;
  return {
    traceId: traceIdOf(transactionId),
    spanId: spanIdFrom(`${transactionId}/request/${request.id}`),
    parentSpanId: rootSpanIdOf(transactionId),
    name: `${request.method} ${route}`,
    kind: 'server',
    startMs: endMs - reply.elapsedTime,
    endMs,
    attributes: {
      'sagamore.transaction_id': transactionId,
      'http.request.method': request.method,
      'http.route': route,
      'http.response.status_code': statusCode,
    },
    ...(statusCode >= 500 && { error: String(statusCode) }),
    ...(caller !== undefined && { links: [{ traceId: caller.traceId, spanId: caller.spanId }] }),
  };
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
