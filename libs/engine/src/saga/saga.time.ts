/**
 * What falls due: attempts, timers, deadlines, and the one for the whole. Time serves one thing an event, the earliest,
 * because each attempt's next instant is drawn by the host under that attempt's own policy (R15).
 * A host whose event is early changes nothing, and one that is late fires nothing twice (S38).
 */
import type { TransactionCommand } from '../command.js';
import type { Transition } from '../machine.js';
import type { SagaDefinition } from './saga.plan.js';
import { movingOf, type Branch, type Moving, type SagaState } from './saga.state.js';
import { canTurn, turnAround } from './saga.turn.js';

type Step = Transition<SagaState, TransactionCommand>;

/** The branch that falls due first; of those at one instant the one begun first. */
export function earliest(active: readonly Branch[]): Branch | undefined {
  let first = active[0];
  for (const branch of active) if (first !== undefined && branch.due < first.due) first = branch;
  return first;
}

/** The next instant at which time alone is an event; none while a person holds the saga, nor at rest. */
export function dueAtOf(state: SagaState): number | undefined {
  const moving = state.status === 'parked' ? undefined : movingOf(state);
  if (moving === undefined || moving.isPaused) return undefined;
  const due = Math.min(earliest(moving.active)?.due ?? Infinity, moving.deadline);
  return due === Infinity ? undefined : due;
}

/** The branch that time is an event for at `at`, unless the whole's own deadline comes first. */
export function dueBranch({ active, deadline, isPaused }: Moving, at: number): Branch | undefined {
  const branch = isPaused ? undefined : earliest(active);
  return branch !== undefined && branch.due <= at && branch.due < deadline ? branch : undefined;
}

/** Whether the whole's deadline has passed and nothing fell due before it. */
export function isOverdue({ deadline, isPaused }: Moving, at: number): boolean {
  return !isPaused && deadline <= at;
}

/** The whole's deadline: everything is undone; where nothing can be undone any more, a person is alarmed, once (S28). */
export function passDeadline(definition: SagaDefinition, state: Moving, at: number): Step {
  const late = { ...state, deadline: Infinity };
  if (late.status === 'executing' && canTurn(definition, late))
    return turnAround(definition, late, { kind: 'timed-out' }, at);
  return { state: late, commands: [{ type: 'alarm', code: 'deadline-passed' }] };
}
