/**
 * Coming to rest until a person acts, and going on afterwards. A parked saga keeps what it was doing, so that a
 * resumption asks the very half again that stopped it. Nothing here decides whether to park.
 */
import type { Transition } from '../machine.js';
import type { RestReason, TransactionCommand } from '../transaction.js';
import { askAnew, commandOf, sendAgain, stepOf, type Ending } from './saga.attempt.js';
import type { SagaDefinition } from './saga.definition.js';
import type { Moving, Parked, Pending, SagaState } from './saga.state.js';

type Step = Transition<SagaState, TransactionCommand>;
type UnhappyEnding = Exclude<Ending, { readonly outcome: 'succeeded' }>;

/** Why the action in hand did not do what was asked, in the words of its ending. */
export function reasonOf(definition: SagaDefinition, pending: Pending, ending: UnhappyEnding): RestReason {
  const branchId = stepOf(definition, pending).name;
  switch (ending.outcome) {
    case 'refused':
      return { kind: 'refused', branchId, refusal: ending.refusal };
    case 'failed':
      return { kind: 'failed', branchId, failure: ending.failure };
    case 'silent':
      return { kind: 'timed-out', branchId };
  }
}

/** Rests with a reason, and says so. */
export function park(suspended: Moving, reason: RestReason): Step {
  return {
    state: { status: 'parked', reason, suspended },
    commands: [{ type: 'announce', outcome: 'parked', reason }],
  };
}

/** R2: a broken rule parks this transaction alone; nothing that was done or learnt before is forgotten. */
export function parkForBug(definition: SagaDefinition, state: Moving, message: string): Step {
  const branchId = stepOf(definition, state.pending).name;
  return park(state, { kind: 'bug', branchId, failure: { code: 'BUG', message, retryable: false } });
}

/** Goes on where it stopped. What a person retries is asked under the next generation (R4). After a bug, or for
 *  want of the definition, nothing was given up, so what was in hand is merely sent again: an undo that follows then meets every action that is still on
 *  its way in the same generation, which is where the barrier plants its tombstone (I14). */
export function resume(definition: SagaDefinition, { suspended, reason }: Parked, at: number): Step {
  const gaveUp = reason.kind !== 'bug' && reason.kind !== 'no-handler';
  const again = gaveUp ? askAnew : sendAgain;
  const pending = again(definition, suspended.pending, at);
  return { state: { ...suspended, pending }, commands: [commandOf(definition, pending)] };
}
