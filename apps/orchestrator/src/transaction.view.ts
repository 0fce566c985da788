/**
 * What a person or a script is shown of a transaction: its standing and its timeline, never its input, which may hold
 * personal data. Pure; the controller fetches.
 */
import type { RestReason, StepView } from '@sagamore/engine';
import { startOf, type Definitions, type StoredTransaction } from '@sagamore/runtime';
import { z } from 'zod';

export const transactionSummary = z.object({
  transactionId: z.string(),
  definition: z.string(),
  version: z.int(),
  status: z.string(),
  reason: z.record(z.string(), z.unknown()).nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
});

export const stepView = z.object({
  name: z.string(),
  operation: z.enum(['action', 'compensation', 'try', 'confirm', 'cancel', 'prepare', 'commit', 'rollback']),
  outcome: z.enum(['pending', 'succeeded', 'refused', 'failed', 'unknown', 'empty']),
  attempts: z.int(),
  at: z.string(),
});

export const transactionView = transactionSummary.extend({ steps: z.array(stepView) });

export const transactionList = z.object({
  items: z.array(transactionSummary),
  nextCursor: z.string().nullable(),
});

export type TransactionSummary = z.infer<typeof transactionSummary>;
export type TransactionView = z.infer<typeof transactionView>;

/** A transaction's row as shown in lists. */
export function summaryOf(stored: StoredTransaction): TransactionSummary {
  const { transactionId, definition, version, status, reason, startedAt, updatedAt } = stored;
  return {
    transactionId,
    definition,
    version,
    status,
    reason: reason === undefined ? null : reasonOf(reason),
    createdAt: new Date(startedAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
  };
}

/** A transaction with its timeline, as its events tell it: fresher than the row, which keeps only rests. */
export function viewOf(stored: StoredTransaction, definitions: Definitions): TransactionView {
  const { definition, version, startedAt, events } = stored;
  const summary = summaryOf(stored);
  const protocol = definitions.exact(definition, version);
  if (protocol === undefined) return { ...summary, steps: [] };
  const start = startOf(stored);
  let { state } = protocol.begin(start);
  for (const event of events) state = protocol.transition(state, event).state;
  const { status, reason } = protocol.standing(state);
  return {
    ...summary,
    status,
    reason: reason === undefined ? null : reasonOf(reason),
    updatedAt: new Date(events.at(-1)?.at ?? startedAt).toISOString(),
    steps: protocol.timeline(start, events).map(shownStep),
  };
}

function shownStep({ name, operation, outcome, attempts, at }: StepView): TransactionView['steps'][number] {
  return { name, operation, outcome, attempts, at: new Date(at).toISOString() };
}

/** The reason in one flat object: what kind, which step, and the code that the participant gave. */
function reasonOf({ kind, branchId, refusal, failure }: RestReason): Record<string, unknown> {
  return {
    kind,
    ...(branchId !== undefined && { step: branchId }),
    ...(refusal !== undefined && {
      code: refusal.code,
      ...(refusal.details !== undefined && { details: refusal.details }),
    }),
    ...(failure !== undefined && { code: failure.code, message: failure.message }),
  };
}
