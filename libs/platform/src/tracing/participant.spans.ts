/**
 * A participant's span of one command: from its arrival to its answer, under the span of its asking. Told best effort, and
 * only where the command says that its trace is kept (R24).
 */
import type { HandledMessage } from '@sagamore/runtime';
import { readTraceparent, spanIdFrom, type SpanRecord } from '@sagamore/telemetry';

/** None where the trace is not kept. */
export function handledSpans({ command, reply, from, until }: HandledMessage): readonly SpanRecord[] {
  const parent = readTraceparent(command.traceparent);
  if (parent?.isSampled !== true) return [];
  const { transactionId, branchId, operation, attempt } = command.data;
  const code = codeOf(reply);
  return [
    {
      traceId: parent.traceId,
      // Each delivery is a span of its own: a repeat that the barrier answers shows as one.
      spanId: spanIdFrom(`${command.id}/handled/${from}`),
      parentSpanId: parent.spanId,
      name: command.type,
      kind: 'consumer',
      startMs: from,
      endMs: until,
      attributes: {
        'sagamore.transaction_id': transactionId,
        'sagamore.step': branchId,
        'sagamore.operation': operation,
        'sagamore.attempt': attempt,
        'sagamore.outcome': reply.outcome,
        'messaging.operation.type': 'process',
        'messaging.operation.name': command.type,
        'messaging.destination.name': command.topic,
        'messaging.message.id': command.id,
        ...(code !== undefined && { 'sagamore.code': code }),
      },
      ...(reply.outcome === 'failed' && { error: reply.failure.code }),
    },
  ];
}

function codeOf(reply: HandledMessage['reply']): string | undefined {
  if (reply.outcome === 'refused') return reply.refusal.code;
  return reply.outcome === 'failed' ? reply.failure.code : undefined;
}
