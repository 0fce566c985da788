/**
 * A saga as data: its nodes, each with what must be settled before it, and what is asked when it is reached.
 * The language of `saga.definition.ts` is told once and compiled to this; the machine knows nothing else of a saga.
 * A saga told step by step is a chain; groups, branches and loops only change what stands before what.
 */
import type { LockPolicy } from '../locks/lock.js';
import type { Operation, Undo } from '../operation.js';
import type { RetryPolicy } from '../transaction.js';

/** What a step's input is computed from: the transaction's input and the outputs of the steps before it. */
export interface StepContext<Input, Results> {
  readonly input: Input;
  readonly results: Readonly<Results>;
}

/** The context without its types, as the machine hands it on. */
export type AnyContext = StepContext<unknown, Readonly<Record<string, unknown>>>;

/** Why everything was undone: the code of the refusal or of the failure, `timed-out`, or `cancelled`. */
export interface CompensationReason {
  readonly code: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What the closing step's input is computed from. */
export interface ClosingContext<Input> {
  readonly input: Input;
  readonly reason: CompensationReason;
}

/** What follows when nobody can say whether an action took effect. `compensate`: it is undone too, which the barrier
 *  makes safe · `probe`: its participant is asked what became of it · `wait`: for the late answer, until the step's
 *  deadline, then for a person · `ask`: a person decides. */
export type OnUnknown = 'compensate' | 'probe' | 'wait' | 'ask';

/** A definition of TCC or of two-phase commit, as far as a saga must know it: done by all of its branches, or by nobody. */
export interface AtomicDefinition<Input = unknown> {
  readonly name: string;
  readonly version: number;
  readonly branches: readonly { readonly name: string }[];
  /** Carries the type; never has a value. */
  readonly types?: { readonly input: Input };
}

/** Who does a step: a participant, a function in the host, another saga of the orchestrator's own, or all the branches of
 *  an atomic definition. */
export type Via =
  | { readonly type: 'participant' }
  | {
      readonly type: 'local';
      run(context: AnyContext): unknown;
      undo?(undo: Undo<AnyContext, unknown>): unknown;
    }
  | { readonly type: 'child'; readonly definition: SagaDefinition }
  | { readonly type: 'atomic'; readonly definition: AtomicDefinition };

/** Whether a step is a transaction of the orchestrator's own, which answers of its own accord. */
export function isTransaction(via: Via): via is Extract<Via, { type: 'child' | 'atomic' }> {
  return via.type === 'child' || via.type === 'atomic';
}

/** An operation under a name, with every default filled in. */
export interface SettledStep {
  /** Unique in its saga; also the branch id, which a pass of a loop follows with `#` and its number from 0. */
  readonly name: string;
  readonly operation: Operation;
  readonly via: Via;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly undoRetry: RetryPolicy;
  readonly inProgressPollMs: number;
  /** ms from the first asking to the end of all attempts; infinite where none is set. */
  readonly deadlineMs: number;
}

/** One step forward. `input` is pure: it is computed again at every replay. For a pass of a loop it is given the item
 *  and its number. */
export interface SagaStep extends SettledStep {
  readonly pivot: boolean;
  readonly retriable: boolean;
  readonly nothingToUndo: boolean;
  readonly undoNeedsOutput: boolean;
  readonly onUnknown: OnUnknown;
  input(context: AnyContext): unknown;
}

/** The command that tells of the end once everything is undone. `input` is pure. */
export interface ClosingStep extends SettledStep {
  input(context: ClosingContext<unknown>): unknown;
}

/** What a node does when it is reached. All functions are pure. */
export type Work =
  | { readonly kind: 'step'; readonly step: SagaStep }
  | {
      readonly kind: 'loop';
      readonly step: SagaStep;
      /** How many passes may run at the same time; from 1. */
      readonly atOnce: number;
      items(context: AnyContext): readonly unknown[];
      each(item: unknown, index: number): unknown;
    }
  | { readonly kind: 'decision'; isTaken(context: AnyContext): boolean }
  /** `until`: the instant at which it ends, given the one at which it is reached. */
  | { readonly kind: 'wait'; until(context: AnyContext, at: number): number }
  | {
      readonly kind: 'lock';
      readonly policy: LockPolicy;
      /** ms from being reached; infinite where none is set. */
      readonly deadlineMs: number;
      key(context: AnyContext): string;
    }
  | {
      readonly kind: 'signal';
      /** ms from being reached; infinite where none is set. */
      readonly deadlineMs: number;
      readonly onDeadline: 'refuse' | 'continue';
      /** The payload says whether it is approved, and a "no" is a refusal. */
      readonly isApproval: boolean;
    };

/** Where a node stands: its number, what must be settled before it, and the decision it hangs on. */
export type Draft = Work & {
  readonly index: number;
  readonly name: string;
  readonly after: readonly number[];
  readonly gate: number | undefined;
};

/** A node with what follows from all the others. */
export type SagaNode = Draft & {
  /** The nodes that name this one in `after`. */
  readonly dependents: readonly number[];
  /** Every node that is settled before this one begins. */
  readonly ancestors: ReadonlySet<number>;
  /** No other node can run beside this one, so whatever is done when it begins is an ancestor. */
  readonly isAlone: boolean;
};

/** What a saga says about itself as a whole; every default filled in. */
export interface SagaPolicy {
  /** ms from the start; infinite where none is set. */
  readonly deadlineMs: number;
  readonly recovery: 'backward' | 'forward';
  readonly onRefusal: 'await' | 'undo-at-once';
  readonly onUndoFailure: 'stop' | 'continue';
  readonly parallelUndo: boolean;
}

/** A saga as data: frozen, its shape checked. */
export interface SagaDefinition<Input = unknown, Output = unknown, Parts = unknown> extends SagaPolicy {
  readonly name: string;
  readonly version: number;
  readonly nodes: readonly SagaNode[];
  /** The steps of the nodes that ask for something, in the order of telling. */
  readonly steps: readonly SagaStep[];
  /** The number of the pivot's node, -1 where there is none. */
  readonly pivot: number;
  readonly onCompensated?: ClosingStep;
  /** What a completed saga answers whoever started it; absent, nothing. */
  returns?(context: AnyContext): unknown;
  /** Carries the types, those of each name among them (`SagaPart`); never has a value. */
  readonly types?: { readonly input: Input; readonly output: Output; readonly parts: Parts };
}

/** What a node asks for, if it asks. */
export function stepOfNode(node: Work): SagaStep | undefined {
  return node.kind === 'step' || node.kind === 'loop' ? node.step : undefined;
}

/** The nodes with all that follows from their order, frozen. Every node stands behind those it comes after. */
export function compile(drafts: readonly Draft[]): readonly SagaNode[] {
  const ancestors: Set<number>[] = [];
  for (const { after } of drafts)
    ancestors.push(new Set(after.flatMap((index) => [index, ...(ancestors[index] ?? [])])));
  const nodes = drafts.map((draft): SagaNode => {
    const before = ancestors[draft.index] ?? new Set();
    const behind = drafts.filter(({ index }) => ancestors[index]?.has(draft.index)).length;
    const dependents = drafts.filter(({ after }) => after.includes(draft.index)).map(({ index }) => index);
    const isAlone = before.size + behind === drafts.length - 1;
    return { ...draft, dependents: Object.freeze(dependents), ancestors: before, isAlone };
  });
  return Object.freeze(nodes.map((node) => Object.freeze(node)));
}
