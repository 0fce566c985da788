/**
 * What a service gives the participant runtime: for each half of each operation, one handler.
 * Handlers see only commands that the barrier lets through; they never meet a duplicate, empty or late one.
 */
import type { Confirmation, Half, Reply, Undo } from '@sagamore/engine';
import type { DeclaredOperation, InputOf, OutputOf } from './operation.js';
import type { Tx } from './ports.js';

/** A command as a handler sees it. For an undo of any kind `payload` is an `Undo`, for what keeps a `Confirmation`. */
export interface HandledCommand<Payload = unknown> {
  readonly transactionId: string;
  readonly branchId: string;
  /** Unique for (transaction, branch, half): the id to write beside an effect, so that it can be audited. */
  readonly operationId: string;
  /** The operation id of what it keeps or undoes, whatever the protocol; its own where it does something itself. */
  readonly settledOperationId: string;
  readonly payload: Payload;
}

export type CommandOf<O> = HandledCommand<InputOf<O>>;
export type UndoOf<O> = HandledCommand<Undo<InputOf<O>, OutputOf<O>>>;
export type ConfirmationOf<O> = HandledCommand<Confirmation<InputOf<O>, OutputOf<O>>>;
export type ReplyOf<O> = Reply<OutputOf<O>>;

/** Works inside the batch's database transaction and answers each command, in the order given. A refusal is a value;
 *  a thrown error halves the batch until the culprit stands alone (R1, R2). Never waits for the outside. */
export interface LocalHandler {
  readonly effect: 'local';
  readonly operation: DeclaredOperation<unknown, unknown>;
  readonly half: Half;
  handle(commands: readonly HandledCommand[], tx: Tx): Promise<readonly Reply[]>;
}

/** Calls the outside, then records what came of it in a transaction of its own (R7 to R9). */
export interface ExternalHandler {
  readonly effect: 'external';
  readonly operation: DeclaredOperation<unknown, unknown>;
  readonly half: Half;
  /** The call. `providerKey` is the idempotency key of the branch's action, the same for its undo, so that the undo can
   *  name what it undoes and plant a tombstone where nothing is found (R8). Throws a `Fault` when the outcome is not
   *  known; the call is then made again with the same key. */
  call(command: HandledCommand, context: { readonly providerKey: string }): Promise<Reply>;
  /** Books the outcomes, in one transaction with their barrier rows. Only succeeded ones are given. */
  record(settled: readonly Settled[], tx: Tx): Promise<void>;
}

/** Works inside a database transaction of its own that is then left prepared until two-phase commit settles it (R19).
 *  Asked alone, in one phase, it works in an ordinary one. A refusal is a no; nothing of its work is kept then. It may
 *  wait for locks, and must not notify or use temporary tables. The platform settles what it has prepared. */
export interface PreparedHandler {
  readonly effect: 'prepared';
  readonly operation: DeclaredOperation<unknown, unknown>;
  readonly half: 'prepare';
  work(command: HandledCommand, tx: Tx): Promise<Reply>;
}

export interface Settled<Payload = unknown, Output = unknown> {
  readonly command: HandledCommand<Payload>;
  readonly reply: Reply<Output> & { readonly outcome: 'succeeded' };
}

/** What is recorded of an action, and of an undo. An undo's `output` is of no type: nobody reads it. */
export type SettledOf<O> = Settled<InputOf<O>, OutputOf<O>>;
export type SettledUndoOf<O> = Settled<Undo<InputOf<O>, OutputOf<O>>>;
export type SettledConfirmationOf<O> = Settled<Confirmation<InputOf<O>, OutputOf<O>>>;

export type Handler = LocalHandler | ExternalHandler | PreparedHandler;

/** The provider's idempotency key of a branch: the same for the action, its repeats and its undo. */
export function providerKeyOf(transactionId: string, branchId: string): string {
  return `${transactionId}/${branchId}`;
}
