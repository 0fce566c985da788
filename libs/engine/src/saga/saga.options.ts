/**
 * What a saga and its steps may say about themselves, and what holds where they say nothing.
 * Every default of the saga protocol has its one place here, with the reason for its number.
 */
import type { Operation } from '../operation.js';
import type { RetryPolicy } from '../transaction.js';
import {
  isTransaction,
  type OnUnknown,
  type SagaPolicy,
  type SagaStep,
  type SettledStep,
  type Via,
} from './saga.plan.js';

/** What a saga says about itself as a whole. Whatever is left out takes its default. */
export interface SagaOptions {
  /** A positive whole number. A transaction finishes under the version it began with (S91). */
  readonly version: number;
  /** How long the whole may take; ms, positive, default without end. Past it everything is undone; from the pivot on it
   *  raises an alarm and undoes nothing (S28). */
  readonly deadlineMs?: number;
  /** `backward`: what cannot be done is undone. `forward`: nothing is ever undone; every step is repeated until done,
   *  and what cannot be done waits for a person. Default `backward`. */
  readonly recovery?: 'backward' | 'forward';
  /** What happens to the steps that still run when one is refused: `await` their answer, or undo them without it, as
   *  unknown ones. Default `await` (S14). */
  readonly onRefusal?: 'await' | 'undo-at-once';
  /** What follows an undo that does not work: `stop` there, or `continue` with the undos behind it; either way the
   *  transaction ends parked and names it. Default `stop` (S20). */
  readonly onUndoFailure?: 'stop' | 'continue';
  /** Undo at the same time whatever does not depend on each other. Default: one at a time, the last done first. */
  readonly parallelUndo?: boolean;
}

/** How patiently an operation is asked for. Whatever is left out takes its default. */
export interface PatienceOptions {
  /** How long one attempt waits for its answer; ms, positive, default 10 000. */
  readonly timeoutMs?: number;
  /** Attempts of the action; default 5 attempts (10 for `onCompensated`), from 200 ms up to 10 000 ms apart. */
  readonly retry?: Partial<RetryPolicy>;
  /** How long to wait before asking again after `in-progress`; ms, positive, default 1 000. A child saga answers of its own
   *  accord, so it is asked only in case its answer was lost: default one day. */
  readonly inProgressPollMs?: number;
}

/** What a step may say about itself. */
export interface StepOptions extends PatienceOptions {
  /** Attempts of the undo; default 10 attempts, from 200 ms up to 10 000 ms apart. */
  readonly undoRetry?: Partial<RetryPolicy>;
  /** How long all attempts of the action may take together; ms, positive, default without end. Past it the outcome is
   *  unknown. After a person's retry it counts anew (S106). */
  readonly deadlineMs?: number;
  /** The point of no return: once it has succeeded nothing is undone. At most one a saga. Default false. */
  readonly pivot?: boolean;
  /** Repeated until done, never undone on its own account: what it cannot finish waits for a person. Default false. */
  readonly retriable?: boolean;
  /** The operation leaves nothing behind, e.g. a read, so it needs no undo. Default false. */
  readonly nothingToUndo?: boolean;
  /** The undo cannot work from the input alone, so it is useless while the outcome is unknown. Default false. */
  readonly undoNeedsOutput?: boolean;
  /** What follows when no answer comes. Default `compensate`; `ask` for the pivot and for retriable steps, which are
   *  not undone on their own account (R23). */
  readonly onUnknown?: OnUnknown;
}

const dayMs = 86_400_000;
const patience: RetryPolicy = { attemptsMax: 5, baseMs: 200, maxMs: 10_000 };
/** An undo that gives up needs a person, so it is given more time than an action, whose failure only turns around. */
export const undoPatience: RetryPolicy = { ...patience, attemptsMax: 10 };

/** The policy of a saga, its defaults filled in. */
export function policyFrom(options: SagaOptions): SagaPolicy {
  const { deadlineMs = Infinity, recovery = 'backward', onRefusal = 'await' } = options;
  const { onUndoFailure = 'stop', parallelUndo = false } = options;
  return { deadlineMs, recovery, onRefusal, onUndoFailure, parallelUndo };
}

/** An operation under a name, its patience filled in. */
export function settle(
  name: string,
  operation: Operation,
  options: StepOptions & { readonly via?: Via },
): SettledStep {
  const { timeoutMs = 10_000, deadlineMs = Infinity, via = { type: 'participant' } } = options;
  const { inProgressPollMs = isTransaction(via) ? dayMs : 1_000 } = options;
  const retry = Object.freeze({ ...patience, ...options.retry });
  const undoRetry = Object.freeze({ ...undoPatience, ...options.undoRetry });
  return { name, operation, via, timeoutMs, retry, undoRetry, inProgressPollMs, deadlineMs };
}

/** A step under a name, everything filled in. In a saga that only goes forward every step is retriable. */
export function settleStep(
  told: {
    readonly name: string;
    readonly operation: Operation;
    readonly input: SagaStep['input'];
    readonly via?: Via;
  },
  { recovery }: SagaPolicy,
  options: StepOptions,
): SagaStep {
  const { name, operation, input, via } = told;
  const { pivot = false, nothingToUndo = false, undoNeedsOutput = false } = options;
  const retriable = (options.retriable ?? false) || recovery === 'forward';
  const onUnknown = options.onUnknown ?? (pivot || retriable ? 'ask' : 'compensate');
  const settled = settle(name, operation, via === undefined ? options : { ...options, via });
  return Object.freeze({ ...settled, pivot, retriable, nothingToUndo, undoNeedsOutput, onUnknown, input });
}
