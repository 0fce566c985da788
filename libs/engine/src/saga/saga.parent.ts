/**
 * What a child does when its parent asks: for everything to be done, or for all of it to be taken back (S24, S25).
 * A repeated asking is answered from where the child stands, so that no end is ever forgotten (R16).
 */
import type { TransactionCommand } from '../command.js';
import type { ParentAsked } from '../event.js';
import type { Transition } from '../machine.js';
import type { Reply } from '../operation.js';
import type { RestReason } from '../standing.js';
import { answerParent, answerWhenUndone, blockedAnswer, cannotUndo } from './saga.child.js';
import { goBack } from './saga.compensation.js';
import type { SagaDefinition } from './saga.plan.js';
import { cancel } from './saga.people.js';
import { isMoving, movingOf, type Completed, type Journey, type SagaState } from './saga.state.js';

type Step = Transition<SagaState, TransactionCommand>;

/** The parent had enough of it; its own reason is told in its own row. */
const byParent = { actor: 'parent', reason: 'the parent goes back' } as const;
const working: Reply = { outcome: 'in-progress' };

/** Hears the parent; undefined where that is nobody, or the asking is older than one that was heard already. */
export function hearParent(
  definition: SagaDefinition,
  state: SagaState,
  event: ParentAsked,
): Step | undefined {
  const asked = addressed(state, event);
  if (asked === undefined) return undefined;
  return event.operation === 'action' ? answered(asked, working) : takeBack(definition, asked, event.at);
}

/** The state, answering the asking that is the latest, whatever came last: what is answered under an older generation
 *  would not be heard, and once the parent goes back it never goes forward again. */
function addressed(state: SagaState, { operation, generation }: ParentAsked): SagaState | undefined {
  const { parent, ...rest } = journeyOf(state);
  if (parent === undefined || isOlder({ operation, generation }, parent)) return undefined;
  const journey: Journey = { ...rest, parent: { ...parent, operation, generation } };
  if (state.status !== 'parked') return { ...state, journey };
  return { ...state, suspended: { ...state.suspended, journey } };
}

type Asking = Pick<ParentAsked, 'operation' | 'generation'>;

function isOlder(asked: Asking, known: Asking): boolean {
  if (asked.operation === known.operation) return asked.generation < known.generation;
  return asked.operation === 'action';
}

function journeyOf(state: SagaState): Journey {
  return state.status === 'parked' ? state.suspended.journey : state.journey;
}

/** The answer that follows from where the child stands; `otherwise` while it still goes somewhere. */
function answered(state: SagaState, otherwise: Reply): Step {
  return { state, commands: answerParent(journeyOf(state), replyOf(state, otherwise)) };
}

function replyOf(state: SagaState, otherwise: Reply): Reply {
  switch (state.status) {
    case 'completed':
      return { outcome: 'succeeded', output: state.output };
    case 'compensated':
      return answerWhenUndone(state.journey, state.reason);
    case 'terminated':
      return cannotUndo('terminated');
    case 'parked':
      return state.suspended.status === 'compensating' ? blockedAnswer : otherwise;
    case 'executing':
    case 'compensating':
      return otherwise;
  }
}

function takeBack(definition: SagaDefinition, state: SagaState, at: number): Step {
  if (state.status === 'completed') return acknowledged(undo(definition, state, at));
  if (movingOf(state)?.status !== 'executing') return answered(state, working);
  const turned = cancel(definition, state, { at, ...byParent });
  if (turned !== undefined) return acknowledged(turned);
  return { state, commands: answerParent(journeyOf(state), cannotUndo('beyond-the-pivot')) };
}

/** An undo may take its time, so the parent is told at once that it was heard, and asks no more. */
function acknowledged({ state, commands }: Step): Step {
  if (!isMoving(state)) return { state, commands };
  return { state, commands: [...commands, ...answerParent(state.journey, working)] };
}

/** What is done is undone as it would have been by the child itself. */
function undo(definition: SagaDefinition, completed: Completed, at: number): Step {
  const { done, output } = completed;
  // Its locks were free as soon as it was done; what was free is not taken again behind everybody's back.
  const { locks: _, ...journey } = completed.journey;
  const state: Completed = { status: 'completed', journey, done, output };
  if (definition.pivot >= 0 || definition.recovery === 'forward')
    return { state, commands: answerParent(journey, cannotUndo('beyond-the-pivot')) };
  const reason: RestReason = { kind: 'cancelled', actor: byParent.actor, because: byParent.reason };
  const bare = {
    active: [],
    signals: [],
    deadline: Infinity,
    isPaused: false,
    blocked: [],
    undone: undefined,
  };
  return goBack(definition, { status: 'compensating', journey, done, reason, ...bare }, { at, commands: [] });
}
