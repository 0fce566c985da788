/**
 * How a two-phase message is told: a sender whose local transaction decides, and what is to be delivered if, and only
 * if, that transaction committed. It checks the shape once, in `define()`, and never runs anything.
 */
import assert from 'node:assert/strict';
import type { Operation } from '../operation.js';
import {
  assertBranches,
  assertPositive,
  settleBranch,
  type Patience,
  type RoundBranch,
} from '../round/round.branch.js';

export interface DeliveryBranch extends RoundBranch {
  /** Pure: computed again at every replay. */
  input(input: unknown): unknown;
}

/** A two-phase message as data: frozen, its shape checked. */
export interface TwoPhaseMessageDefinition<Input = unknown> {
  readonly name: string;
  readonly version: number;
  /** The one who is asked whether its local transaction committed. */
  readonly sender: RoundBranch;
  /** How long the sender is given to speak by itself; ms. */
  readonly checkBackAfterMs: number;
  readonly deliveries: readonly DeliveryBranch[];
  /** Carries the type; never has a value. */
  readonly types?: { readonly input: Input };
}

/** How patiently the sender is asked. `retry`: by default 10 attempts; beyond them the message parks, for silence is
 *  never a no (S75). */
export interface SenderOptions extends Patience {
  /** How long after the start the sender is asked, unless it has spoken; ms, positive, default 10 000. */
  readonly checkBackAfterMs?: number;
}

/** Begins to tell a two-phase message that starts from an `Input`; `sender`, then `deliver`, then `define()`.
 *  `version` is a positive whole number. */
export function twoPhaseMessage<Input>(
  name: string,
  { version }: { readonly version: number },
): Pick<TwoPhaseMessageBuilder<Input>, 'sender'> {
  return new TwoPhaseMessageBuilder<Input>({ name, version });
}

interface Told {
  readonly name: string;
  readonly version: number;
  readonly sender?: RoundBranch;
  readonly checkBackAfterMs?: number;
}

/** A two-phase message half told. Every call answers a new builder, so a beginning may be shared. */
export class TwoPhaseMessageBuilder<Input> {
  constructor(
    private readonly told: Told,
    private readonly deliveries: readonly DeliveryBranch[] = [],
  ) {}

  /** The branch whose local transaction decides, and the operation that asks it how that ended. The operation is asked
   *  with the transaction's input. */
  sender<Output>(
    name: string,
    checkBack: Operation<Input, Output>,
    options: SenderOptions = {},
  ): Pick<TwoPhaseMessageBuilder<Input>, 'deliver'> {
    const { checkBackAfterMs = 10_000, ...patience } = options;
    const retry = { attemptsMax: 10, ...patience.retry };
    const sender = Object.freeze(settleBranch({ name, operation: checkBack }, { ...patience, retry }));
    return new TwoPhaseMessageBuilder({ ...this.told, sender, checkBackAfterMs }, this.deliveries);
  }

  /** Something to deliver. Deliveries go out together, and each is repeated until done: a message cannot be refused.
   *  `retry`: default 10 attempts; beyond them the message parks. */
  deliver<BranchInput, BranchOutput>(
    name: string,
    operation: Operation<BranchInput, BranchOutput>,
    input: (input: Input) => NoInfer<BranchInput>,
    options: Patience = {},
  ): TwoPhaseMessageBuilder<Input> {
    const told = { ...options, settleRetry: { ...options.retry } };
    const delivery = { ...settleBranch({ name, operation }, told), input };
    return new TwoPhaseMessageBuilder(this.told, [...this.deliveries, delivery]);
  }

  /** The finished definition, frozen. Throws an assertion that names the branch when the shape is unsound. */
  define(): TwoPhaseMessageDefinition<Input> {
    const { name, version, sender, checkBackAfterMs } = this.told;
    assert(sender !== undefined && checkBackAfterMs !== undefined, `${name}: a message has a sender`);
    const deliveries = Object.freeze(this.deliveries.map((delivery) => Object.freeze(delivery)));
    assertBranches({ name, version, branches: deliveries }, sender);
    assertPositive(`${name}/${sender.name}: checkBackAfterMs`, checkBackAfterMs);
    return Object.freeze({ name, version, sender, checkBackAfterMs, deliveries });
  }
}
