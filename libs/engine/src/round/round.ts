/**
 * A round: several branches asked for one half at the same time, until each has ended. Protocols that work in phases
 * stand on it; what follows from how a round ended is their affair, and nothing here decides it.
 */
import type { RestReason, RetryPolicy, SendCommand, TransactionEvent } from '../transaction.js';
import type { EndReason } from './round.branch.js';
import {
  askAnew,
  commandOf,
  endedWell,
  follow,
  isFor,
  isOpen,
  meaningOf,
  sendAgain,
  type EndedLane,
  type Lane,
  type MovingEvent,
  type OpenLane,
} from './round.lane.js';

/** Immutable; at most one lane a branch. */
export type Round = readonly Lane[];

/** What an event did to a round. */
export interface Progress {
  readonly round: Round;
  readonly commands: readonly SendCommand[];
  /** The lane that it ended, if any. */
  readonly ended: EndedLane | undefined;
}

/** The round after a reply, or after time has passed; undefined when nothing has changed. An instant ends the wait of
 *  one lane at a time, the one that has waited longest, so that each retry is drawn its own luck (R15, I35). */
export function advance(round: Round, event: MovingEvent): Progress | undefined {
  const before = laneFor(round, event);
  const after = before && follow(before, event);
  if (before === undefined || after === undefined) return undefined;
  const sent = isOpen(after) && after.waitingFor === 'reply';
  return {
    round: replace(round, before, after),
    commands: sent ? [commandOf(after)] : [],
    ended: isOpen(after) ? undefined : after,
  };
}

/** The open lane that an event is about. */
export function laneFor(round: Round, event: TransactionEvent): OpenLane | undefined {
  if (event.type === 'replied') return openLanes(round).find((lane) => isFor(lane, event));
  return event.type === 'time-passed' ? firstDue(round) : undefined;
}

function firstDue(round: Round): OpenLane | undefined {
  let first: OpenLane | undefined;
  for (const lane of openLanes(round)) if (first === undefined || lane.due < first.due) first = lane;
  return first;
}

export function replace(round: Round, before: Lane, after: Lane): Round {
  return round.map((lane) => (lane === before ? after : lane));
}

function openLanes(round: Round): readonly OpenLane[] {
  return round.filter(isOpen);
}

/** The next instant at which time alone is an event for the round. */
export function dueOf(round: Round): number | undefined {
  return firstDue(round)?.due;
}

/** The commands sent and not answered. */
export function outstandingOf(round: Round): readonly SendCommand[] {
  return openLanes(round)
    .filter((lane) => lane.waitingFor === 'reply')
    .map(commandOf);
}

export function isOver(round: Round): round is readonly EndedLane[] {
  return !round.some(isOpen);
}

/** The first lane that did not end as it was asked to. */
export function firstUnhappy(round: Round): EndedLane | undefined {
  return round.find((lane): lane is EndedLane => !isOpen(lane) && !endedWell(lane));
}

/** Asks again after a person's decision: what had not ended is merely sent again, for nothing of it was given up; what
 *  ended badly is asked under the next generation (R4). What ended well stays so. */
export function reopen(round: Round, at: number): Progress {
  const again = round.map((lane) => {
    if (isOpen(lane)) return sendAgain(lane, at);
    return endedWell(lane) ? lane : askAnew(lane, at);
  });
  return { round: again, commands: outstandingOf(again), ended: undefined };
}

/** As `Protocol.retryOf`, for the round in hand. */
export function retryIn(
  round: Round,
  event: TransactionEvent,
): { readonly attempt: number; readonly policy: RetryPolicy } | undefined {
  if (event.type !== 'replied' && event.type !== 'time-passed') return undefined;
  const lane = laneFor(round, event);
  if (lane === undefined || meaningOf(lane, event).outcome !== 'retry-later') return undefined;
  return { attempt: lane.attempt, policy: lane.policy };
}

/** Why a lane did not do what was asked, in the words of its ending. */
export function reasonOf({ branch, ending }: EndedLane): RestReason {
  const branchId = branch.name;
  switch (ending.outcome) {
    case 'refused':
      return { kind: 'refused', branchId, refusal: ending.refusal };
    case 'failed':
      return { kind: 'failed', branchId, failure: ending.failure };
    case 'succeeded':
    case 'silent':
      return { kind: 'timed-out', branchId };
  }
}

/** Why a branch could not be settled, in words that say which way it was to be settled. */
export function settlementReasonOf(lane: EndedLane, prefix: 'undo' | 'settlement'): RestReason {
  const { ending, branch } = lane;
  const branchId = branch.name;
  switch (ending.outcome) {
    case 'succeeded':
      return { kind: `${prefix}-lost`, branchId };
    case 'refused':
      return { kind: `${prefix}-refused`, branchId, refusal: ending.refusal };
    case 'failed':
      return { kind: `${prefix}-failed`, branchId, failure: ending.failure };
    case 'silent':
      return { kind: `${prefix}-failed`, branchId };
  }
}

/** The reason in the business's words: the refusal's own, else the failure's code, else that nobody answered. */
export function endReasonOf({ refusal, failure }: RestReason): EndReason {
  return refusal ?? { code: failure?.code ?? 'timed-out' };
}

/** R2: a broken rule, as a reason. */
export function bugReason(message: string): RestReason {
  return { kind: 'bug', failure: { code: 'BUG', message, retryable: false } };
}
