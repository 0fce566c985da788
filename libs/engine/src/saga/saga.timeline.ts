/**
 * A transaction's story for people: every half that was asked for, in the order of asking, with how it ended.
 * Told by replaying the stored events, so it can never differ from what the machine did; it decides nothing.
 */
import type { Start, StepView, TransactionCommand, TransactionEvent } from '../transaction.js';
import type { SagaDefinition } from './saga.definition.js';
import { sagaMachine } from './saga.machine.js';
import { isMoving, type Pending, type SagaState } from './saga.state.js';

type Lines = Map<string, StepView>;

/** One line for each half asked for. `attempts` counts the attempts of all generations, polls excepted; `at` is the
 *  instant of the line's last change. A half that is still being tried, or waits for a person after a bug, is `pending`. */
export function timelineOf(
  definition: SagaDefinition,
  start: Start,
  events: readonly TransactionEvent[],
): readonly StepView[] {
  const lines: Lines = new Map();
  const begun = sagaMachine.begin(definition, start);
  let { state } = begun;
  noteSends(lines, begun.commands, { at: start.at, before: undefined });
  for (const event of events) {
    const after = sagaMachine.transition(definition, state, event);
    if (after.state === state) continue;
    noteChange(definition, lines, { before: state, after: after.state, event });
    noteSends(lines, after.commands, { at: event.at, before: pendingOf(state) });
    ({ state } = after);
  }
  return [...lines.values()];
}

function pendingOf(state: SagaState): Pending | undefined {
  if (isMoving(state)) return state.pending;
  return state.status === 'parked' ? state.suspended.pending : undefined;
}

function noteSends(
  lines: Lines,
  commands: readonly TransactionCommand[],
  { at, before }: { readonly at: number; readonly before: Pending | undefined },
): void {
  for (const command of commands) {
    if (command.type !== 'send') continue;
    const { branchId: name, operation, attempt, generation } = command;
    const key = `${operation} ${name}`;
    const line = lines.get(key);
    const isPoll = line !== undefined && before?.attempt === attempt && before.generation === generation;
    const attempts = (line?.attempts ?? 0) + (isPoll ? 0 : 1);
    lines.set(key, { name, operation, outcome: 'pending', attempts, at });
  }
}

interface Change {
  readonly before: SagaState;
  readonly after: SagaState;
  readonly event: TransactionEvent;
}

/** The line of the command that was in hand BEFORE the event: settled if the event took it out of hand. */
function noteChange(definition: SagaDefinition, lines: Lines, { before, after, event }: Change): void {
  const pending = pendingOf(before);
  if (pending === undefined) return;
  const step = definition.steps[pending.step] ?? definition.onCompensated;
  const key = `${pending.half} ${step?.name}`;
  const line = lines.get(key);
  if (line === undefined) return;
  const settled = !isStillInHand(pending, after);
  lines.set(key, { ...line, outcome: settled ? outcomeOf(event) : line.outcome, at: event.at });
}

function isStillInHand(pending: Pending, after: SagaState): boolean {
  return isMoving(after) && after.pending.step === pending.step && after.pending.half === pending.half;
}

function outcomeOf(event: TransactionEvent): StepView['outcome'] {
  if (event.type === 'time-passed') return 'unknown';
  if (event.type !== 'replied' || event.reply.outcome === 'in-progress') return 'pending';
  const { reply } = event;
  return reply.outcome === 'succeeded' && reply.empty === true ? 'empty' : reply.outcome;
}
