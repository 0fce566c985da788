/**
 * Turning around: nothing new is begun, what still runs is awaited or given up, and only then the way back begins (S14).
 * Here is decided what becomes of an action that nobody can vouch for; the undos themselves are elsewhere.
 */
import type { TransactionCommand } from '../command.js';
import type { Transition } from '../machine.js';
import type { RestReason } from '../standing.js';
import { awaitLateReply, probe, reasonOf, type Ending } from './saga.attempt.js';
import { commandOf } from './saga.command.js';
import { goBack } from './saga.compensation.js';
import { stepOfNode, type SagaDefinition, type SagaStep } from './saga.plan.js';
import { park } from './saga.rest.js';
import { entryOf } from './saga.results.js';
import { isIdle, without, withInstead } from './saga.state.js';
import type { Branch, Compensating, Done, Executing, Moving, SagaState } from './saga.state.js';

type Step = Transition<SagaState, TransactionCommand>;

/** Whether everything can still be undone: not once the pivot was asked for, whatever it answered (R23, S27), and not in
 *  a saga that only goes forward. */
export function canTurn({ recovery, pivot }: SagaDefinition, { done, active }: Executing): boolean {
  if (recovery === 'forward') return false;
  return pivot < 0 || !(active.some(({ node }) => node === pivot) || entryOf(done, pivot) !== undefined);
}

/** Goes back for `reason`. `state` no longer has in hand what gave the reason. */
export function turnAround(
  definition: SagaDefinition,
  state: Executing,
  reason: RestReason,
  at: number,
): Step {
  const { journey, signals, isPaused } = state;
  let { done } = state;
  const awaited: Branch[] = [];
  const commands: TransactionCommand[] = [];
  for (const branch of state.active) {
    if (isIdle(branch)) continue;
    const still = stillAwaited(definition, branch, at);
    if (still === undefined) done = unknown(branch, done);
    else awaited.push(still);
    if (still !== undefined && still !== branch && still.waitingFor === 'probe')
      commands.push(commandOf(definition, still));
  }
  const bare = { blocked: [], undone: undefined, deadline: Infinity };
  const rest = { journey, signals, isPaused, reason, done, active: awaited, ...bare };
  return goBack(definition, { status: 'compensating', ...rest }, { at, commands });
}

/** How a running action is awaited once the saga turns around; undefined when it is given up, to be undone as unknown.
 *  A child has its own way of turning around, so it is told at once instead of being let finish. */
function stillAwaited(definition: SagaDefinition, branch: Branch, at: number): Branch | undefined {
  const step = actionOf(definition, branch);
  if (step === undefined || step.via.type === 'child') return undefined;
  const isLost = branch.waitingFor === 'retry' || definition.onRefusal === 'undo-at-once';
  if (!isLost || branch.doubt !== undefined) return branch;
  const doubt: RestReason = { kind: 'timed-out', branchId: branch.id };
  if (step.onUnknown === 'probe') return probe(definition, branch, doubt, at);
  if (step.onUnknown === 'wait') return awaitLateReply(branch, doubt);
  // Its time is over at once, and then a person is asked; a retriable step is undone like any other.
  const asksPerson = step.onUnknown === 'ask' && !step.retriable;
  return asksPerson ? { ...branch, waitingFor: 'reply', due: at } : undefined;
}

function actionOf({ nodes }: SagaDefinition, { node }: Branch): SagaStep | undefined {
  const found = nodes[node];
  return found && stepOfNode(found);
}

/** What may have been done. S16, S18: it is undone like what was done, and before all of it. */
export function unknown({ node, pass, id, payload }: Branch, earlier: Done | undefined): Done {
  return { node, pass, id, input: payload, outcome: 'unknown', output: undefined, earlier };
}

/** Nobody can say whether the action in hand took effect: the step says what follows. */
export function settleUnknown(
  definition: SagaDefinition,
  state: Moving,
  given: { readonly branch: Branch; readonly reason: RestReason; readonly at: number },
): Step {
  const { branch, reason, at } = given;
  switch (onUnknownOf(definition, state, branch)) {
    case 'compensate':
      return giveUp(definition, state, given);
    case 'probe': {
      const probed = probe(definition, branch, reason, at);
      const active = withInstead(state.active, branch, probed);
      return { state: { ...state, active }, commands: [commandOf(definition, probed)] };
    }
    case 'wait': {
      const active = withInstead(state.active, branch, awaitLateReply(branch, reason));
      return { state: { ...state, active }, commands: [] };
    }
    case 'ask':
      return park(state, reason, branch);
  }
}

/** A retriable step waits for a person as long as the saga goes forward; once it goes back it is undone like any other.
 *  What was inquired about in vain is for a person. */
function onUnknownOf(definition: SagaDefinition, state: Moving, branch: Branch): SagaStep['onUnknown'] {
  const step = actionOf(definition, branch);
  if (step === undefined || branch.doubt !== undefined) return 'ask';
  return state.status === 'compensating' && step.retriable ? 'compensate' : step.onUnknown;
}

function giveUp(
  definition: SagaDefinition,
  state: Moving,
  { branch, reason, at }: { readonly branch: Branch; readonly reason: RestReason; readonly at: number },
): Step {
  const left = { done: unknown(branch, state.done), active: without(state.active, branch) };
  if (state.status === 'executing') return turnAround(definition, { ...state, ...left }, reason, at);
  return goBack(definition, { ...state, ...left }, { at, commands: [] });
}

/** An action that was awaited on the way back has ended: what was done is undone too, what was not is forgotten. */
export function settleAwaited(
  definition: SagaDefinition,
  state: Compensating,
  given: { readonly branch: Branch; readonly ending: Ending; readonly at: number },
): Step {
  const { branch, ending, at } = given;
  const active = without(state.active, branch);
  switch (ending.outcome) {
    case 'succeeded': {
      const { node, pass, id, payload: input } = branch;
      const entry = { node, pass, id, input, outcome: 'succeeded', output: ending.output } as const;
      const done: Done = { ...entry, earlier: state.done };
      return goBack(definition, { ...state, active, done }, { at, commands: [] });
    }
    case 'refused':
    case 'not-done':
      return goBack(definition, { ...state, active }, { at, commands: [] });
    case 'failed':
    case 'silent':
    case 'untold':
      return settleUnknown(definition, state, { branch, reason: reasonOf(branch, ending), at });
  }
}

/** Whether a branch is an action that is awaited before anything is undone. */
export function isAwaited(definition: SagaDefinition, state: Moving, { half, node }: Branch): boolean {
  return state.status === 'compensating' && half === 'action' && node < definition.nodes.length;
}
