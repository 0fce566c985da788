/**
 * Where a transaction stands and why, in the words its row keeps: shared by all protocols, their commands and their host.
 * Only words; what they mean for what happens next is each machine's own affair.
 */
import type { Failure, Refusal } from './operation.js';

export type TransactionId = string;
export type BranchId = string;

/** Why a transaction did not simply complete. `code` of a refusal is the business's own word. */
export interface RestReason {
  readonly kind:
    | 'refused'
    | 'failed'
    | 'timed-out'
    | 'cancelled'
    | 'terminated'
    | 'undo-failed'
    | 'undo-refused'
    | 'undo-lost'
    /** What was to be made final, by confirm or commit, could not be, or what it was to keep is gone. */
    | 'settlement-failed'
    | 'settlement-refused'
    | 'settlement-lost'
    /** Two-phase commit: the coordinator was lost between the last vote and the decision, or was told to abort. */
    | 'undecided'
    /** Two-phase commit: a branch was settled against the decision (S71). */
    | 'heuristic'
    | 'bug'
    | 'no-handler';
  /** Absent where no one branch is the cause: a cancellation, the transaction's own deadline. */
  readonly branchId?: BranchId;
  readonly refusal?: Refusal;
  readonly failure?: Failure;
  /** Who cancelled or terminated, and why. */
  readonly actor?: string;
  readonly because?: string;
  /** The branches whose undo did not work, where the others were undone all the same (S20). */
  readonly blocked?: readonly BranchId[];
  /** What a termination left as it was: every branch that was done, or may have been (S32). */
  readonly abandoned?: readonly BranchId[];
  /** The keys of the semantic locks that it held when it was terminated (S32). */
  readonly locks?: readonly string[];
}

/** `moving`: the owner acts. `parked`: at rest until a person acts. `final`: never changes again (I31). `held`: a child
 *  that has done everything, at rest; only its parent can still have it undone, and it is kept as long as the parent. */
export type Phase = 'moving' | 'parked' | 'held' | 'final';

/** Where a transaction stands, in the words its row keeps. */
export interface Standing {
  readonly status: string;
  readonly phase: Phase;
  readonly reason?: RestReason;
}
