/**
 * What stands under each name of a saga, as types alone: whatever speaks to a running saga from outside, or plays its
 * participants in a test, is checked against them by the compiler. Nothing of this exists at run time.
 */

/** A step, or one pass of a loop: it is asked with its input and answers with its output. */
export interface AskedPart<Input = unknown, Output = unknown> {
  readonly kind: 'asked';
  readonly input: Input;
  readonly output: Output;
}

/** Another saga as one step. */
export interface ChildPart<Input = unknown, Output = unknown, Parts = unknown> {
  readonly kind: 'child';
  readonly input: Input;
  readonly output: Output;
  readonly parts: Parts;
}

/** A function in the orchestrator's host. */
export interface LocalPart<Output = unknown> {
  readonly kind: 'local';
  readonly output: Output;
}

/** What somebody outside says. */
export interface SignalPart<Payload = unknown> {
  readonly kind: 'signal';
  readonly payload: Payload;
}

/** A semantic lock. */
export interface LockPart {
  readonly kind: 'lock';
}

export type SagaPart = AskedPart | ChildPart | LocalPart | LockPart | SignalPart;
