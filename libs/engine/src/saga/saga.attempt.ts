/**
 * The attempts of the one command in hand: what an event means for it, when it is sent again, when it is given up.
 * It knows nothing of steps before or after; forward and backward share it.
 */
import assert from 'node:assert/strict';
import type { Half, Reply } from '../operation.js';
import type { RetryPolicy, SendCommand, TransactionEvent } from '../transaction.js';
import type { SagaDefinition, SettledStep } from './saga.definition.js';
import type { Pending } from './saga.state.js';

/** How a half ended: the participant's last word, or silence beyond the last attempt. */
export type Ending = Exclude<Reply, { readonly outcome: 'in-progress' }> | { readonly outcome: 'silent' };

/** What an event means for the command in hand. */
export type Meaning = Ending | { readonly outcome: 'nothing' | 'retry-later' | 'poll-later' | 'ask-again' };

type Replied = TransactionEvent & { readonly type: 'replied' };
export type MovingEvent = TransactionEvent & { readonly type: 'replied' | 'time-passed' };

// One object each: most events of a busy day are of these kinds, and they need no luggage.
const nothing: Meaning = { outcome: 'nothing' };
const retryLater: Meaning = { outcome: 'retry-later' };
const pollLater: Meaning = { outcome: 'poll-later' };
const askAgain: Meaning = { outcome: 'ask-again' };
const silent: Meaning = { outcome: 'silent' };

/** The step a command belongs to; one past the last is the closing one. */
export function stepOf(definition: SagaDefinition, { step }: Pending): SettledStep {
  const found = definition.steps[step] ?? definition.onCompensated;
  assert(found !== undefined, `${definition.name} has no step ${step}`);
  return found;
}

export function policyOf(definition: SagaDefinition, pending: Pending): RetryPolicy {
  const { retry, undoRetry } = stepOf(definition, pending);
  return pending.half === 'action' ? retry : undoRetry;
}

/** The first attempt of a half, sent at `at`. */
export function ask(
  { timeoutMs }: SettledStep,
  asked: { readonly step: number; readonly half: Half; readonly payload: unknown; readonly at: number },
): Pending {
  const { step, half, payload, at } = asked;
  return { step, half, generation: 1, attempt: 1, waitingFor: 'reply', due: at + timeoutMs, payload };
}

/** The same half once more after a person's decision: a new generation, a whole new budget (R4, S106). */
export function askAnew(definition: SagaDefinition, pending: Pending, at: number): Pending {
  const due = at + stepOf(definition, pending).timeoutMs;
  return { ...pending, generation: pending.generation + 1, attempt: 1, waitingFor: 'reply', due };
}

/** The command in words for the wire; the same `Pending` always gives the same command. */
export function commandOf(definition: SagaDefinition, pending: Pending): SendCommand {
  const { name, operation } = stepOf(definition, pending);
  const messageType = pending.half === 'action' ? operation.action : operation.compensation;
  assert(messageType !== undefined, `${definition.name}/${name} has no undo`);
  return {
    type: 'send',
    participant: operation.participant,
    messageType,
    branchId: name,
    operation: pending.half,
    generation: pending.generation,
    attempt: pending.attempt,
    payload: pending.payload,
  };
}

/** What `event` means for the command in hand. An answer for another branch, half or generation means nothing. */
export function meaningOf(definition: SagaDefinition, pending: Pending, event: MovingEvent): Meaning {
  // From an instant that is none nothing would ever fall due again; silence, at least, times out.
  if (!Number.isFinite(event.at)) return nothing;
  if (event.type === 'replied')
    return isFor(definition, pending, event) ? meaningOfReply(definition, pending, event) : nothing;
  if (event.at < pending.due) return nothing;
  if (pending.waitingFor !== 'reply') return askAgain;
  return mayRetry(definition, pending) ? retryLater : silent;
}

function isFor(definition: SagaDefinition, pending: Pending, event: Replied): boolean {
  return (
    event.operation === pending.half &&
    event.generation === pending.generation &&
    event.branchId === stepOf(definition, pending).name
  );
}

/** A last word counts whenever it arrives, for every attempt asks for the same effect. A passing word (come back, try
 *  again) counts once, for the attempt it answers: its repeat must not eat into the budget of the next one. */
function meaningOfReply(definition: SagaDefinition, pending: Pending, event: Replied): Meaning {
  const { reply } = event;
  const passing = reply.outcome === 'in-progress' || (reply.outcome === 'failed' && reply.failure.retryable);
  if (passing && isStale(pending, event)) return nothing;
  switch (reply.outcome) {
    case 'succeeded':
    case 'refused':
      return reply;
    case 'failed':
      return reply.failure.retryable && mayRetry(definition, pending) ? retryLater : reply;
    case 'in-progress':
      return pending.waitingFor === 'reply' ? pollLater : nothing;
    default:
      // What another version of a participant might say must not stop the shard; the attempt will time out.
      return nothing;
  }
}

function isStale(pending: Pending, { attempt = pending.attempt }: Replied): boolean {
  return attempt !== pending.attempt || pending.waitingFor === 'retry';
}

function mayRetry(definition: SagaDefinition, pending: Pending): boolean {
  return pending.attempt < policyOf(definition, pending).attemptsMax;
}

/** The command in hand, waiting. A host that draws no instant retries at once. */
export function waitFor(
  definition: SagaDefinition,
  pending: Pending,
  how: { readonly outcome: 'retry-later' | 'poll-later'; readonly event: MovingEvent },
): Pending {
  const { at, retryAt = at } = how.event;
  if (how.outcome === 'poll-later') {
    return { ...pending, waitingFor: 'poll', due: at + stepOf(definition, pending).inProgressPollMs };
  }
  return { ...pending, waitingFor: 'retry', due: Number.isFinite(retryAt) ? retryAt : at };
}

/** The command in hand, sent again: the next attempt after a back-off, else the very same one. A poll spends no budget
 *  (S80). */
export function sendAgain(definition: SagaDefinition, pending: Pending, at: number): Pending {
  const attempt = pending.waitingFor === 'retry' ? pending.attempt + 1 : pending.attempt;
  return { ...pending, attempt, waitingFor: 'reply', due: at + stepOf(definition, pending).timeoutMs };
}
