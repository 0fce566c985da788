/**
 * How a saga is told: a small typed language whose result is plain, frozen data and functions.
 * It stands at the start of the road: what is written here decides everything that the machine may ever ask for.
 * It checks the shape once, in `define()`, and never runs anything.
 */
import type { Lock, LockPolicy } from '../locks/lock.js';
import type { Operation, Reply, Undo } from '../operation.js';
import {
  policyFrom,
  settle,
  settleStep,
  undoPatience,
  type PatienceOptions,
  type SagaOptions,
  type StepOptions,
} from './saga.options.js';
import {
  compile,
  stepOfNode,
  type ClosingContext,
  type ClosingStep,
  type SagaDefinition,
  type StepContext,
  type AtomicDefinition,
} from './saga.plan.js';
import type { AskedPart, ChildPart, LocalPart, LockPart, SignalPart } from './saga.parts.js';
import { assertShape } from './saga.shape.js';
import { addWork, beside, joined, nothingTold, within, type Told } from './saga.told.js';

export type { PatienceOptions, SagaOptions, StepOptions } from './saga.options.js';
export type { AskedPart, ChildPart, LocalPart, LockPart, SagaPart, SignalPart } from './saga.parts.js';
export type {
  ClosingContext,
  ClosingStep,
  CompensationReason,
  AtomicDefinition,
  OnUnknown,
  SagaDefinition,
  SagaStep,
  StepContext,
} from './saga.plan.js';

type Nothing = Readonly<Record<never, unknown>>;
/** A name that is not taken yet. */
type Free<Name, Taken> = Name & (Name extends keyof Taken ? never : unknown);
type Named<Name extends string, Value> = { readonly [K in Name]: Value };
/** The results of a branch that may not have been taken. */
type Maybe<Inner, Before> = { readonly [K in Exclude<keyof Inner, keyof Before>]?: Inner[K] };
/** What a local function answers, beside the replies that say no. */
type Answer<Value> = Exclude<Awaited<Value>, Reply<never>>;

/** What a loop may say about itself. */
export interface LoopOptions extends StepOptions {
  /** How many passes may run at the same time; default 1: one after the other, in order. */
  readonly atOnce?: number;
}

/** What a wait for a signal may say about itself. */
export interface SignalOptions<OnDeadline extends 'refuse' | 'continue' = 'refuse' | 'continue'> {
  /** How long to wait once it is reached; ms, positive, default without end. */
  readonly deadlineMs?: number;
  /** What follows when nobody spoke in time: the saga turns around, or goes on without a result. Default `refuse`. */
  readonly onDeadline?: OnDeadline;
}

/** What a lock may say about itself. */
export interface LockOptions {
  /** What follows when another transaction holds the key; default `wait`. */
  readonly policy?: LockPolicy;
  /** How long to wait once it is reached; ms, positive, default without end. Past it the saga turns around. */
  readonly deadlineMs?: number;
}

/** A person's answer, the payload of an approval's signal. A "no" is a refusal, and the saga turns around. */
export interface Approval {
  readonly approved: boolean;
  readonly by?: string;
  readonly comment?: string;
}

/** Begins to tell a saga that starts from an `Input`; `define()` ends it. */
export function saga<Input>(name: string, options: SagaOptions): SagaBuilder<Input, Nothing> {
  return new SagaBuilder({ ...nothingTold, name, version: options.version, policy: policyFrom(options) });
}

/** A saga half told. Every call answers a new builder, so a beginning may be shared. Whatever is added comes AFTER
 *  all that was told before it. */
export class SagaBuilder<Input, Results, Output = null, Parts = Nothing> {
  constructor(readonly told: Told) {}

  /** Adds a step. `input` sees the outputs of the steps above it and must be pure, for it is computed again at
   *  every replay. */
  step<Name extends string, StepInput, StepOutput>(
    name: Free<Name, Results>,
    operation: Operation<StepInput, StepOutput>,
    input: (context: StepContext<Input, Results>) => NoInfer<StepInput>,
    options: StepOptions = {},
  ): SagaBuilder<
    Input,
    Results & Named<Name, StepOutput>,
    null,
    Parts & Named<Name, AskedPart<StepInput, StepOutput>>
  > {
    const step = settleStep({ name, operation, input }, this.told.policy, options);
    return new SagaBuilder(addWork(this.told, name, { kind: 'step', step }));
  }

  /** Adds a function that runs in the orchestrator's host: at least once, so it must be safe to repeat. What it answers
   *  is recorded and never computed again; `refused(...)` turns the saga around. `undo` is given what it answered. */
  local<Name extends string, Value>(
    name: Free<Name, Results>,
    run: (context: StepContext<Input, Results>) => Value,
    undo?: (undo: Undo<StepContext<Input, Results>, Answer<Value>>) => unknown,
    options: StepOptions = {},
  ): SagaBuilder<
    Input,
    Results & Named<Name, Answer<Value>>,
    null,
    Parts & Named<Name, LocalPart<Answer<Value>>>
  > {
    const actions = { participant: 'orchestrator', action: 'local.run', effect: 'local' } as const;
    const operation = undo === undefined ? actions : { ...actions, compensation: 'local.undo' };
    const via = { type: 'local', run, ...(undo && { undo }) } as const;
    const bare = { nothingToUndo: undo === undefined, ...options };
    const step = settleStep({ name, operation, input: (c) => c, via }, this.told.policy, bare);
    return new SagaBuilder(addWork(this.told, name, { kind: 'step', step }));
  }

  /** Adds another saga as one step: it runs as a transaction of its own, and is undone as one step, its own order
   *  included (S24). One with a pivot cannot be undone. Its result is what it `returns`. */
  subSaga<Name extends string, ChildInput, ChildOutput, ChildParts>(
    name: Free<Name, Results>,
    definition: SagaDefinition<ChildInput, ChildOutput, ChildParts>,
    input: (context: StepContext<Input, Results>) => NoInfer<ChildInput>,
    options: StepOptions = {},
  ): SagaBuilder<
    Input,
    Results & Named<Name, ChildOutput>,
    null,
    Parts & Named<Name, ChildPart<ChildInput, ChildOutput, ChildParts>>
  > {
    const actions = { participant: 'orchestrator', action: 'transaction.start', effect: 'local' } as const;
    const canUndo = definition.pivot < 0 && definition.recovery === 'backward';
    const operation = canUndo ? { ...actions, compensation: 'transaction.undo' } : actions;
    const via = { type: 'child', definition } as const;
    const step = settleStep({ name, operation, input, via }, this.told.policy, options);
    return new SagaBuilder(addWork(this.told, name, { kind: 'step', step }));
  }

  /** Adds a TCC or a two-phase commit as one step: it runs as a transaction of its own, by all of its branches or by
   *  nobody. What is done so is final, so the step is the pivot; a no turns the saga around like any refusal. It has no
   *  result. */
  atomic<Name extends string, AtomicInput>(
    name: Free<Name, Results>,
    definition: AtomicDefinition<AtomicInput>,
    input: (context: StepContext<Input, Results>) => NoInfer<AtomicInput>,
    options: PatienceOptions = {},
  ): SagaBuilder<
    Input,
    Results & Named<Name, null>,
    null,
    Parts & Named<Name, AskedPart<AtomicInput, null>>
  > {
    const operation = { participant: 'orchestrator', action: 'transaction.start', effect: 'local' } as const;
    const via = { type: 'atomic', definition } as const;
    const step = settleStep({ name, operation, input, via }, this.told.policy, { ...options, pivot: true });
    return new SagaBuilder(addWork(this.told, name, { kind: 'step', step }));
  }

  /** Adds one pass of `operation` for each of `items`, each a branch of its own with its own undo (S23). The result is
   *  the outputs in the order of the items. Both functions are pure; the items are computed once, when it is reached. */
  forEach<Name extends string, Item, StepInput, StepOutput>(
    name: Free<Name, Results>,
    items: (context: StepContext<Input, Results>) => readonly Item[],
    operation: Operation<StepInput, StepOutput>,
    each: (item: NoInfer<Item>, index: number) => NoInfer<StepInput>,
    options: LoopOptions = {},
  ): SagaBuilder<
    Input,
    Results & Named<Name, readonly StepOutput[]>,
    null,
    Parts & Named<Name, AskedPart<StepInput, StepOutput>>
  > {
    const { atOnce = 1, ...rest } = options;
    const step = settleStep({ name, operation, input: (c) => c }, this.told.policy, rest);
    return new SagaBuilder(addWork(this.told, name, { kind: 'loop', step, atOnce, items, each }));
  }

  /** Adds a group whose members run at the same time; what follows waits for all of them. */
  parallel<Own, OwnParts>(
    tell: (group: GroupBuilder<Input, Results, Nothing>) => GroupBuilder<Input, Results, Own, OwnParts>,
  ): SagaBuilder<Input, Results & Own, null, Parts & OwnParts> {
    return new SagaBuilder(joined(tell(new GroupBuilder(beside(this.told)))));
  }

  /** Adds a branch that is taken only if `isTaken`, decided once, when it is reached. Its results are optional to what
   *  follows. */
  when<Inner, InnerParts>(
    isTaken: (context: StepContext<Input, Results>) => boolean,
    tell: (branch: SagaBuilder<Input, Results>) => SagaBuilder<Input, Inner, null, InnerParts>,
  ): SagaBuilder<Input, Results & Maybe<Inner, Results>, null, Parts & InnerParts> {
    const { told } = this;
    const decided = addWork(told, `?${told.drafts.length}`, { kind: 'decision', isTaken });
    const inner = tell(new SagaBuilder(within(decided)));
    return new SagaBuilder({ ...inner.told, gate: told.gate });
  }

  /** Adds a durable timer: ms to wait once it is reached, or the instant to wait for, computed from the context. */
  wait<Name extends string>(
    name: Free<Name, Results>,
    duration: number | ((context: StepContext<Input, Results>, at: number) => number),
  ): SagaBuilder<Input, Results & Named<Name, null>, null, Parts> {
    const until = typeof duration === 'number' ? (_context: unknown, at: number) => at + duration : duration;
    return new SagaBuilder(addWork(this.told, name, { kind: 'wait', until }));
  }

  /** Takes a semantic lock: what follows begins once no earlier transaction holds `key` against it. Held until this one
   *  has come to its end, parked or not, and not until its process ends (S101). `key` is pure. A lock that `fail`s, runs out
   *  of time, or gives way in a deadlock (S102) turns the saga around. */
  lock<Name extends string>(
    name: Free<Name, Results>,
    key: (context: StepContext<Input, Results>) => string,
    { policy = 'wait', deadlineMs = Infinity }: LockOptions = {},
  ): SagaBuilder<Input, Results & Named<Name, Lock>, null, Parts & Named<Name, LockPart>> {
    return new SagaBuilder(addWork(this.told, name, { kind: 'lock', policy, deadlineMs, key }));
  }

  /** Waits until somebody sends the signal of this name; one that came before is taken at once (S39). The result is
   *  its payload, which the host has checked BEFORE. */
  signal<Payload, Name extends string = string, D extends 'refuse' | 'continue' = 'refuse'>(
    name: Free<Name, Results>,
    options: SignalOptions<D> = {},
  ): SagaBuilder<
    Input,
    Results & Named<Name, D extends 'continue' ? Payload | undefined : Payload>,
    null,
    Parts & Named<Name, SignalPart<Payload>>
  > {
    const { deadlineMs = Infinity, onDeadline = 'refuse' } = options;
    const work = { kind: 'signal', deadlineMs, onDeadline, isApproval: false } as const;
    return new SagaBuilder(addWork(this.told, name, work));
  }

  /** Waits for a person's `Approval`, sent as the signal of this name. A "no" is refused with the code `rejected`. */
  approval<Name extends string, D extends 'refuse' | 'continue' = 'refuse'>(
    name: Free<Name, Results>,
    options: SignalOptions<D> = {},
  ): SagaBuilder<
    Input,
    Results & Named<Name, D extends 'continue' ? Approval | undefined : Approval>,
    null,
    Parts & Named<Name, SignalPart<Approval>>
  > {
    const { deadlineMs = Infinity, onDeadline = 'refuse' } = options;
    const work = { kind: 'signal', deadlineMs, onDeadline, isApproval: true } as const;
    return new SagaBuilder(addWork(this.told, name, work));
  }

  /** What the completed saga answers whoever started it. Pure. */
  returns<Value>(
    output: (context: StepContext<Input, Results>) => Value,
  ): Pick<SagaBuilder<Input, Results, Value, Parts>, 'define' | 'onCompensated'> {
    return new SagaBuilder<Input, Results, Value, Parts>({ ...this.told, returns: output });
  }

  /** The command sent AFTER everything was undone, also when there was nothing to undo (R28). Repeated until answered;
   *  beyond its attempts the transaction parks. */
  onCompensated<Name extends string, StepInput, StepOutput>(
    name: Name,
    operation: Operation<StepInput, StepOutput>,
    input: (context: ClosingContext<Input>) => NoInfer<StepInput>,
    options: PatienceOptions = {},
  ): Pick<
    SagaBuilder<Input, Results, Output, Parts & Named<Name, AskedPart<StepInput, StepOutput>>>,
    'define'
  > {
    const retry = { ...undoPatience, ...options.retry };
    const onCompensated: ClosingStep = { ...settle(name, operation, { ...options, retry }), input };
    return new SagaBuilder({
      ...this.told,
      onCompensated: Object.freeze(onCompensated),
    });
  }

  /** The finished definition, frozen. Throws an assertion that names the saga and the step when the shape is unsound. */
  define(): SagaDefinition<Input, Output, Parts> {
    const { name, version, policy, drafts, onCompensated, returns } = this.told;
    const nodes = compile(drafts);
    const steps = Object.freeze(nodes.flatMap((node) => stepOfNode(node) ?? []));
    const pivot = nodes.findIndex((node) => stepOfNode(node)?.pivot === true);
    const definition: SagaDefinition<Input, Output, Parts> = {
      ...policy,
      name,
      version,
      nodes,
      steps,
      pivot,
      ...(onCompensated && { onCompensated }),
      ...(returns && { returns }),
    };
    assertShape(definition);
    return Object.freeze(definition);
  }
}

/** The members of a parallel group. They see what stands before the group, and of one another only what they name. */
export class GroupBuilder<Input, Before, Own, Parts = Nothing> {
  constructor(readonly told: Told) {}

  /** Adds a member that begins with the group, or, given `after`, once the named members are done; it then sees their
   *  results too. */
  step<Name extends string, StepInput, StepOutput, const After extends readonly (keyof Own)[] = readonly []>(
    name: Free<Name, Before & Own>,
    operation: Operation<StepInput, StepOutput>,
    input: (context: StepContext<Input, Before & Pick<Own, After[number]>>) => NoInfer<StepInput>,
    options: StepOptions & { readonly after?: After } = {},
  ): GroupBuilder<
    Input,
    Before,
    Own & Named<Name, StepOutput>,
    Parts & Named<Name, AskedPart<StepInput, StepOutput>>
  > {
    const { after = [], ...rest } = options;
    const step = settleStep({ name, operation, input }, this.told.policy, rest);
    return new GroupBuilder(addWork(this.told, name, { kind: 'step', step }, after.map(String)));
  }

  /** Adds a member that is a sequence of its own, of whatever shape. */
  chain<Inner, InnerParts>(
    tell: (sequence: SagaBuilder<Input, Before>) => SagaBuilder<Input, Inner, null, InnerParts>,
  ): GroupBuilder<Input, Before, Own & Omit<Inner, keyof Before>, Parts & InnerParts> {
    const { group, ...told } = this.told;
    const inner = tell(new SagaBuilder(told)).told;
    const ends = inner.frontier === told.frontier ? [] : inner.frontier;
    return new GroupBuilder({
      ...inner,
      frontier: told.frontier,
      ...(group && { group: { ...group, ends: [...group.ends, ...ends] } }),
    });
  }
}
