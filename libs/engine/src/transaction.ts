/**
 * What all protocols share about one transaction: how it starts, what it may be told, what it asks for.
 * The coordinator in `runtime` speaks only these words, so that a new protocol needs no change there.
 */
import type { Transition } from './machine.js';
import type { Failure, Half, Refusal, Reply } from './operation.js';

export type TransactionId = string;
export type BranchId = string;

/** The row a transaction begins from. `at`: ms of the store's clock. */
export interface Start {
  readonly transactionId: TransactionId;
  readonly input: unknown;
  readonly at: number;
}

/** A reply that arrived, an instant that was reached, or a person's decision. `at`: ms of the store's clock.
 *  `retryAt` is the jittered instant of the next attempt, drawn by the host (R15), so that replay needs no luck. */
export type TransactionEvent =
  | {
      readonly type: 'replied';
      readonly at: number;
      readonly branchId: BranchId;
      readonly operation: Half;
      readonly generation: number;
      /** Which attempt the participant answers, as its reply says; absent, it is taken for the latest. It tells the
       *  repeat of an old `failed` or `in-progress` from news. */
      readonly attempt?: number;
      readonly reply: Reply;
      readonly retryAt?: number;
    }
  | { readonly type: 'time-passed'; readonly at: number; readonly retryAt?: number }
  | {
      readonly type: 'operator-resumed';
      readonly at: number;
      readonly actor: string;
      readonly reason: string;
    }
  /** Two-phase commit: the coordinator's word. Journaled like any other event, hence BEFORE the first command that
   *  carries it out (I20); the host tells it in answer to `decide`, or a person tells it to abort. */
  | { readonly type: 'decided'; readonly at: number; readonly decision: Decision }
  /** Two-phase commit: a participant that is in doubt asks how it ended (S69). */
  | { readonly type: 'decision-asked'; readonly at: number; readonly branchId: BranchId }
  /** Two-phase commit: a person has settled a branch by hand, or says how it was settled (S71). */
  | {
      readonly type: 'outcome-reported';
      readonly at: number;
      readonly branchId: BranchId;
      readonly outcome: 'committed' | 'rolled-back';
      readonly actor: string;
      readonly reason: string;
    }
  /** A rule of the program broke while this transaction was handled (R2); it parks with reason `bug`. */
  | { readonly type: 'bug-found'; readonly at: number; readonly message: string };

/** Ask a participant for one half of a branch. Repeating it is safe: the barrier answers with the saved reply. */
export interface SendCommand {
  readonly type: 'send';
  readonly participant: string;
  /** The message type, e.g. `inventory.release`. */
  readonly messageType: string;
  readonly branchId: BranchId;
  readonly operation: Half;
  /** Raised by an operator's retry alone (R4). */
  readonly generation: number;
  /** From 1; for people and spans, not part of the barrier's key. */
  readonly attempt: number;
  /** For an action, a try or a prepare its input; for an undo of any kind an `Undo`; for a confirm or a commit a
   *  `Confirmation`. */
  readonly payload: unknown;
}

/** Tell the outside that the transaction has come to rest. */
export interface AnnounceCommand {
  readonly type: 'announce';
  readonly outcome: string;
  readonly reason?: RestReason;
}

export type TransactionCommand = SendCommand | AnnounceCommand;

/** How two-phase commit ends. */
export type Decision = 'commit' | 'abort';

/** Everybody has voted yes: tell the machine `decided` at once, in the same breath, and journal both. A host that dies
 *  in between leaves a transaction without a decision, which aborts when it is taken up again (S67). */
export interface DecideCommand {
  readonly type: 'decide';
  readonly decision: Decision;
}

/** What a protocol may ask of its host. */
export type ProtocolCommand = TransactionCommand | DecideCommand;

/** Why a transaction did not simply complete. `code` of a refusal is the business's own word. */
export interface RestReason {
  readonly kind:
    | 'refused'
    | 'failed'
    | 'timed-out'
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
    | 'bug';
  readonly branchId?: BranchId;
  readonly refusal?: Refusal;
  readonly failure?: Failure;
}

/** `moving`: the owner acts. `parked`: at rest until a person acts. `final`: never changes again (I31). */
export type Phase = 'moving' | 'parked' | 'final';

/** One line of a transaction's timeline, for people. */
export interface StepView {
  readonly name: string;
  readonly operation: Half;
  readonly outcome: 'pending' | 'succeeded' | 'refused' | 'failed' | 'unknown' | 'empty';
  readonly attempts: number;
  readonly at: number;
}

/** How long to wait between attempts: exponential from `baseMs`, capped at `maxMs`, full jitter. */
export interface RetryPolicy {
  /** Attempts in all, the first included; from 1. */
  readonly attemptsMax: number;
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Where a transaction stands, in the words its row keeps. */
export interface Standing {
  readonly status: string;
  readonly phase: Phase;
  readonly reason?: RestReason;
}

/** One definition with the machine that runs it: all that the coordinator knows of a protocol.
 *  The methods are those of `Machine` with the definition already given; `State` stays opaque to the host. */
export interface Protocol<State = unknown> {
  readonly name: string;
  readonly version: number;
  /** The services whose command topics must exist. */
  readonly participants: readonly string[];
  begin(start: Start): Transition<State, ProtocolCommand>;
  transition(state: State, event: TransactionEvent): Transition<State, ProtocolCommand>;
  outstanding(state: State): readonly ProtocolCommand[];
  dueAt(state: State): number | undefined;
  standing(state: State): Standing;
  /** Whether `event` will make the branch wait for another attempt, and under which policy: the host then draws
   *  `retryAt` and writes it into the event BEFORE the transition (R15). `attempt` is the one that failed, from 1. */
  retryOf(
    state: State,
    event: TransactionEvent,
  ): { readonly attempt: number; readonly policy: RetryPolicy } | undefined;
  /** Every half of every branch that was asked for, in the order of asking. */
  timeline(start: Start, events: readonly TransactionEvent[]): readonly StepView[];
}
