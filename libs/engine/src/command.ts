/**
 * What a transaction asks its host to do, AFTER the event that led to it is saved. Everything but the announcements is
 * safe to repeat: a participant's barrier answers with the saved reply, and a child answers from its row (R16).
 */
import type { Half, Reply } from './operation.js';
import type { RestReason } from './standing.js';

/** One half of a branch, and which asking of it this is. */
interface Asking {
  readonly branchId: string;
  readonly operation: Half;
  /** Raised by an operator's retry alone (R4). */
  readonly generation: number;
  /** From 1; for people and spans, not part of the barrier's key. */
  readonly attempt: number;
  /** For an action, a try or a prepare its input; for an undo of any kind an `Undo`; for a confirm or a commit a
   *  `Confirmation`. */
  readonly payload: unknown;
}

/** Ask a participant for one half of a branch. */
export interface SendCommand extends Asking {
  readonly type: 'send';
  readonly participant: string;
  /** The message type, e.g. `inventory.release`. */
  readonly messageType: string;
  /** Present when the host must call it over HTTP instead of sending a message. */
  readonly transport?: 'http';
}

/** Ask a participant what became of an action whose outcome is unknown; the platform answers from the barrier (R6). */
export interface ProbeCommand {
  readonly type: 'probe';
  readonly participant: string;
  /** The message type of the action that is asked about. */
  readonly messageType: string;
  readonly branchId: string;
  readonly generation: number;
  /** Which probe this is, from 1. */
  readonly attempt: number;
  readonly payload: unknown;
  readonly transport?: 'http';
}

/** Run a function of the definition in the host, at least once. `payload` of the action is its whole context. */
export interface RunLocalCommand extends Asking {
  readonly type: 'run-local';
  /** The step whose function it is; a pass of a loop has another branch id. */
  readonly step: string;
  /** How long this attempt is waited for, ms. */
  readonly timeoutMs: number;
}

/** Have another transaction of the orchestrator's own do everything, or take it all back. Its id is derived by the host
 *  from (transaction, branch), so that a repeat meets the same child. */
export interface ChildCommand extends Asking {
  readonly type: 'start-child' | 'undo-child';
  readonly definition: string;
  readonly version: number;
}

/** Tell the parent how this child stands. Saved with the event, through the outbox: nothing repeats it but the parent's
 *  own asking. `generation` is the one the parent asked with last. */
export interface AnswerParentCommand {
  readonly type: 'answer-parent';
  readonly transactionId: string;
  readonly branchId: string;
  readonly operation: Half;
  readonly generation: number;
  readonly reply: Reply;
}

/** Tell the outside that the transaction has come to rest. `output` is what a completed saga returns. */
export interface AnnounceCommand {
  readonly type: 'announce';
  readonly outcome: string;
  readonly reason?: RestReason;
  readonly output?: unknown;
}

/** Call a person's attention; the transaction itself goes on. */
export interface AlarmCommand {
  readonly type: 'alarm';
  readonly code: 'deadline-passed';
}

/** The commands that wait for an answer. */
export type AskingCommand = SendCommand | ProbeCommand | RunLocalCommand | ChildCommand;

export type TransactionCommand = AskingCommand | AnswerParentCommand | AnnounceCommand | AlarmCommand;

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
