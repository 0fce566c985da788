/**
 * How a TCC transaction is told: branches that are tried together and then all confirmed, or all cancelled.
 * What is written here decides everything that the machine may ever ask for. It checks the shape once, in `define()`,
 * and never runs anything.
 */
import assert from 'node:assert/strict';
import type { Operation } from '../operation.js';
import {
  assertBranches,
  settleBranch,
  type BranchOptions,
  type ClosingBranch,
  type EndContext,
  type Patience,
  type RoundBranch,
} from '../round/round.branch.js';

/** An operation that TCC can use: its action only holds, its confirm makes final, its compensation lets go. */
export type TccOperation<Input = unknown, Output = unknown> = Operation<Input, Output> & {
  readonly confirm: string;
  readonly compensation: string;
};

/** What the details of a confirm are computed from: the transaction's input and what the tries have answered. */
export interface ConfirmContext<Input, Results> {
  readonly input: Input;
  readonly results: Readonly<Results>;
}

/** What a branch may say about itself. `retry`: attempts of the try, default 3, for every one holds what is tried.
 *  `settleRetry`: attempts of confirm and of cancel, default 10; beyond them the transaction parks (S73). */
export interface TccBranchOptions<Input, Results> extends BranchOptions {
  /** What the confirm is told beside the try's own input and output. Pure: computed again at every replay. */
  readonly confirm?: (context: ConfirmContext<Input, Results>) => unknown;
}

export interface TccBranch extends RoundBranch {
  /** Pure: computed again at every replay. */
  input(input: unknown): unknown;
  confirm?(context: ConfirmContext<unknown, Readonly<Record<string, unknown>>>): unknown;
}

/** A TCC transaction as data: frozen, its shape checked. */
export interface TccDefinition<Input = unknown> {
  readonly name: string;
  readonly version: number;
  readonly branches: readonly TccBranch[];
  readonly onCancelled?: ClosingBranch;
  /** Carries the type; never has a value. */
  readonly types?: { readonly input: Input };
}

interface Identity {
  readonly name: string;
  readonly version: number;
}

type Nothing = Readonly<Record<never, unknown>>;

/** Begins to tell a TCC transaction that starts from an `Input`; `define()` ends it. `version` is a positive whole
 *  number. */
export function tcc<Input>(
  name: string,
  { version }: { readonly version: number },
): TccBuilder<Input, Nothing> {
  return new TccBuilder({ name, version }, []);
}

/** A TCC transaction half told. Every call answers a new builder, so a beginning may be shared. */
export class TccBuilder<Input, Results> {
  constructor(
    private readonly identity: Identity,
    private readonly branches: readonly TccBranch[],
    private readonly closing?: ClosingBranch,
  ) {}

  /** Adds a branch. All are tried at once, so `input` sees the transaction's input alone; the details of its confirm may
   *  use the results of the branches told so far and of its own. */
  branch<Name extends string, BranchInput, BranchOutput>(
    name: Name & (Name extends keyof Results ? never : unknown),
    operation: TccOperation<BranchInput, BranchOutput>,
    input: (input: Input) => NoInfer<BranchInput>,
    options: TccBranchOptions<Input, Results & { readonly [K in Name]: BranchOutput }> = {},
  ): TccBuilder<Input, Results & { readonly [K in Name]: BranchOutput }> {
    const { confirm, ...patience } = options;
    const settled = { ...settleBranch({ name, operation }, patience), input };
    const branch: TccBranch = confirm === undefined ? settled : { ...settled, confirm };
    return new TccBuilder(this.identity, [...this.branches, branch], this.closing);
  }

  /** The command sent AFTER every branch was cancelled. Repeated until answered; beyond its attempts (default 10) the
   *  transaction parks. */
  onCancelled<BranchInput, BranchOutput>(
    name: string,
    operation: Operation<BranchInput, BranchOutput>,
    input: (context: EndContext<Input>) => NoInfer<BranchInput>,
    options: Patience = {},
  ): Pick<TccBuilder<Input, Results>, 'define'> {
    const told = { ...options, settleRetry: { ...options.retry } };
    const closing = { ...settleBranch({ name, operation }, told), input };
    return new TccBuilder<Input, Results>(this.identity, this.branches, closing);
  }

  /** The finished definition, frozen. Throws an assertion that names the branch when the shape is unsound. */
  define(): TccDefinition<Input> {
    const branches = Object.freeze(this.branches.map((branch) => Object.freeze(branch)));
    const told = { ...this.identity, branches };
    assertBranches(told, this.closing);
    for (const branch of branches) assertSettleable(told.name, branch);
    return Object.freeze(
      this.closing === undefined ? told : { ...told, onCancelled: Object.freeze(this.closing) },
    );
  }
}

/** The types ask for it already; a definition that was put together without them is told here. */
function assertSettleable(definition: string, { name, operation }: TccBranch): void {
  const { action, confirm, compensation } = operation;
  const where = `${definition}/${name}: ${action}`;
  assert(confirm !== undefined, `${where} has no confirm, so what was tried could not be kept`);
  assert(compensation !== undefined, `${where} has no undo, so what was tried could not be let go`);
}
