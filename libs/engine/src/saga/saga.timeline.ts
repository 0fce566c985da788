/**
 * A transaction's story for people: every half that was asked for, in the order of asking, with how it ended.
 * Told by replaying the stored events, so it can never differ from what the machine did; it decides nothing.
 */
import type { TransactionCommand } from '../command.js';
import { spokenAt, type TransactionEvent } from '../event.js';
import type { Start, StepView } from '../transaction.js';
import { sagaMachine } from './saga.machine.js';
import type { SagaDefinition } from './saga.plan.js';
import { isIdle, movingOf, type Branch, type SagaState } from './saga.state.js';

type Lines = Map<string, StepView>;

/** One line for each half asked for, and for each wait. `attempts` counts the attempts of all generations, polls
 *  excepted; `at` is the instant of the line's last change. A half that is still being tried, or waits for a person
 *  after a bug, is `pending`. */
export function timelineOf(
  definition: SagaDefinition,
  start: Start,
  events: readonly TransactionEvent[],
): readonly StepView[] {
  const lines: Lines = new Map();
  const begun = sagaMachine.begin(definition, start);
  let { state } = begun;
  noteNews(lines, { before: [], after: activeOf(state), commands: begun.commands, at: start.at });
  for (const event of events) {
    const next = sagaMachine.transition(definition, state, event);
    if (next.state === state) continue;
    const [before, after] = [activeOf(state), activeOf(next.state)];
    for (const branch of before) noteChange(lines, { branch, after: next.state, event });
    noteNews(lines, { before, after, commands: next.commands, at: event.at });
    ({ state } = next);
  }
  return [...lines.values()];
}

function activeOf(state: SagaState): readonly Branch[] {
  return movingOf(state)?.active ?? [];
}

function keyOf({ half, id }: Branch): string {
  return `${half} ${id}`;
}

interface News {
  readonly before: readonly Branch[];
  readonly after: readonly Branch[];
  readonly commands: readonly TransactionCommand[];
  readonly at: number;
}

/** What is asked for, and what begins to be waited for. */
function noteNews(lines: Lines, { before, after, commands, at }: News): void {
  for (const command of commands) {
    if (!('operation' in command) || command.type === 'answer-parent') continue;
    const { branchId: name, operation, attempt, generation } = command;
    const key = `${operation} ${name}`;
    const line = lines.get(key);
    const known = before.find((branch) => keyOf(branch) === key);
    const isPoll = line !== undefined && known?.attempt === attempt && known.generation === generation;
    const attempts = (line?.attempts ?? 0) + (isPoll ? 0 : 1);
    lines.set(key, { name, operation, outcome: 'pending', attempts, at });
  }
  for (const branch of after) {
    const { id: name, half: operation } = branch;
    if (isIdle(branch) && !lines.has(keyOf(branch)))
      lines.set(keyOf(branch), { name, operation, outcome: 'pending', attempts: 1, at });
  }
}

interface Change {
  readonly branch: Branch;
  readonly after: SagaState;
  readonly event: TransactionEvent;
}

/** The line of a branch that was in hand BEFORE the event: settled if the event took it out of hand. */
function noteChange(lines: Lines, { branch, after, event }: Change): void {
  const line = lines.get(keyOf(branch));
  if (line === undefined) return;
  const now = activeOf(after).find((other) => keyOf(other) === keyOf(branch));
  const isStuck = after.status === 'parked' && (after.stuck === now || after.stuck === undefined);
  if (now === branch && !isStuck) return;
  const settled = now === undefined || (isStuck && now !== undefined);
  lines.set(keyOf(branch), {
    ...line,
    outcome: settled ? outcomeOf(branch, event) : line.outcome,
    at: event.at,
  });
}

/** How a branch ended by an event that was about it; what ended by another's was given up. */
function outcomeOf(branch: Branch, event: TransactionEvent): StepView['outcome'] {
  switch (event.type) {
    case 'bug-found':
    case 'definition-missing':
      return 'pending';
    case 'time-passed':
      return branch.waitingFor === 'instant' ? 'succeeded' : 'unknown';
    case 'signal-received':
      return branch.id === event.name && spokenAt(event) < branch.due ? 'succeeded' : 'unknown';
    case 'lock-answered':
      if (branch.id !== event.branchId) return 'unknown';
      return event.answer.outcome === 'granted' ? 'succeeded' : 'refused';
    case 'operator-set-result':
      return isAbout(branch, event) ? 'succeeded' : 'unknown';
    case 'replied': {
      const { reply } = event;
      if (!isAbout(branch, event)) return 'unknown';
      if (reply.outcome === 'in-progress') return 'pending';
      return reply.outcome === 'succeeded' && reply.empty === true ? 'empty' : reply.outcome;
    }
    case 'probed':
      if (event.branchId !== branch.id) return 'unknown';
      return event.finding.outcome === 'succeeded' ? 'succeeded' : 'refused';
    case 'operator-skipped':
    case 'cancel-requested':
    case 'terminate-requested':
    case 'operator-paused':
    case 'operator-resumed':
    case 'parent-asked':
    case 'decided':
    case 'decision-asked':
    case 'outcome-reported':
      return 'unknown';
  }
}

function isAbout(
  { id, half }: Branch,
  event: { readonly branchId: string; readonly operation: string },
): boolean {
  return id === event.branchId && half === event.operation;
}
