/**
 * The coordinator's spans of one transaction, from its row and its journal: what an operator sees as one waterfall. All
 * under one trace and one root whose ids follow from the transaction, so that they may be told again, by another owner
 * and days later, and are still the same spans (R24, I29).
 */
import type { AskedAttempt, History, IdleWait } from '@sagamore/engine';
import { partOf } from '@sagamore/engine';
import type { StoredTransaction } from '@sagamore/runtime';
import {
  rootSpanIdOf,
  spanIdFrom,
  traceIdOf,
  type SpanAttributes,
  type SpanRecord,
} from '@sagamore/telemetry';

/** The spans of `stored` as far as its journal goes: the transaction, each attempt, each wait, and a decision. A span of
 *  an undo links to the span of what it undoes. */
export function transactionSpans(stored: StoredTransaction, history: History): readonly SpanRecord[] {
  const { transactionId } = stored;
  const decided = history.decision === undefined ? [] : [decisionSpan(stored, history.decision)];
  return [
    rootSpan(stored, history),
    ...history.attempts.map((asked) => attemptSpan(stored, asked, history.attempts)),
    ...history.waits.map((wait, index) => waitSpan(transactionId, wait, index)),
    ...decided,
  ];
}

function rootSpan(stored: StoredTransaction, { until }: History): SpanRecord {
  const { transactionId, definition, startedAt, status, phase, reason } = stored;
  return {
    traceId: traceIdOf(transactionId),
    spanId: rootSpanIdOf(transactionId),
    name: definition,
    startMs: startedAt,
    endMs: until,
    attributes: {
      ...identityOf(stored),
      'sagamore.outcome': status,
      ...(reason !== undefined && { 'sagamore.reason': reason.kind }),
    },
    ...(phase === 'parked' && { error: reason?.kind ?? status }),
  };
}

function attemptSpan(
  stored: StoredTransaction,
  asked: AskedAttempt,
  all: readonly AskedAttempt[],
): SpanRecord {
  const { branchId, operation, attempt, generation, outcome, code, participant, messageType } = asked;
  const undone = undoneBy(asked, all);
  const traceId = traceIdOf(stored.transactionId);
  const hasFailed = outcome === 'failed' || outcome === 'unknown';
  return {
    traceId,
    spanId: spanIdOf(stored, asked),
    parentSpanId: rootSpanIdOf(stored.transactionId),
    name: `${branchId} ${operation}`,
    kind: participant === undefined ? 'internal' : 'producer',
    startMs: asked.askedAt,
    endMs: asked.endedAt,
    attributes: {
      ...identityOf(stored),
      'sagamore.step': branchId,
      'sagamore.operation': operation,
      'sagamore.attempt': attempt,
      'sagamore.generation': generation,
      'sagamore.outcome': outcome,
      ...(code !== undefined && { 'sagamore.code': code }),
      ...(participant !== undefined && { 'messaging.destination.name': `${participant}.commands` }),
      ...(messageType !== undefined && {
        'messaging.operation.type': 'send',
        'messaging.operation.name': messageType,
      }),
    },
    ...(hasFailed && { error: code ?? outcome }),
    ...(undone !== undefined && { links: [{ traceId, spanId: spanIdOf(stored, undone) }] }),
  };
}

/** The last attempt at what an undo takes back. */
function undoneBy(asked: AskedAttempt, all: readonly AskedAttempt[]): AskedAttempt | undefined {
  if (asked.operation === 'probe' || partOf(asked.operation) !== 'undoes') return undefined;
  return all.findLast(
    ({ branchId, operation }) =>
      branchId === asked.branchId && operation !== 'probe' && partOf(operation) === 'does',
  );
}

function waitSpan(transactionId: string, { from, until, endedBy }: IdleWait, index: number): SpanRecord {
  return {
    traceId: traceIdOf(transactionId),
    spanId: spanIdFrom(`${transactionId}/wait/${index}`),
    parentSpanId: rootSpanIdOf(transactionId),
    name: 'wait',
    startMs: from,
    endMs: until,
    attributes: {
      'sagamore.transaction_id': transactionId,
      ...(endedBy !== undefined && { 'sagamore.ended_by': endedBy }),
    },
  };
}

function decisionSpan(
  stored: StoredTransaction,
  { decision, at }: NonNullable<History['decision']>,
): SpanRecord {
  const { transactionId } = stored;
  return {
    traceId: traceIdOf(transactionId),
    spanId: spanIdFrom(`${transactionId}/decision`),
    parentSpanId: rootSpanIdOf(transactionId),
    name: `decision ${decision}`,
    startMs: at,
    endMs: at,
    attributes: { ...identityOf(stored), 'sagamore.decision': decision },
  };
}

function spanIdOf({ transactionId }: StoredTransaction, asked: AskedAttempt): string {
  const { branchId, operation, generation, attempt } = asked;
  return spanIdFrom(`${transactionId}/${branchId}/${operation}/${generation}/${attempt}`);
}

function identityOf({ transactionId, definition, version }: StoredTransaction): SpanAttributes {
  return {
    'sagamore.transaction_id': transactionId,
    'sagamore.definition': definition,
    'sagamore.version': version,
  };
}
