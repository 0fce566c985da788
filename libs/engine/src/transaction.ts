/**
 * What all protocols share about one transaction: how it starts, what it may be told, what it asks for.
 * The coordinator in `runtime` speaks only these words, so that a new protocol needs no change there.
 */
import type { ProtocolCommand, RunLocalCommand } from './command.js';
import type { Replied, SignalReceived, TransactionEvent } from './event.js';
import type { Finding, Known } from './finding.js';
import type { LockClaim } from './locks/lock.js';
import type { Transition } from './machine.js';
import type { Half, Operation } from './operation.js';
import type { BranchId, Standing, TransactionId } from './standing.js';

// What a transaction is told, what it asks for and where it stands are words of this file too, told in three others.
export type {
  AlarmCommand,
  AnnounceCommand,
  AnswerParentCommand,
  AskingCommand,
  ChildCommand,
  DecideCommand,
  Decision,
  ProbeCommand,
  ProtocolCommand,
  RunLocalCommand,
  SendCommand,
  TransactionCommand,
} from './command.js';
export type { Probed, Replied, SignalReceived, TimePassed, TransactionEvent } from './event.js';
export type { BranchId, Phase, RestReason, Standing, TransactionId } from './standing.js';

/** The row a transaction begins from. `at`: ms of the store's clock. */
export interface Start {
  readonly transactionId: TransactionId;
  readonly input: unknown;
  readonly at: number;
  /** Present when another transaction asked for this one, as one step of its own. */
  readonly parent?: Parent;
}

/** Whose step a child is, and which half of it was asked for last. A child that begins with `compensation` was undone
 *  before it was ever started; it does nothing, so that a start that comes late finds its seat taken. */
export interface Parent {
  readonly transactionId: TransactionId;
  readonly branchId: BranchId;
  readonly operation: Half;
  readonly generation: number;
}

/** One line of a transaction's timeline, for people. */
export interface StepView {
  readonly name: string;
  readonly operation: Half;
  readonly outcome: 'pending' | 'succeeded' | 'refused' | 'failed' | 'unknown' | 'empty';
  readonly attempts: number;
  readonly at: number;
}

/** What a reply is that arrives after its decision (S17, S35, S95). `duplicate`: it says what is known · `covered`: an undo
 *  that runs or ran takes it back · `contradicts`: it says other than what was built upon, so a person must look ·
 *  `needs-undo`: it took effect and nothing will take it back. */
export type LateReply = 'duplicate' | 'covered' | 'contradicts' | 'needs-undo';

/** What becomes of a signal. `delivered`: it was waited for · `buffered`: it will be · `repeated`: the same one came
 *  before · `too-late`: another came before, its time is over, or the transaction goes no further · `unknown`: nobody of
 *  this name is ever waited for. */
export type SignalVerdict = 'delivered' | 'buffered' | 'repeated' | 'too-late' | 'unknown';

/** What a cancellation would do (S109). `too-late`: the pivot was asked for, so the transaction goes on to its end, unless
 *  the pivot itself says no. */
export type CancelVerdict = 'cancels' | 'too-late' | 'already-undoing' | 'ended';

/** How long to wait between attempts: exponential from `baseMs`, capped at `maxMs`, full jitter. */
export interface RetryPolicy {
  /** Attempts in all, the first included; from 1. */
  readonly attemptsMax: number;
  readonly baseMs: number;
  readonly maxMs: number;
}

/** One step as transactions under way rely upon it. */
export interface StepShape {
  readonly name: string;
  readonly kind: string;
  readonly action?: string;
  readonly undo?: string;
}

/** A definition as transactions under way rely upon it; plain data, to be kept beside a release. */
export interface DefinitionShape {
  readonly name: string;
  readonly version: number;
  readonly steps: readonly StepShape[];
}

/** What has happened to a step between two looks at one version of a definition. */
export interface ShapeChange {
  readonly kind: 'removed' | 'renamed' | 'changed' | 'added' | 'moved';
  readonly step: string;
  /** The new name of a renamed one. */
  readonly to?: string;
}

/** One definition with the machine that runs it: all that the coordinator knows of a protocol.
 *  The methods are those of `Machine` with the definition already given; `State` stays opaque to the host. */
export interface Protocol<State = unknown> {
  /** How the parts of its transactions come to one end; `unknown` where the definition is missing. */
  readonly kind: 'saga' | 'tcc' | 'two-phase-commit' | 'two-phase-message' | 'unknown';
  readonly name: string;
  readonly version: number;
  /** The services whose command topics must exist. */
  readonly participants: readonly string[];
  /** The operations whose participants the host calls itself (`transport: 'http'`). Absent where there are none. */
  readonly called?: readonly Operation[];
  begin(start: Start): Transition<State, ProtocolCommand>;
  transition(state: State, event: TransactionEvent): Transition<State, ProtocolCommand>;
  outstanding(state: State): readonly ProtocolCommand[];
  dueAt(state: State): number | undefined;
  standing(state: State): Standing;
  /** Whether `event` will make the branch wait for another attempt, and under which policy: the host then draws
   *  `retryAt` and writes it into the event BEFORE the transition (R15). `attempt` is the one that failed, from 1.
   *  `notBeforeMs`: the participant asked for at least so much time, already capped (S82). */
  retryOf(
    state: State,
    event: TransactionEvent,
  ): { readonly attempt: number; readonly policy: RetryPolicy; readonly notBeforeMs?: number } | undefined;
  /** The semantic locks that `state` holds or asks for: the host keeps the registry so, in the very commit that makes the
   *  state durable. Absent where the definition asks for none. */
  claims?(state: State): readonly LockClaim[];
  /** What is unwise in the definition, or cannot work with what is known at boot. Absent where nothing is looked for. */
  lint?(known: Known): readonly Finding[];
  /** What transactions under way rely upon (S93). Absent where that is not compared. */
  readonly shape?: DefinitionShape;
  /** What a reply means that changed nothing, for the ledger of late ones; undefined when it is no late reply at all.
   *  Absent where the protocol keeps no such ledger. */
  classifyLate?(state: State, event: Replied): LateReply | undefined;
  /** What a signal would do, and what a cancellation would; nothing is told to the machine. Absent where the protocol knows
   *  neither. */
  judgeSignal?(
    state: State,
    signal: Pick<SignalReceived, 'name' | 'id' | 'at' | 'recordedAt'>,
  ): SignalVerdict;
  judgeCancel?(state: State): CancelVerdict;
  /** Whether somebody's signal is waited for until an instant: who spoke in time must be looked for BEFORE time is told
   *  (S34). Absent: never. */
  awaitsSignal?(state: State): boolean;
  /** Whether it waits for a person and for nothing else to happen first: a pause, or a signal. Absent: never. */
  awaitsPerson?(state: State): boolean;
  /** Runs the function that a `run-local` names, and answers what it answers. Absent where there are none. */
  runLocal?(command: RunLocalCommand): unknown;
  /** Every half of every branch that was asked for, in the order of asking. */
  timeline(start: Start, events: readonly TransactionEvent[]): readonly StepView[];
}
