/**
 * Where a TCC transaction can stand: each status with its own luggage, immutable and cheap to follow by another.
 * Rebuilt from the journal at will, so nothing here is ever stored or sent.
 */
import type { RestReason } from '../transaction.js';
import type { Round } from '../round/round.js';

/** Every branch is asked to hold what it will need. */
export interface Trying {
  readonly status: 'trying';
  readonly input: unknown;
  readonly round: Round;
}

/** Every try has succeeded: from here the only way is forward (S73). */
export interface Confirming {
  readonly status: 'confirming';
  readonly round: Round;
}

/** Some try has not succeeded: every branch lets go; then, `closing`, the end is told. */
export interface Cancelling {
  readonly status: 'cancelling';
  readonly input: unknown;
  readonly reason: RestReason;
  readonly closing: boolean;
  readonly round: Round;
}

/** The states in which commands are in hand. */
export type Moving = Trying | Confirming | Cancelling;

/** At rest until a person acts; `suspended` is what a resumption goes on with. */
export interface Parked {
  readonly status: 'parked';
  readonly reason: RestReason;
  readonly suspended: Moving;
}

export type TccState =
  | Moving
  | Parked
  | { readonly status: 'confirmed' }
  | { readonly status: 'cancelled'; readonly reason: RestReason };

/** Whether commands are in hand. */
export function isMoving(state: TccState): state is Moving {
  return state.status === 'trying' || state.status === 'confirming' || state.status === 'cancelling';
}

/** The round in hand, also of a parked transaction; empty at the end. */
export function roundOf(state: TccState): Round {
  if (isMoving(state)) return state.round;
  return state.status === 'parked' ? state.suspended.round : [];
}
