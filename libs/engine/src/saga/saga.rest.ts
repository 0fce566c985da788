/**
 * Coming to rest until a person acts, being held by one, and going on afterwards. A parked saga keeps what it was doing,
 * so that a resumption asks the very half again that stopped it. Nothing here decides whether to park.
 */
import type { TransactionCommand } from '../command.js';
import type { Transition } from '../machine.js';
import type { RestReason } from '../standing.js';
import { askAnew, sendAgain } from './saga.attempt.js';
import { answerParent, blockedAnswer } from './saga.child.js';
import { commandOf, isAsked } from './saga.command.js';
import type { SagaDefinition } from './saga.plan.js';
import type { Branch, Moving, Parked, SagaState } from './saga.state.js';

type Step = Transition<SagaState, TransactionCommand>;

/** Rests with a reason, and says so. What is answered from now on is not heard: a resumption asks for it again. */
export function park(suspended: Moving, reason: RestReason, stuck: Branch | undefined): Step {
  const isBlocked = suspended.status === 'compensating' && reason.kind !== 'bug';
  return {
    state: { status: 'parked', reason, suspended, stuck },
    commands: [
      { type: 'announce', outcome: 'parked', reason },
      ...(isBlocked ? answerParent(suspended.journey, blockedAnswer) : []),
    ],
  };
}

/** R2: a broken rule parks this transaction alone; nothing that was done or learnt before is forgotten. */
export function parkForBug(state: Moving, message: string): Step {
  const branchId = state.active[0]?.id;
  const reason = { kind: 'bug', failure: { code: 'BUG', message, retryable: false } } as const;
  return park(state, branchId === undefined ? reason : { ...reason, branchId }, undefined);
}

/** Goes on where it stopped. What a person retries is asked under the next generation (R4). After a bug, or for want of
 *  the definition, nothing was given up, so what was in hand is merely sent again. */
export function resume(definition: SagaDefinition, { suspended, stuck }: Parked, at: number): Step {
  const again = (branch: Branch) =>
    branch === stuck ? askAnew(definition, branch, at) : askedAgain(definition, branch, at);
  const blocked = suspended.status === 'compensating' ? suspended.blocked : [];
  const anew = blocked.map(({ branch }) => askAnew(definition, branch, at));
  const active = [...suspended.active.map(again), ...anew];
  const state: Moving =
    suspended.status === 'executing'
      ? { ...suspended, active, isPaused: false }
      : { ...suspended, active, isPaused: false, blocked: [] };
  return { state, commands: commandsOf(definition, active) };
}

/** What was in hand beside the branch that stopped: asked again, because its answer may have come meanwhile. */
export function askedAgain(definition: SagaDefinition, branch: Branch, at: number): Branch {
  switch (branch.waitingFor) {
    case 'reply':
    case 'retry':
    case 'poll':
    case 'child':
    case 'probe':
    case 'next-probe':
      return sendAgain(definition, branch, at);
    case 'late-reply':
    case 'instant':
    case 'signal':
    case 'lock':
      return branch;
  }
}

/** Everything of `active` that is out, in words. */
export function commandsOf(
  definition: SagaDefinition,
  active: readonly Branch[],
): readonly TransactionCommand[] {
  return active.filter(isAsked).map((branch) => commandOf(definition, branch));
}

/** Is held: what arrives is recorded, nothing is sent and no time passes, until it is resumed (S96). */
export function pause(state: Moving): Step {
  return { state: { ...state, isPaused: true }, commands: [] };
}

/** Goes on after a pause. What was asked for is asked for again, or, having been withheld, for the first time, and its
 *  time runs anew; whatever else fell due meanwhile falls due now, once (S96). */
export function unpause(definition: SagaDefinition, state: Moving, at: number): Step {
  const active = state.active.map((branch) => (isAsked(branch) ? sendAgain(definition, branch, at) : branch));
  return { state: { ...state, active, isPaused: false }, commands: commandsOf(definition, active) };
}
