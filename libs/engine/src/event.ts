/**
 * What a transaction may be told: the facts of its journal. Each carries the instant at which it was recorded, by the
 * store's clock, and whatever luck it needs, so that replaying them needs neither a clock nor a random number.
 */
import type { Decision } from './command.js';
import type { LockAnswer } from './locks/lock.js';
import type { Half, ProbeFinding, Reply } from './operation.js';

/** A participant's answer to one half of a branch. `retryAt` is the jittered instant of the next attempt, drawn by the
 *  host when `retryOf` asks for it (R15). */
export interface Replied {
  readonly type: 'replied';
  readonly at: number;
  readonly branchId: string;
  readonly operation: Half;
  readonly generation: number;
  /** Which attempt the participant answers, as its reply says; absent, it is taken for the latest. It tells the
   *  repeat of an old `failed` or `in-progress` from news. */
  readonly attempt?: number;
  readonly reply: Reply;
  readonly retryAt?: number;
}

/** A participant's answer to a `probe`: what became of an action whose outcome is unknown (R6, R23). */
export interface Probed {
  readonly type: 'probed';
  readonly at: number;
  readonly branchId: string;
  readonly generation: number;
  readonly finding: ProbeFinding;
}

/** An instant was reached. It serves ONE thing that fell due, the earliest, so that each gets a `retryAt` drawn under
 *  its own policy; the host tells it again as long as `dueAt` is not later than `at`. */
export interface TimePassed {
  readonly type: 'time-passed';
  readonly at: number;
  readonly retryAt?: number;
}

/** Somebody outside said something that the transaction waits for, or will wait for. `id` tells a repeat from news. */
export interface SignalReceived {
  readonly type: 'signal-received';
  readonly at: number;
  readonly name: string;
  readonly id: string;
  readonly payload: unknown;
  /** When it was saved, where its owner hears of it later than that: a deadline is judged by it (S34). */
  readonly recordedAt?: number;
}

/** The instant at which a signal counts. */
export function spokenAt({ at, recordedAt }: Pick<SignalReceived, 'at' | 'recordedAt'>): number {
  return recordedAt ?? at;
}

/** What became of a claim to a semantic lock; the host reads it from the registry, AFTER the claim was committed there. A
 *  circle of waiting that this transaction was chosen to break stands in its history by this event (S102). */
export interface LockAnswered {
  readonly type: 'lock-answered';
  readonly at: number;
  readonly branchId: string;
  readonly answer: LockAnswer;
}

/** The orchestrator that runs the parent asks its child for one half: to do everything, or to take it all back. */
export interface ParentAsked {
  readonly type: 'parent-asked';
  readonly at: number;
  readonly operation: Half;
  readonly generation: number;
}

/** A person's or a customer's decision, with who and why for the audit (I41).
 *  `cancel-requested`: stop going forward, then undo · `terminate-requested`: stop at once, undo nothing (S32) ·
 *  `operator-paused`: record what arrives, send nothing (S96) · `operator-resumed`: go on, after a pause or a rest. */
export interface Decided {
  readonly type: 'cancel-requested' | 'terminate-requested' | 'operator-paused' | 'operator-resumed';
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
}

/** A person settles one half of a branch in the participant's place (S94, S95). `operator-skipped` goes on without it:
 *  its outcome stays unknown, so a later undo covers it. `operator-set-result` says what came of it. */
export type Settled = {
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
  readonly branchId: string;
  readonly operation: Half;
} & (
  { readonly type: 'operator-skipped' } | { readonly type: 'operator-set-result'; readonly output: unknown }
);

/** A rule of the program broke while this transaction was handled (R2); it parks with reason `bug`. */
export interface BugFound {
  readonly type: 'bug-found';
  readonly at: number;
  readonly message: string;
}

/** Its owner cannot run the definition it began under (S92); it parks with reason `no-handler`. */
export interface DefinitionMissing {
  readonly type: 'definition-missing';
  readonly at: number;
}

/** Two-phase commit: the coordinator's word. Journaled like any other event, hence BEFORE the first command that carries
 *  it out (I20); the host tells it in answer to `decide`, or a person tells it to abort. */
export interface DecisionMade {
  readonly type: 'decided';
  readonly at: number;
  readonly decision: Decision;
}

/** Two-phase commit: a participant that is in doubt asks how it ended (S69). It is never journaled, for it changes
 *  nothing. `participant` is the service that asks, for where nothing else of the transaction is known. */
export interface DecisionAsked {
  readonly type: 'decision-asked';
  readonly at: number;
  readonly branchId: string;
  readonly participant?: string;
}

/** Two-phase commit: a person has settled a branch by hand, or says how it was settled (S71). */
export interface OutcomeReported {
  readonly type: 'outcome-reported';
  readonly at: number;
  readonly branchId: string;
  readonly outcome: 'committed' | 'rolled-back';
  readonly actor: string;
  readonly reason: string;
}

/** Everything a transaction may be told. `at`: ms of the store's clock. */
export type TransactionEvent =
  | Replied
  | Probed
  | TimePassed
  | SignalReceived
  | LockAnswered
  | ParentAsked
  | Decided
  | Settled
  | DecisionMade
  | DecisionAsked
  | OutcomeReported
  | BugFound
  | DefinitionMissing;
