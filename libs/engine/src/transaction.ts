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
  /** A rule of the program broke while this transaction was handled (R2); it parks with reason `bug`. */
  | { readonly type: 'bug-found'; readonly at: number; readonly message: string }
  /** Its owner cannot run the definition it began under (S92); it parks with reason `no-handler`. */
  | { readonly type: 'definition-missing'; readonly at: number };

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
  /** For an action its input; for a compensation an `Undo`. */
  readonly payload: unknown;
}

/** Tell the outside that the transaction has come to rest. */
export interface AnnounceCommand {
  readonly type: 'announce';
  readonly outcome: string;
  readonly reason?: RestReason;
}

export type TransactionCommand = SendCommand | AnnounceCommand;

/** Why a transaction did not simply complete. `code` of a refusal is the business's own word. */
export interface RestReason {
  readonly kind:
    'refused' | 'failed' | 'timed-out' | 'undo-failed' | 'undo-refused' | 'undo-lost' | 'bug' | 'no-handler';
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
  begin(start: Start): Transition<State, TransactionCommand>;
  transition(state: State, event: TransactionEvent): Transition<State, TransactionCommand>;
  outstanding(state: State): readonly TransactionCommand[];
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
