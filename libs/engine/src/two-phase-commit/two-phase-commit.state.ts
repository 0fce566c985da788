/**
 * Where a two-phase commit can stand: each status with its own luggage, immutable and cheap to follow by another.
 * Rebuilt from the journal at will, so nothing here is ever stored or sent.
 */
import type { Round } from '../round/round.js';
import type { BranchId, RestReason } from '../transaction.js';

/** Everybody is asked for a vote. */
export interface Preparing {
  readonly status: 'preparing';
  readonly input: unknown;
  readonly round: Round;
  /** The instant of the last vote, once all have voted and somebody waits for the decision. A host that decides does so
   *  in the same breath, so whoever finds a transaction here has taken it over from one that was lost (S67). */
  readonly votedAt?: number;
}

/** The decision is to commit, and those that voted yes are told until they have acknowledged. */
export interface Committing {
  readonly status: 'committing';
  readonly input: unknown;
  /** A participant alone decides for itself, in one phase: nothing is prepared, and nobody is ever in doubt. */
  readonly alone: boolean;
  /** Branches that were settled against the decision (S71). */
  readonly heuristics: readonly BranchId[];
  readonly round: Round;
}

/** The decision is to abort, or there is none; whoever may have prepared is told. Then, `closing`, the end is told. */
export interface Aborting {
  readonly status: 'aborting';
  readonly input: unknown;
  readonly reason: RestReason;
  readonly closing: boolean;
  readonly heuristics: readonly BranchId[];
  readonly round: Round;
}

/** The states in which commands are in hand. */
export type Moving = Preparing | Committing | Aborting;

/** At rest until a person acts; `suspended` is what a resumption goes on with. */
export interface Parked {
  readonly status: 'parked';
  readonly reason: RestReason;
  readonly suspended: Moving;
}

/** `round` is kept, so that a participant that forgot what it acknowledged can be told again (R20). */
export interface Committed {
  readonly status: 'committed';
  readonly heuristics: readonly BranchId[];
  readonly round: Round;
}

export interface Aborted {
  readonly status: 'aborted';
  readonly reason: RestReason;
  readonly heuristics: readonly BranchId[];
}

export type TwoPhaseCommitState = Moving | Parked | Committed | Aborted;

/** Whether commands are in hand. */
export function isMoving(state: TwoPhaseCommitState): state is Moving {
  return state.status === 'preparing' || state.status === 'committing' || state.status === 'aborting';
}

/** The round in hand, also of a parked transaction; empty at the end. */
export function roundOf(state: TwoPhaseCommitState): Round {
  if (isMoving(state)) return state.round;
  return state.status === 'parked' ? state.suspended.round : [];
}
