/**
 * One branch within a round: the attempts of the one command in hand, what an event means for it, when it is sent
 * again, when it is given up. It knows nothing of its neighbours and decides nothing about the transaction.
 */
import assert from 'node:assert/strict';
import { messageTypeFor, type Half, type Reply } from '../operation.js';
import type { RetryPolicy, SendCommand, TransactionEvent } from '../transaction.js';
import type { RoundBranch } from './round.branch.js';

/** How a half ended: the participant's last word, or silence beyond the last attempt. */
export type Ending = Exclude<Reply, { readonly outcome: 'in-progress' }> | { readonly outcome: 'silent' };

/** What is known of the half that a settling half settles (R5). */
export type Knowledge = 'succeeded' | 'refused' | 'unknown';

/** What is asked of one branch. */
export interface Asking {
  readonly branch: RoundBranch;
  readonly half: Half;
  /** What is sent. Kept, so that a repeat carries the very same, whatever the definition's functions say by then. */
  readonly payload: unknown;
  readonly policy: RetryPolicy;
  /** Only for a half that settles another. */
  readonly over?: Knowledge;
}

interface Attempt extends Asking {
  readonly generation: number;
  /** The number of the attempt sent last, from 1. */
  readonly attempt: number;
}

/** `reply`: sent, no answer · `retry`: waits to send the next attempt · `poll`: waits to ask the same one again. */
export interface OpenLane extends Attempt {
  readonly waitingFor: 'reply' | 'retry' | 'poll';
  /** The instant at which the waiting ends; ms of the store's clock. */
  readonly due: number;
}

export interface EndedLane extends Attempt {
  readonly waitingFor: 'nothing';
  readonly ending: Ending;
}

export type Lane = OpenLane | EndedLane;

export function isOpen(lane: Lane): lane is OpenLane {
  return lane.waitingFor !== 'nothing';
}

/** What an event means for the command in hand. */
export type Meaning = Ending | { readonly outcome: 'nothing' | 'retry-later' | 'poll-later' | 'ask-again' };

export type Replied = TransactionEvent & { readonly type: 'replied' };
export type MovingEvent = TransactionEvent & { readonly type: 'replied' | 'time-passed' };

const nothing: Meaning = { outcome: 'nothing' };
const retryLater: Meaning = { outcome: 'retry-later' };

/** The first attempt, sent at `at`. */
export function ask(asking: Asking, at: number): OpenLane {
  return { ...asking, generation: 1, attempt: 1, waitingFor: 'reply', due: at + asking.branch.timeoutMs };
}

/** The same half once more after a person's decision: a new generation, a whole new budget (R4). */
export function askAnew(lane: Lane, at: number): OpenLane {
  const { branch, generation } = lane;
  return {
    ...asked(lane),
    generation: generation + 1,
    attempt: 1,
    waitingFor: 'reply',
    due: at + branch.timeoutMs,
  };
}

/** The command in hand, sent again: the next attempt after a back-off, else the very same one (S80). */
export function sendAgain(lane: OpenLane, at: number): OpenLane {
  const attempt = lane.waitingFor === 'retry' ? lane.attempt + 1 : lane.attempt;
  return { ...lane, attempt, waitingFor: 'reply', due: at + lane.branch.timeoutMs };
}

export function end(lane: Lane, ending: Ending): EndedLane {
  const { generation, attempt } = lane;
  return { ...asked(lane), generation, attempt, waitingFor: 'nothing', ending };
}

function asked({ branch, half, payload, policy, over }: Lane): Asking {
  return over === undefined ? { branch, half, payload, policy } : { branch, half, payload, policy, over };
}

/** The command in words for the wire; the same lane always gives the same command. */
export function commandOf(lane: Lane): SendCommand {
  const { branch, half, generation, attempt, payload } = lane;
  const messageType = messageTypeFor(branch.operation, half);
  assert(messageType !== undefined, `${branch.name}: ${branch.operation.action} has no ${half}`);
  const { participant } = branch.operation;
  return {
    type: 'send',
    participant,
    messageType,
    branchId: branch.name,
    operation: half,
    generation,
    attempt,
    payload,
  };
}

/** Whether a reply is about this lane; an answer for another half or generation is not. */
export function isFor(lane: Lane, event: Replied): boolean {
  return (
    event.branchId === lane.branch.name &&
    event.operation === lane.half &&
    event.generation === lane.generation
  );
}

/** What `event`, which is about this lane, means for it. */
export function meaningOf(lane: OpenLane, event: MovingEvent): Meaning {
  // From an instant that is none nothing would ever fall due again; silence, at least, times out.
  if (!Number.isFinite(event.at)) return nothing;
  if (event.type === 'replied') return meaningOfReply(lane, event);
  if (event.at < lane.due) return nothing;
  if (lane.waitingFor !== 'reply') return { outcome: 'ask-again' };
  return mayRetry(lane) ? retryLater : { outcome: 'silent' };
}

/** A last word counts whenever it arrives, for every attempt asks for the same effect. A passing word (come back, try
 *  again) counts once, for the attempt it answers: its repeat must not eat into the budget of the next one. */
function meaningOfReply(lane: OpenLane, event: Replied): Meaning {
  const { reply } = event;
  switch (reply.outcome) {
    case 'succeeded':
    case 'refused':
      return reply;
    case 'failed':
      if (!reply.failure.retryable) return reply;
      if (isStale(lane, event)) return nothing;
      return mayRetry(lane) ? retryLater : reply;
    case 'in-progress':
      return lane.waitingFor === 'reply' && !isStale(lane, event) ? { outcome: 'poll-later' } : nothing;
    default:
      // What another version of a participant might say must not stop the shard; the attempt will time out.
      return nothing;
  }
}

function isStale(lane: OpenLane, { attempt = lane.attempt }: Replied): boolean {
  return attempt !== lane.attempt || lane.waitingFor === 'retry';
}

function mayRetry(lane: OpenLane): boolean {
  return lane.attempt < lane.policy.attemptsMax;
}

/** The lane after the event; undefined when the event means nothing to it. */
export function follow(lane: OpenLane, event: MovingEvent): Lane | undefined {
  const meaning = meaningOf(lane, event);
  const { at } = event;
  switch (meaning.outcome) {
    case 'nothing':
      return undefined;
    case 'retry-later':
      return { ...lane, waitingFor: 'retry', due: retryInstant(event) };
    case 'poll-later':
      return { ...lane, waitingFor: 'poll', due: at + lane.branch.inProgressPollMs };
    case 'ask-again':
      return sendAgain(lane, at);
    case 'succeeded':
    case 'refused':
    case 'failed':
    case 'silent':
      return end(lane, meaning);
  }
}

/** A host that draws no instant retries at once. */
function retryInstant({ at, retryAt = at }: MovingEvent): number {
  return Number.isFinite(retryAt) ? retryAt : at;
}

/** Whether a lane ended as it was asked to. One that found nothing to settle, where something is known to have been
 *  there, has lost it, and that is no success (R5). */
export function endedWell({ ending, over }: EndedLane): boolean {
  return ending.outcome === 'succeeded' && !(ending.empty === true && over === 'succeeded');
}
