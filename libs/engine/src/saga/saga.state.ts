/**
 * Where a saga can stand: each status with its own luggage, immutable and cheap to follow by another.
 * Rebuilt from the journal at will, so nothing here is ever stored or sent.
 */
import type { Half } from '../operation.js';
import type { RestReason } from '../standing.js';
import type { Parent } from '../transaction.js';

/** What a transaction began from, and whose step it is. */
export interface Journey {
  readonly input: unknown;
  readonly parent: Parent | undefined;
  /** The semantic locks it was granted. Kept apart from `done`, because they are held until everything is undone. */
  readonly locks?: readonly HeldLock[];
}

/** A semantic lock that was granted, under the name of the node that asked for it. */
export interface HeldLock {
  readonly branchId: string;
  readonly key: string;
}

/** One half of a branch in hand. There may be several at the same time. */
export interface Branch {
  /** Index into the definition's nodes; one past the last stands for `onCompensated`. */
  readonly node: number;
  /** The number of the pass of a loop, -1 where there is none. */
  readonly pass: number;
  readonly id: string;
  readonly half: Half;
  readonly generation: number;
  /** The number of the attempt sent last, from 1. */
  readonly attempt: number;
  /** `reply`: sent, no answer · `retry`: waits to send the next attempt · `poll`: waits to ask the same one again ·
   *  `child`: another saga works on it and will answer of its own accord, or once it is asked again · `probe`: asked what became of it ·
   *  `next-probe`: waits to ask that again · `late-reply`: nothing is asked any more · `instant`: a timer ·
   *  `signal`: somebody outside · `lock`: its turn at a key. */
  readonly waitingFor:
    | 'reply'
    | 'retry'
    | 'poll'
    | 'child'
    | 'probe'
    | 'next-probe'
    | 'late-reply'
    | 'instant'
    | 'signal'
    | 'lock';
  /** The instant at which the waiting ends; ms of the store's clock, infinite where only an event ends it. */
  readonly due: number;
  /** The instant at which all attempts end; infinite where none is set. */
  readonly deadline: number;
  /** What was sent. Kept, so that a repeat carries the very same, whatever the definition's functions say by then. */
  readonly payload: unknown;
  /** Why its outcome is unknown, while that is being found out. */
  readonly doubt: RestReason | undefined;
  /** How many probes found nobody to answer, and the one in hand. */
  readonly probes: number;
  /** What an undo undoes. */
  readonly of: Done | undefined;
}

/** Something that is settled. A stack: the undo takes from the top, hence in reverse of completion (S13). */
export interface Done {
  readonly node: number;
  readonly pass: number;
  readonly id: string;
  readonly input: unknown;
  /** `set`: a person said so · `mark`: a decision, a wait, a signal or the end of a loop, which needs no undo. */
  readonly outcome: 'succeeded' | 'unknown' | 'set' | 'mark';
  /** Undefined when the outcome is `unknown`; whether it is taken, for a decision. */
  readonly output: unknown;
  readonly earlier: Done | undefined;
}

/** A loop that is being gone through. */
export interface Loop {
  readonly node: number;
  readonly items: readonly unknown[];
  /** The number of the pass that begins next. */
  readonly next: number;
  /** How many passes run. */
  readonly open: number;
}

/** The first signal of its name; there is one node for each name, so no other is ever needed (S40). */
export interface Signal {
  readonly name: string;
  readonly id: string;
  readonly payload: unknown;
}

/** What both directions carry. */
interface Progress {
  readonly journey: Journey;
  readonly done: Done | undefined;
  readonly active: readonly Branch[];
  readonly signals: readonly Signal[];
  /** The instant at which the whole must be done; infinite where none is set, or once it has passed. */
  readonly deadline: number;
  /** A person holds it: what arrives is recorded, nothing is sent, and no time passes (S96). */
  readonly isPaused: boolean;
}

/** Going forward; `done` holds what is settled. */
export interface Executing extends Progress {
  readonly status: 'executing';
  readonly loops: readonly Loop[];
}

/** Going back. Actions that still run are awaited first; then `done` is undone. With nothing left of either,
 *  `onCompensated` is in hand. */
export interface Compensating extends Progress {
  readonly status: 'compensating';
  readonly reason: RestReason;
  /** Undos that did not work, where the others go on all the same (S20). */
  readonly blocked: readonly Blocked[];
  /** What was undone, for what arrives late. */
  readonly undone: Undone | undefined;
}

export interface Blocked {
  readonly branch: Branch;
  readonly reason: RestReason;
}

export interface Undone {
  readonly id: string;
  /** The participant found nothing to undo. */
  readonly isEmpty: boolean;
  readonly earlier: Undone | undefined;
}

/** The states in which something is in hand. */
export type Moving = Executing | Compensating;

/** At rest until a person acts; `suspended` is what a resumption goes on with. `stuck`: the branch that stopped it;
 *  absent after a bug, and where undos are `blocked`. */
export interface Parked {
  readonly status: 'parked';
  readonly reason: RestReason;
  readonly suspended: Moving;
  readonly stuck: Branch | undefined;
}

/** Everything is done. A child rests here until its parent is through with it. */
export interface Completed {
  readonly status: 'completed';
  readonly journey: Journey;
  readonly done: Done | undefined;
  readonly output: unknown;
}

/** Everything is undone. */
export interface Compensated {
  readonly status: 'compensated';
  readonly reason: RestReason;
  readonly journey: Journey;
  readonly undone: Undone | undefined;
}

/** Given up by a person, as it was. */
export interface Terminated {
  readonly status: 'terminated';
  readonly reason: RestReason;
  readonly journey: Journey;
}

export type SagaState = Moving | Parked | Completed | Compensated | Terminated;

/** Whether anything is in hand. */
export function isMoving(state: SagaState): state is Moving {
  return state.status === 'executing' || state.status === 'compensating';
}

/** The moving state in which a saga stands, or from which it came to rest until a person acts. */
export function movingOf(state: SagaState): Moving | undefined {
  if (isMoving(state)) return state;
  return state.status === 'parked' ? state.suspended : undefined;
}

/** Whether nothing was asked of anybody: a timer, somebody outside, or the turn at a key is waited for. */
export function isIdle({ waitingFor }: Branch): boolean {
  return waitingFor === 'instant' || waitingFor === 'signal' || waitingFor === 'lock';
}

/** Those but one. */
export function without(active: readonly Branch[], branch: Branch): readonly Branch[] {
  return active.length === 1 ? nobody : active.filter((other) => other !== branch);
}

/** Those, with one in another's place. */
export function withInstead(active: readonly Branch[], old: Branch, branch: Branch): readonly Branch[] {
  return active.length === 1 ? [branch] : active.map((other) => (other === old ? branch : other));
}

const nobody: readonly Branch[] = Object.freeze([]);
