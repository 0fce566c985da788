/**
 * Where a saga can stand: each status with its own luggage, immutable and cheap to follow by another.
 * Rebuilt from the journal at will, so nothing here is ever stored or sent.
 */
import type { Half } from '../operation.js';
import type { RestReason } from '../transaction.js';

/** The command in hand: a saga asks one thing at a time. */
export interface Pending {
  /** Index into the definition's steps; one past the last stands for `onCompensated`. */
  readonly step: number;
  readonly half: Half;
  readonly generation: number;
  /** The number of the attempt sent last, from 1. */
  readonly attempt: number;
  /** `reply`: sent, no answer · `retry`: waits to send the next attempt · `poll`: waits to ask the same one again. */
  readonly waitingFor: 'reply' | 'retry' | 'poll';
  /** The instant at which the waiting ends; ms of the store's clock. */
  readonly due: number;
  /** What was sent. Kept, so that a repeat carries the very same, whatever the definition's functions say by then. */
  readonly payload: unknown;
}

/** A step that was done, or that may have been. A stack: the undo takes them from the top, hence in reverse (S13). */
export interface Done {
  readonly step: number;
  readonly input: unknown;
  readonly outcome: 'succeeded' | 'unknown';
  /** Undefined when the outcome is `unknown`. */
  readonly output: unknown;
  readonly earlier: Done | undefined;
}

/** Going forward; `done` holds the steps before the one in hand. */
export interface Executing {
  readonly status: 'executing';
  readonly input: unknown;
  readonly done: Done | undefined;
  readonly pending: Pending;
}

/** Going back; the top of `done` is being undone. With an empty stack, `onCompensated` is in hand. */
export interface Compensating {
  readonly status: 'compensating';
  readonly input: unknown;
  readonly reason: RestReason;
  readonly done: Done | undefined;
  readonly pending: Pending;
}

/** The states in which a command is in hand. */
export type Moving = Executing | Compensating;

/** At rest until a person acts; `suspended` is what a resumption goes on with. */
export interface Parked {
  readonly status: 'parked';
  readonly reason: RestReason;
  readonly suspended: Moving;
}

export type SagaState =
  | Moving
  | Parked
  | { readonly status: 'completed' }
  | { readonly status: 'compensated'; readonly reason: RestReason };

/** Whether a command is in hand. */
export function isMoving(state: SagaState): state is Moving {
  return state.status === 'executing' || state.status === 'compensating';
}
