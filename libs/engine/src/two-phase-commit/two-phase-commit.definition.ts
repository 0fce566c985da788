/**
 * How a two-phase commit is told: branches that are prepared together and then all committed, or all rolled back.
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
import type { RetryPolicy } from '../transaction.js';

export interface CommitBranch extends RoundBranch {
  /** Pure: computed again at every replay. */
  input(input: unknown): unknown;
}

/** A two-phase commit as data: frozen, its shape checked. */
export interface TwoPhaseCommitDefinition<Input = unknown> {
  readonly name: string;
  readonly version: number;
  readonly branches: readonly CommitBranch[];
  readonly onAborted?: ClosingBranch;
  /** Carries the type; never has a value. */
  readonly types?: { readonly input: Input };
}

interface Identity {
  readonly name: string;
  readonly version: number;
}

/** Begins to tell a two-phase commit that starts from an `Input`; `define()` ends it. `version` is a positive whole
 *  number. */
export function twoPhaseCommit<Input>(
  name: string,
  { version }: { readonly version: number },
): TwoPhaseCommitBuilder<Input> {
  return new TwoPhaseCommitBuilder({ name, version }, []);
}

/** The decision stands until everybody has acknowledged it (R20), so it is repeated without an end. */
const untilAcknowledged: RetryPolicy = { attemptsMax: Number.MAX_SAFE_INTEGER, baseMs: 200, maxMs: 10_000 };

/** A two-phase commit half told. Every call answers a new builder, so a beginning may be shared. */
export class TwoPhaseCommitBuilder<Input> {
  constructor(
    private readonly identity: Identity,
    private readonly branches: readonly CommitBranch[],
    private readonly closing?: ClosingBranch,
  ) {}

  /** Adds a participant. All are prepared at once, so `input` sees the transaction's input alone. A local operation's
   *  handler runs inside the database's own prepared transaction; one that calls the outside must have a `confirm` and
   *  an undo, for it can only hold what it will later take or let go (R21). `retry`: attempts of the prepare, default 3,
   *  for each may hold locks. `settleRetry`: by default repeated until acknowledged. */
  participant<BranchInput, BranchOutput>(
    name: string,
    operation: Operation<BranchInput, BranchOutput>,
    input: (input: Input) => NoInfer<BranchInput>,
    options: BranchOptions = {},
  ): TwoPhaseCommitBuilder<Input> {
    const branch = { ...settleBranch({ name, operation }, options, untilAcknowledged), input };
    return new TwoPhaseCommitBuilder(this.identity, [...this.branches, branch], this.closing);
  }

  /** The command sent AFTER everything was rolled back. Repeated until answered; beyond its attempts (default 10) the
   *  transaction parks. */
  onAborted<BranchInput, BranchOutput>(
    name: string,
    operation: Operation<BranchInput, BranchOutput>,
    input: (context: EndContext<Input>) => NoInfer<BranchInput>,
    options: Patience = {},
  ): Pick<TwoPhaseCommitBuilder<Input>, 'define'> {
    const told = { ...options, settleRetry: { ...options.retry } };
    const closing = { ...settleBranch({ name, operation }, told), input };
    return new TwoPhaseCommitBuilder<Input>(this.identity, this.branches, closing);
  }

  /** The finished definition, frozen. Throws an assertion that names the branch when the shape is unsound. */
  define(): TwoPhaseCommitDefinition<Input> {
    const branches = Object.freeze(this.branches.map((branch) => Object.freeze(branch)));
    const told = { ...this.identity, branches };
    assertBranches(told, this.closing);
    for (const branch of branches) assertSettleable(told.name, branch);
    return Object.freeze(
      this.closing === undefined ? told : { ...told, onAborted: Object.freeze(this.closing) },
    );
  }
}

/** The outside cannot be prepared: it is asked to hold, and then to take or to let go (R21). */
function assertSettleable(definition: string, { name, operation }: CommitBranch): void {
  const { action, confirm, compensation, effect } = operation;
  const where = `${definition}/${name}: ${action}`;
  assert(
    effect === 'local' || confirm !== undefined,
    `${where} calls the outside, so it needs a confirm to commit`,
  );
  assert(
    confirm === undefined || compensation !== undefined,
    `${where} has a confirm, so it needs an undo to roll back`,
  );
}
