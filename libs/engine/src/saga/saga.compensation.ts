/**
 * The way back: what was done is undone from the last to the first, one at a time, and then the end is told.
 * It never passes an undo that did not verifiably work: it parks there, and the undos behind it have not run (S20).
 */
import type { Undo } from '../operation.js';
import type { RestReason, TransactionCommand } from '../transaction.js';
import type { Transition } from '../machine.js';
import { ask, commandOf, stepOf, type Ending } from './saga.attempt.js';
import type { CompensationReason, SagaDefinition } from './saga.definition.js';
import { park, reasonOf } from './saga.rest.js';
import type { Compensating, Done, SagaState } from './saga.state.js';

type Step = Transition<SagaState, TransactionCommand>;

/** Turns around, or goes on going back: undoes the top of `done`; with nothing left to undo, closes. */
export function undo(
  definition: SagaDefinition,
  from: { readonly input: unknown; readonly reason: RestReason; readonly done: Done | undefined },
  at: number,
): Step {
  const { input, reason } = from;
  const done = firstUndoable(definition, from.done);
  const step = done && definition.steps[done.step];
  if (done === undefined || step === undefined) return close(definition, { input, reason }, at);
  const pending = ask(step, { step: done.step, half: 'compensation', payload: undoOf(done), at });
  return {
    state: { status: 'compensating', input, reason, done, pending },
    commands: [commandOf(definition, pending)],
  };
}

function firstUndoable(definition: SagaDefinition, from: Done | undefined): Done | undefined {
  let done = from;
  while (done !== undefined && definition.steps[done.step]?.operation.compensation === undefined)
    done = done.earlier;
  return done;
}

/** An undo is told what is known, so that it can tell `nothing was done` from `what was done is lost` (R5). */
function undoOf({ input, outcome, output }: Done): Undo {
  return outcome === 'succeeded' ? { input, outcome, output } : { input, outcome };
}

/** AFTER the last undo: tell the definition's closing step, if it has one, and only then rest (R28). */
function close(
  definition: SagaDefinition,
  { input, reason }: { readonly input: unknown; readonly reason: RestReason },
  at: number,
): Step {
  const { onCompensated, steps } = definition;
  if (onCompensated === undefined) return compensated(reason);
  const payload = onCompensated.input({ input, reason: reasonFor(reason) });
  const pending = ask(onCompensated, { step: steps.length, half: 'action', payload, at });
  const state: Compensating = { status: 'compensating', input, reason, done: undefined, pending };
  return { state, commands: [commandOf(definition, pending)] };
}

function compensated(reason: RestReason): Step {
  return {
    state: { status: 'compensated', reason },
    commands: [{ type: 'announce', outcome: 'compensated', reason }],
  };
}

/** The reason in the business's words: the refusal's own, else the failure's code, else that nobody answered. */
function reasonFor({ refusal, failure }: RestReason): CompensationReason {
  return refusal ?? { code: failure?.code ?? 'timed-out' };
}

/** The undo in hand, or the closing step, has ended. */
export function settleCompensating(
  definition: SagaDefinition,
  state: Compensating,
  ending: Ending,
  at: number,
): Step {
  return state.done === undefined
    ? settleClosing(definition, state, ending)
    : settleUndo(definition, { state, done: state.done, ending, at });
}

function settleClosing(definition: SagaDefinition, state: Compensating, ending: Ending): Step {
  if (ending.outcome === 'succeeded') return compensated(state.reason);
  return park(state, reasonOf(definition, state.pending, ending));
}

function settleUndo(
  definition: SagaDefinition,
  given: { readonly state: Compensating; readonly done: Done; readonly ending: Ending; readonly at: number },
): Step {
  const { state, done, ending, at } = given;
  const branchId = stepOf(definition, state.pending).name;
  switch (ending.outcome) {
    case 'succeeded':
      // R5: the step is known to have worked, so an undo that found nothing has lost it, and that is no success.
      if (ending.empty === true && done.outcome === 'succeeded')
        return park(state, { kind: 'undo-lost', branchId });
      return undo(definition, { input: state.input, reason: state.reason, done: done.earlier }, at);
    case 'refused':
      return park(state, { kind: 'undo-refused', branchId, refusal: ending.refusal });
    case 'failed':
      return park(state, { kind: 'undo-failed', branchId, failure: ending.failure });
    case 'silent':
      return park(state, { kind: 'undo-failed', branchId });
  }
}
