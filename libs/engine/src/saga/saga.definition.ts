/**
 * How a saga of sequential steps is told: a small typed language whose result is plain, frozen data and functions.
 * It stands at the start of the road: what is written here decides everything that the machine may ever ask for.
 * It checks the shape once, in `define()`, and never runs anything.
 */
import type { Operation } from '../operation.js';
import type { RetryPolicy } from '../transaction.js';
import { assertShape } from './saga.shape.js';

/** What a step's input is computed from: the transaction's input and the outputs of the steps before it. */
export interface StepContext<Input, Results> {
  readonly input: Input;
  readonly results: Readonly<Results>;
}

/** Why everything was undone: the code of the refusal or of the failure, or `timed-out`. */
export interface CompensationReason {
  readonly code: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What the closing step's input is computed from. */
export interface ClosingContext<Input> {
  readonly input: Input;
  readonly reason: CompensationReason;
}

/** How patiently an operation is asked for. Whatever is left out takes its default. */
export interface PatienceOptions {
  /** How long one attempt waits for its answer; ms, positive, default 10 000. */
  readonly timeoutMs?: number;
  /** Attempts of the action; default 5 attempts (10 for `onCompensated`), from 200 ms up to 10 000 ms apart. */
  readonly retry?: Partial<RetryPolicy>;
  /** How long to wait before asking again after `in-progress`; ms, positive, default 1 000. */
  readonly inProgressPollMs?: number;
}

/** What a step may say about itself. */
export interface StepOptions extends PatienceOptions {
  /** Attempts of the undo; default 10 attempts, from 200 ms up to 10 000 ms apart. */
  readonly undoRetry?: Partial<RetryPolicy>;
  /** The point of no return: once it has succeeded nothing is undone. At most one a saga. Default false. */
  readonly pivot?: boolean;
  /** Repeated until done, never undone on its own account: what it cannot finish waits for a person. Default false. */
  readonly retriable?: boolean;
  /** The operation leaves nothing behind, e.g. a read, so it needs no undo. Default false. */
  readonly nothingToUndo?: boolean;
}

/** An operation under a name, with every default filled in. */
export interface SettledStep {
  /** Unique in its saga; also the branch id. */
  readonly name: string;
  readonly operation: Operation;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly undoRetry: RetryPolicy;
  readonly inProgressPollMs: number;
}

/** One step forward. `input` is pure: it is computed again at every replay. */
export interface SagaStep extends SettledStep {
  readonly pivot: boolean;
  readonly retriable: boolean;
  readonly nothingToUndo: boolean;
  input(context: StepContext<unknown, Readonly<Record<string, unknown>>>): unknown;
}

/** The command that tells of the end once everything is undone. `input` is pure. */
export interface ClosingStep extends SettledStep {
  input(context: ClosingContext<unknown>): unknown;
}

/** A saga as data: frozen, its shape checked. */
export interface SagaDefinition<Input = unknown> {
  readonly name: string;
  readonly version: number;
  readonly steps: readonly SagaStep[];
  readonly onCompensated?: ClosingStep;
  /** Carries the type; never has a value. */
  readonly types?: { readonly input: Input };
}

interface Identity {
  readonly name: string;
  readonly version: number;
}

/** Begins to tell a saga that starts from an `Input`; `define()` ends it. `version` is a positive whole number. */
export function saga<Input>(
  name: string,
  { version }: { readonly version: number },
): SagaBuilder<Input, Nothing> {
  return new SagaBuilder({ name, version }, []);
}

type Nothing = Readonly<Record<never, unknown>>;

/** A saga half told. Every call answers a new builder, so a beginning may be shared. */
export class SagaBuilder<Input, Results> {
  constructor(
    private readonly identity: Identity,
    private readonly steps: readonly SagaStep[],
    private readonly closing?: ClosingStep,
  ) {}

  /** Adds the next step. `input` sees the outputs of the steps above it and must be pure, for it is computed again at
   *  every replay. */
  step<Name extends string, StepInput, StepOutput>(
    name: Name & (Name extends keyof Results ? never : unknown),
    operation: Operation<StepInput, StepOutput>,
    input: (context: StepContext<Input, Results>) => NoInfer<StepInput>,
    options: StepOptions = {},
  ): SagaBuilder<Input, Results & { readonly [K in Name]: StepOutput }> {
    const { pivot = false, retriable = false, nothingToUndo = false } = options;
    const step: SagaStep = { ...settle(name, operation, options), pivot, retriable, nothingToUndo, input };
    return new SagaBuilder(this.identity, [...this.steps, step], this.closing);
  }

  /** The command sent AFTER everything was undone, also when there was nothing to undo (R28). Repeated until answered;
   *  beyond its attempts the transaction parks. */
  onCompensated<StepInput, StepOutput>(
    name: string,
    operation: Operation<StepInput, StepOutput>,
    input: (context: ClosingContext<Input>) => NoInfer<StepInput>,
    options: PatienceOptions = {},
  ): Pick<SagaBuilder<Input, Results>, 'define'> {
    const retry = { ...undoPatience, ...options.retry };
    return new SagaBuilder<Input, Results>(this.identity, this.steps, {
      ...settle(name, operation, { ...options, retry }),
      input,
    });
  }

  /** The finished definition, frozen. Throws an assertion that names the saga and the step when the shape is unsound. */
  define(): SagaDefinition<Input> {
    const told = { ...this.identity, steps: Object.freeze(this.steps.map((step) => Object.freeze(step))) };
    const definition =
      this.closing === undefined ? told : { ...told, onCompensated: Object.freeze(this.closing) };
    assertShape(definition);
    return Object.freeze(definition);
  }
}

const patience: RetryPolicy = { attemptsMax: 5, baseMs: 200, maxMs: 10_000 };
/** An undo that gives up needs a person, so it is given more time than an action, whose failure only turns around. */
const undoPatience: RetryPolicy = { ...patience, attemptsMax: 10 };

function settle(name: string, operation: Operation, options: StepOptions): SettledStep {
  const { timeoutMs = 10_000, inProgressPollMs = 1_000 } = options;
  const retry = Object.freeze({ ...patience, ...options.retry });
  const undoRetry = Object.freeze({ ...undoPatience, ...options.undoRetry });
  return { name, operation, timeoutMs, retry, undoRetry, inProgressPollMs };
}
