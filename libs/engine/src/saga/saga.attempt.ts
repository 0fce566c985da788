/**
 * The attempts of one branch in hand: what an event means for it, when it is sent again, when it is given up.
 * It knows nothing of other branches, nor of what comes before or after; forward and backward share it.
 */
import assert from 'node:assert/strict';
import type { Probed, Replied, TimePassed } from '../event.js';
import type { Refusal, Reply } from '../operation.js';
import type { RestReason } from '../standing.js';
import type { RetryPolicy } from '../transaction.js';
import { isTransaction, stepOfNode, type SagaDefinition, type SettledStep } from './saga.plan.js';
import type { Branch, Done } from './saga.state.js';

/** How a half ended: the participant's last word; silence beyond the last attempt; a probe's promise that nothing was
 *  done; or that nobody can say. */
export type Ending =
  | Exclude<Reply, { readonly outcome: 'in-progress' }>
  | { readonly outcome: 'silent' | 'not-done' | 'untold' };

/** What an event means for a branch. */
export type Meaning =
  Ending | { readonly outcome: 'nothing' | 'retry-later' | 'poll-later' | 'child-works' | 'ask-again' };

export type MovingEvent = Replied | Probed | TimePassed;

// One object each: most events of a busy day are of these kinds, and they need no luggage.
const nothing: Meaning = { outcome: 'nothing' };
const retryLater: Meaning = { outcome: 'retry-later' };
const pollLater: Meaning = { outcome: 'poll-later' };
const childWorks: Meaning = { outcome: 'child-works' };
const askAgain: Meaning = { outcome: 'ask-again' };
const silent: Meaning = { outcome: 'silent' };
const untold: Meaning = { outcome: 'untold' };
const notDone: Meaning = { outcome: 'not-done' };

/** The step a branch belongs to; one past the last node is the closing one. */
export function stepOf(definition: SagaDefinition, { node }: { readonly node: number }): SettledStep {
  const found = definition.nodes[node];
  const step = found === undefined ? definition.onCompensated : stepOfNode(found);
  assert(step !== undefined, `${definition.name} asks for nothing at node ${node}`);
  return step;
}

/** How often a half may be tried, and how far apart. */
export function policyOf(definition: SagaDefinition, branch: Branch): RetryPolicy {
  const { retry, undoRetry } = stepOf(definition, branch);
  return branch.half === 'action' ? retry : undoRetry;
}

/** What is asked for. `of`: what an undo undoes. */
export type Asked = Pick<Branch, 'node' | 'pass' | 'id' | 'half' | 'payload'> & { readonly of?: Done };

/** The first attempt of a half, sent at `at`. */
export function ask({ timeoutMs, deadlineMs }: SettledStep, asked: Asked, at: number): Branch {
  // An undo has all the time it needs: giving it up would leave what was done.
  const deadline = asked.half === 'action' ? at + deadlineMs : Infinity;
  return {
    node: asked.node,
    pass: asked.pass,
    id: asked.id,
    half: asked.half,
    generation: 1,
    attempt: 1,
    waitingFor: 'reply',
    due: Math.min(at + timeoutMs, deadline),
    deadline,
    payload: asked.payload,
    doubt: undefined,
    probes: 0,
    of: asked.of,
  };
}

/** The same half once more after a person's decision: a new generation, a whole new budget (R4, S106). */
export function askAnew(definition: SagaDefinition, branch: Branch, at: number): Branch {
  const { timeoutMs, deadlineMs } = stepOf(definition, branch);
  const deadline = branch.half === 'action' ? at + deadlineMs : Infinity;
  const due = Math.min(at + timeoutMs, deadline);
  const fresh = { attempt: 1, waitingFor: 'reply', doubt: undefined, probes: 0 } as const;
  return { ...branch, ...fresh, generation: branch.generation + 1, due, deadline };
}

/** What `event` means for `branch`. `isAwaited`: only its answer is still of interest, so nothing is tried again. */
export function meaningOf(
  definition: SagaDefinition,
  branch: Branch,
  event: MovingEvent,
  isAwaited: boolean,
): Meaning {
  switch (event.type) {
    case 'replied':
      return meaningOfReply(branch, event, !isAwaited && mayRetry(definition, branch), definition);
    case 'probed':
      return meaningOfFinding(event);
    case 'time-passed':
      return event.at < branch.due ? nothing : meaningOfTime(definition, branch, { at: event.at, isAwaited });
  }
}

/** A last word counts whenever it arrives, for every attempt asks for the same effect. A passing word (come back, try
 *  again) counts once, for the attempt it answers: its repeat must not eat into the budget of the next one. */
function meaningOfReply(
  branch: Branch,
  event: Replied,
  mayTry: boolean,
  definition: SagaDefinition,
): Meaning {
  const { reply } = event;
  switch (reply.outcome) {
    case 'succeeded':
    case 'refused':
      return reply;
    case 'failed':
      if (branch.doubt !== undefined || (reply.failure.retryable && isStale(branch, event))) return nothing;
      return reply.failure.retryable && mayTry ? retryLater : reply;
    case 'in-progress':
      if (branch.waitingFor !== 'reply' || isStale(branch, event)) return nothing;
      return isTransaction(stepOf(definition, branch).via) ? childWorks : pollLater;
    default:
      // What another version of a participant might say must not stop the shard; the attempt will time out.
      return nothing;
  }
}

function isStale(branch: Branch, { attempt = branch.attempt }: Replied): boolean {
  return attempt !== branch.attempt || branch.waitingFor === 'retry';
}

function meaningOfFinding({ finding }: Probed): Meaning {
  switch (finding.outcome) {
    case 'succeeded':
    case 'refused':
      return finding;
    case 'not-done':
      return notDone;
    case 'not-yet':
      return pollLater;
    default:
      return nothing;
  }
}

function meaningOfTime(
  definition: SagaDefinition,
  branch: Branch,
  { at, isAwaited }: { readonly at: number; readonly isAwaited: boolean },
): Meaning {
  if (branch.waitingFor === 'late-reply') return untold;
  if (branch.doubt !== undefined) return meaningOfTimeInDoubt(definition, branch);
  if (at >= branch.deadline) return silent;
  if (branch.waitingFor !== 'reply') return askAgain;
  return !isAwaited && mayRetry(definition, branch) ? retryLater : silent;
}

function meaningOfTimeInDoubt(definition: SagaDefinition, branch: Branch): Meaning {
  if (branch.waitingFor === 'next-probe') return askAgain;
  return branch.probes < policyOf(definition, branch).attemptsMax ? retryLater : untold;
}

function mayRetry(definition: SagaDefinition, branch: Branch): boolean {
  return branch.attempt < policyOf(definition, branch).attemptsMax;
}

/** Which attempt of a branch has failed: what the back-off is drawn for. */
export function attemptOf({ doubt, attempt, probes }: Branch): number {
  return doubt === undefined ? attempt : probes;
}

/** The branch, waiting. A host that draws no instant retries at once. */
export function waitFor(
  definition: SagaDefinition,
  branch: Branch,
  how: { readonly outcome: 'retry-later' | 'poll-later' | 'child-works'; readonly event: MovingEvent },
): Branch {
  const { at } = how.event;
  const pollAt = at + stepOf(definition, branch).inProgressPollMs;
  // Whoever answers has not failed: months of work must not use up the attempts.
  if (how.outcome === 'child-works')
    return { ...branch, waitingFor: 'child', attempt: 1, due: Math.min(pollAt, branch.deadline) };
  if (branch.doubt !== undefined) {
    if (how.outcome === 'poll-later') return { ...branch, waitingFor: 'next-probe', due: pollAt };
    return { ...branch, waitingFor: 'next-probe', due: retryAtOf(how.event), probes: branch.probes + 1 };
  }
  const [waitingFor, due] =
    how.outcome === 'poll-later' ? (['poll', pollAt] as const) : (['retry', retryAtOf(how.event)] as const);
  return { ...branch, waitingFor, due: Math.min(due, branch.deadline) };
}

function retryAtOf(event: MovingEvent): number {
  const retryAt = event.type === 'probed' ? event.at : (event.retryAt ?? event.at);
  return Number.isFinite(retryAt) ? retryAt : event.at;
}

/** The branch, sent again: the next attempt after a back-off, else the very same one. A poll spends no budget (S80). */
export function sendAgain(definition: SagaDefinition, branch: Branch, at: number): Branch {
  const dueAt = at + stepOf(definition, branch).timeoutMs;
  if (branch.doubt !== undefined) return { ...branch, waitingFor: 'probe', due: dueAt };
  const attempt = branch.waitingFor === 'retry' ? branch.attempt + 1 : branch.attempt;
  return { ...branch, attempt, waitingFor: 'reply', due: Math.min(dueAt, branch.deadline) };
}

/** The branch while its participant is asked what became of it (R23). */
export function probe(definition: SagaDefinition, branch: Branch, doubt: RestReason, at: number): Branch {
  const due = at + stepOf(definition, branch).timeoutMs;
  return { ...branch, waitingFor: 'probe', doubt, probes: 1, due };
}

/** The branch while nothing is asked any more; the answer may still come, until the step's deadline. */
export function awaitLateReply(branch: Branch, doubt: RestReason): Branch {
  return { ...branch, waitingFor: 'late-reply', doubt, due: branch.deadline };
}

/** Why an action did not do what was asked, in the words of its ending. */
export function reasonOf(
  { id: branchId, doubt }: Branch,
  ending:
    Exclude<Ending, { readonly outcome: 'succeeded' }> | { readonly outcome: 'refused'; refusal: Refusal },
): RestReason {
  switch (ending.outcome) {
    case 'refused':
      return { kind: 'refused', branchId, refusal: ending.refusal };
    case 'failed':
      return { kind: 'failed', branchId, failure: ending.failure };
    case 'silent':
    case 'not-done':
    case 'untold':
      return doubt ?? { kind: 'timed-out', branchId };
  }
}
