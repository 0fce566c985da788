/**
 * The saga of sequential steps as a pure machine: the way forward, and the crossroads to all other files of the folder.
 * Every transaction passes here once for each fact about it; what it answers is saved before anything is sent.
 * Before the pivot whatever is unknown is undone; from the pivot on nothing is undone and nothing unknown is passed.
 */
import assert from 'node:assert/strict';
import type { Machine, Transition } from '../machine.js';
import type { Start, TransactionCommand, TransactionEvent } from '../transaction.js';
import {
  ask,
  commandOf,
  meaningOf,
  sendAgain,
  waitFor,
  type Ending,
  type MovingEvent,
} from './saga.attempt.js';
import { settleCompensating, undo } from './saga.compensation.js';
import type { SagaDefinition, SagaStep } from './saga.definition.js';
import { park, parkForBug, reasonOf, resume } from './saga.rest.js';
import { isMoving, type Done, type Executing, type Moving, type SagaState } from './saga.state.js';

type Step = Transition<SagaState, TransactionCommand>;

const none: readonly TransactionCommand[] = Object.freeze([]);

/** The machine of every saga. Total: no event throws in any state, unless a function of the definition does; then
 *  nothing has happened, and the host tells `bug-found` instead of that event (R2). */
export const sagaMachine: Machine<SagaDefinition, Start, SagaState, TransactionEvent, TransactionCommand> = {
  begin: (definition, { input, at }) => forward(definition, { input, done: undefined, index: 0 }, at),
  transition,
  outstanding: (definition, state) =>
    isMoving(state) && state.pending.waitingFor === 'reply' ? [commandOf(definition, state.pending)] : none,
  dueAt: (_definition, state) => (isMoving(state) ? state.pending.due : undefined),
};

function transition(definition: SagaDefinition, state: SagaState, event: TransactionEvent): Step {
  switch (event.type) {
    case 'replied':
    case 'time-passed':
      return isMoving(state) ? advance(definition, state, event) : unchanged(state);
    case 'operator-resumed':
      if (state.status !== 'parked' || !Number.isFinite(event.at)) return unchanged(state);
      return resume(definition, state, event.at);
    case 'bug-found':
      // Already parked, the first reason is the one a person must see.
      return isMoving(state) ? parkForBug(definition, state, event.message) : unchanged(state);
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

function advance(definition: SagaDefinition, state: Moving, event: MovingEvent): Step {
  const meaning = meaningOf(definition, state.pending, event);
  switch (meaning.outcome) {
    case 'nothing':
      return unchanged(state);
    case 'retry-later':
    case 'poll-later': {
      const pending = waitFor(definition, state.pending, { outcome: meaning.outcome, event });
      return { state: { ...state, pending }, commands: none };
    }
    case 'ask-again': {
      const pending = sendAgain(definition, state.pending, event.at);
      return { state: { ...state, pending }, commands: [commandOf(definition, pending)] };
    }
    case 'succeeded':
    case 'refused':
    case 'failed':
    case 'silent':
      return state.status === 'executing'
        ? settleExecuting(definition, state, meaning, event.at)
        : settleCompensating(definition, state, meaning, event.at);
  }
}

/** The action in hand has ended. */
function settleExecuting(definition: SagaDefinition, state: Executing, ending: Ending, at: number): Step {
  const { input, done, pending } = state;
  const step = definition.steps[pending.step];
  assert(step !== undefined, `${definition.name} has no step ${pending.step}`);
  const { step: index, payload } = pending;
  if (ending.outcome === 'succeeded') {
    const now: Done = {
      step: index,
      input: payload,
      outcome: 'succeeded',
      output: ending.output,
      earlier: done,
    };
    return forward(definition, { input, done: now, index: index + 1 }, at);
  }
  const reason = reasonOf(definition, pending, ending);
  if (neverUndone(step, ending)) return park(state, reason);
  // S11: a refused step did nothing. S16, S18: one without an answer may have done everything.
  if (ending.outcome === 'refused') return undo(definition, { input, reason, done }, at);
  const unknown: Done = { step: index, input: payload, outcome: 'unknown', output: undefined, earlier: done };
  return undo(definition, { input, reason, done: unknown }, at);
}

/** A retriable step only ever goes forward, and a pivot whose outcome is unknown is neither undone nor passed (R23, S27);
 *  a pivot that says no has not happened, so everything before it can still be undone. */
function neverUndone(step: SagaStep, ending: Ending): boolean {
  return step.retriable || (step.pivot && ending.outcome !== 'refused');
}

/** Asks for the step at `index`, or completes behind the last one. */
function forward(
  definition: SagaDefinition,
  from: { readonly input: unknown; readonly done: Done | undefined; readonly index: number },
  at: number,
): Step {
  const { input, done, index } = from;
  const step = definition.steps[index];
  if (step === undefined)
    return { state: { status: 'completed' }, commands: [{ type: 'announce', outcome: 'completed' }] };
  const payload = step.input({ input, results: resultsOf(definition, done) });
  const pending = ask(step, { step: index, half: 'action', payload, at });
  return { state: { status: 'executing', input, done, pending }, commands: [commandOf(definition, pending)] };
}

function resultsOf(definition: SagaDefinition, from: Done | undefined): Readonly<Record<string, unknown>> {
  const results: Record<string, unknown> = {};
  for (let done = from; done !== undefined; done = done.earlier) {
    const step = definition.steps[done.step];
    if (step !== undefined) results[step.name] = done.output;
  }
  return results;
}
