/**
 * The saga as a pure machine: the crossroads to all other files of the folder.
 * Every transaction passes here once for each fact about it; what it answers is saved before anything is sent.
 * Before the pivot whatever is unknown is undone; from the pivot on nothing is undone and nothing unknown is passed.
 */
import type { TransactionCommand } from '../command.js';
import type { Decided, Probed, Replied, TimePassed, TransactionEvent } from '../event.js';
import type { Machine, Transition } from '../machine.js';
import type { Start } from '../transaction.js';
import { meaningOf, reasonOf, sendAgain, waitFor, type Ending, type MovingEvent } from './saga.attempt.js';
import { answerParent } from './saga.child.js';
import { commandOf, outstandingOf } from './saga.command.js';
import { settleCompensating } from './saga.compensation.js';
import { goOn, setOut } from './saga.forward.js';
import { expireLock, hearLock } from './saga.lock.js';
import { hearParent } from './saga.parent.js';
import { cancel, settleByHand, terminate } from './saga.people.js';
import { stepOfNode, type SagaDefinition } from './saga.plan.js';
import { park, parkForBug, pause, resume, unpause } from './saga.rest.js';
import { hearSignal, settleSignal } from './saga.signal.js';
import { isIdle, isMoving, without, withInstead } from './saga.state.js';
import type { Branch, Executing, Moving, SagaState } from './saga.state.js';
import { dueAtOf, dueBranch, isOverdue, passDeadline } from './saga.time.js';
import { isAwaited, settleAwaited, settleUnknown, turnAround } from './saga.turn.js';

type Step = Transition<SagaState, TransactionCommand>;

const none: readonly TransactionCommand[] = Object.freeze([]);

/** The machine of every saga. Total: no event throws in any state, unless a function of the definition does; then
 *  nothing has happened, and the host tells `bug-found` instead of that event (R2). */
export const sagaMachine: Machine<SagaDefinition, Start, SagaState, TransactionEvent, TransactionCommand> = {
  begin,
  transition: (definition, state, event) =>
    Number.isFinite(event.at) ? withheld(tell(definition, state, event)) : unchanged(state),
  outstanding: outstandingOf,
  dueAt: (_definition, state) => dueAtOf(state),
};

/** A child that was undone before it was ever started does nothing, and its seat is taken (R6, I14). */
function begin(definition: SagaDefinition, { input, at, parent }: Start): Step {
  const journey = { input, parent };
  if (parent === undefined) return setOut(definition, journey, at);
  if (parent.operation === 'action') {
    const { state, commands } = setOut(definition, journey, at);
    const working = isMoving(state) ? answerParent(journey, { outcome: 'in-progress' }) : none;
    return { state, commands: [...commands, ...working] };
  }
  const reason = { kind: 'cancelled', actor: 'parent', because: 'undone before it began' } as const;
  const answer = answerParent(journey, { outcome: 'succeeded', output: null, empty: true });
  const announcement = { type: 'announce', outcome: 'compensated', reason } as const;
  return {
    state: { status: 'compensated', reason, journey, undone: undefined },
    commands: [announcement, ...answer],
  };
}

/** While a person holds a saga it may learn, and nothing it asks for leaves; a resumption asks for all of it (S96). */
function withheld(step: Step): Step {
  const { state, commands } = step;
  if (commands.length === 0 || !isMoving(state) || !state.isPaused) return step;
  return { state, commands: commands.filter(({ type }) => type === 'alarm' || type === 'answer-parent') };
}

function tell(definition: SagaDefinition, state: SagaState, event: TransactionEvent): Step {
  switch (event.type) {
    case 'replied':
    case 'probed':
      return isMoving(state) ? hear(definition, state, event) : unchanged(state);
    case 'time-passed':
      return isMoving(state) ? pass(definition, state, event) : unchanged(state);
    case 'signal-received':
      return hearSignal(definition, state, event) ?? unchanged(state);
    case 'lock-answered':
      return hearLock(definition, state, event) ?? unchanged(state);
    case 'parent-asked':
      return hearParent(definition, state, event) ?? unchanged(state);
    case 'cancel-requested':
    case 'terminate-requested':
    case 'operator-paused':
    case 'operator-resumed':
      return obey(definition, state, event);
    case 'operator-skipped':
    case 'operator-set-result':
      return settleByHand(definition, state, event) ?? unchanged(state);
    case 'bug-found':
      // Already parked, the first reason is the one a person must see.
      return isMoving(state) ? parkForBug(state, event.message) : unchanged(state);
    case 'definition-missing':
      return isMoving(state) ? park(state, { kind: 'no-handler' }, undefined) : unchanged(state);
    case 'decided':
    case 'decision-asked':
    case 'outcome-reported':
    default:
      // Events of other protocols mean nothing to a saga.
      return unchanged(state);
  }
}

/** The very same object says: nothing to save. */
function unchanged(state: SagaState): Step {
  return { state, commands: none };
}

function obey(definition: SagaDefinition, state: SagaState, event: Decided): Step {
  switch (event.type) {
    case 'cancel-requested':
      return cancel(definition, state, event) ?? unchanged(state);
    case 'terminate-requested':
      return terminate(state, event) ?? unchanged(state);
    case 'operator-paused':
      return isMoving(state) && !state.isPaused ? pause(state) : unchanged(state);
    case 'operator-resumed':
      if (state.status === 'parked') return resume(definition, state, event.at);
      return isMoving(state) && state.isPaused ? unpause(definition, state, event.at) : unchanged(state);
  }
}

function hear(definition: SagaDefinition, state: Moving, event: Replied | Probed): Step {
  const branch = addresseeOf(state, event);
  return branch === undefined ? unchanged(state) : advance(definition, state, branch, event);
}

/** The branch an answer is for. One for another branch, half or generation is for nobody. */
export function addresseeOf({ active }: Moving, event: Replied | Probed): Branch | undefined {
  for (const branch of active)
    if (branch.id === event.branchId && branch.generation === event.generation && isFor(branch, event))
      return branch;
  return undefined;
}

function isFor(branch: Branch, event: Replied | Probed): boolean {
  const { half, waitingFor } = branch;
  if (event.type === 'probed') return waitingFor === 'probe' || waitingFor === 'next-probe';
  return event.operation === half && !isIdle(branch);
}

function pass(definition: SagaDefinition, state: Moving, event: TimePassed): Step {
  const branch = dueBranch(state, event.at);
  if (branch !== undefined) return advance(definition, state, branch, event);
  return isOverdue(state, event.at) ? passDeadline(definition, state, event.at) : unchanged(state);
}

function advance(definition: SagaDefinition, state: Moving, branch: Branch, event: MovingEvent): Step {
  if (state.status === 'executing' && branch.waitingFor === 'instant')
    return goOn(definition, state, { branch, outcome: 'mark', output: null, at: event.at });
  if (state.status === 'executing' && branch.waitingFor === 'signal')
    return settleSignal(definition, state, { branch, at: event.at });
  if (state.status === 'executing' && branch.waitingFor === 'lock')
    return expireLock(definition, state, { branch, at: event.at });
  const meaning = meaningOf(definition, branch, event, isAwaited(definition, state, branch));
  switch (meaning.outcome) {
    case 'nothing':
      return unchanged(state);
    case 'retry-later':
    case 'poll-later':
    case 'child-works': {
      const waiting = waitFor(definition, branch, { outcome: meaning.outcome, event });
      return { state: { ...state, active: withInstead(state.active, branch, waiting) }, commands: none };
    }
    case 'ask-again': {
      const asked = sendAgain(definition, branch, event.at);
      const active = withInstead(state.active, branch, asked);
      return { state: { ...state, active }, commands: [commandOf(definition, asked)] };
    }
    case 'succeeded':
    case 'refused':
    case 'failed':
    case 'silent':
    case 'not-done':
    case 'untold':
      return settle(definition, state, { branch, ending: meaning, at: event.at });
  }
}

interface Ended {
  readonly branch: Branch;
  readonly ending: Ending;
  readonly at: number;
}

function settle(definition: SagaDefinition, state: Moving, ended: Ended): Step {
  if (state.status === 'executing') return settleExecuting(definition, state, ended);
  if (isAwaited(definition, state, ended.branch)) return settleAwaited(definition, state, ended);
  return settleCompensating(definition, state, ended);
}

/** An action in hand has ended. */
function settleExecuting(definition: SagaDefinition, state: Executing, { branch, ending, at }: Ended): Step {
  if (ending.outcome === 'succeeded')
    return goOn(definition, state, { branch, outcome: 'succeeded', output: ending.output, at });
  const reason = reasonOf(branch, ending);
  if (ending.outcome !== 'refused' && ending.outcome !== 'not-done')
    return settleUnknown(definition, state, { branch, reason, at });
  // A retriable step only ever goes forward; a pivot that says no has not happened, so all before it can be undone.
  // S11: what is refused did nothing, so it is not undone itself.
  const found = definition.nodes[branch.node];
  if (found !== undefined && stepOfNode(found)?.retriable === true) return park(state, reason, branch);
  return turnAround(definition, { ...state, active: without(state.active, branch) }, reason, at);
}
