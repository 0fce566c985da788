/**
 * What a person or a script is shown of a transaction: its standing and its timeline, never its input, which may hold
 * personal data. Pure; the controller fetches.
 */
import type { RestReason, Standing, StepView, TransactionEvent } from '@sagamore/engine';
import {
  startOf,
  type Definitions,
  type KnownStart,
  type StoredLateReply,
  type StoredTransaction,
} from '@sagamore/runtime';
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

/** What came after its decision, and what it means. */
export const lateReplyView = z.object({
  step: z.string(),
  operation: stepView.shape.operation,
  outcome: z.string(),
  meaning: z.enum(['covered', 'contradicts', 'needs-undo', 'unknown-transaction']),
  at: z.string(),
});

/** What somebody said or decided, in order: a signal's payload may hold personal data, so its name alone is shown. */
export const wordView = z.object({
  type: z.enum([
    'signal-received',
    'cancel-requested',
    'terminate-requested',
    'operator-paused',
    'operator-resumed',
    'operator-skipped',
    'operator-set-result',
    'outcome-reported',
  ]),
  /** The signal's name, or the step's. */
  name: z.string().nullable(),
  actor: z.string().nullable(),
  reason: z.string().nullable(),
  at: z.string(),
});

/** `journalVersion` is the number of journaled events: whoever decides upon what they see may name it with the decision. */
export const transactionView = transactionSummary.extend({
  journalVersion: z.int(),
  steps: z.array(stepView),
  words: z.array(wordView),
  lateReplies: z.array(lateReplyView),
});

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
export function viewOf(
  stored: StoredTransaction,
  definitions: Definitions,
  late: readonly StoredLateReply[] = [],
): TransactionView {
  const { definition, version, startedAt, events } = stored;
  const summary = { ...summaryOf(stored), lateReplies: late.map(shownLate) };
  const told = { journalVersion: events.length, words: events.flatMap(shownWord) };
  const protocol = definitions.exact(definition, version);
  if (protocol === undefined) return { ...summary, ...told, steps: [] };
  const start = startOf(stored);
  let { state } = protocol.begin(start);
  for (const event of events) state = protocol.transition(state, event).state;
  return {
    ...summary,
    ...told,
    ...standingOf(protocol.standing(state)),
    updatedAt: new Date(events.at(-1)?.at ?? startedAt).toISOString(),
    steps: protocol.timeline(start, events).map(shownStep),
  };
}

/** Where a transaction stands, as people are told. */
export function standingOf({ status, reason }: Standing): Pick<TransactionSummary, 'status' | 'reason'> {
  return { status, reason: reason === undefined ? null : reasonOf(reason) };
}

/** A start that was accepted and has not begun. */
export function acceptedView({ transactionId, definition, acceptedAt }: KnownStart): TransactionView {
  const instant = new Date(acceptedAt).toISOString();
  const standing = { status: 'accepted', reason: null, createdAt: instant, updatedAt: instant };
  return {
    transactionId,
    definition,
    version: 0,
    ...standing,
    journalVersion: 0,
    words: [],
    steps: [],
    lateReplies: [],
  };
}

function shownWord(event: TransactionEvent): TransactionView['words'] {
  const at = new Date(event.at).toISOString();
  switch (event.type) {
    case 'signal-received':
      return [{ type: event.type, name: event.name, actor: null, reason: null, at }];
    case 'cancel-requested':
    case 'terminate-requested':
    case 'operator-paused':
    case 'operator-resumed':
      return [{ type: event.type, name: null, actor: event.actor, reason: event.reason, at }];
    case 'operator-skipped':
    case 'operator-set-result':
    case 'outcome-reported':
      return [{ type: event.type, name: event.branchId, actor: event.actor, reason: event.reason, at }];
    default:
      return [];
  }
}

function shownLate({
  branchId,
  operation,
  outcome,
  meaning,
  at,
}: StoredLateReply): TransactionView['lateReplies'][number] {
  return { step: branchId, operation, outcome, meaning, at: new Date(at).toISOString() };
}

function shownStep({ name, operation, outcome, attempts, at }: StepView): TransactionView['steps'][number] {
  return { name, operation, outcome, attempts, at: new Date(at).toISOString() };
}

/** The reason in one flat object: what kind, which step, and the code that the participant gave. */
function reasonOf({
  kind,
  branchId,
  refusal,
  failure,
  actor,
  because,
  blocked,
  abandoned,
  locks,
}: RestReason): Record<string, unknown> {
  return {
    kind,
    ...(branchId !== undefined && { step: branchId }),
    ...(refusal !== undefined && {
      code: refusal.code,
      ...(refusal.details !== undefined && { details: refusal.details }),
    }),
    ...(failure !== undefined && { code: failure.code, message: failure.message }),
    ...(actor !== undefined && { actor }),
    ...(because !== undefined && { because }),
    ...(blocked !== undefined && { blocked }),
    ...(abandoned !== undefined && { abandoned }),
    ...(locks !== undefined && { locks }),
  };
}
