/**
 * The story of a transaction that works in rounds, for people: every half that was asked for, in the order of asking,
 * with how it ended. Told by replaying the stored events, so it can never differ from what the machine did.
 */
import type { Machine } from '../machine.js';
import type { ProtocolCommand, Start, StepView, TransactionEvent } from '../transaction.js';
import { isOpen, type Lane } from './round.lane.js';
import type { Round } from './round.js';

type Lines = Map<string, StepView>;

interface Told<Definition, State> {
  readonly machine: Machine<Definition, Start, State, TransactionEvent, ProtocolCommand>;
  readonly definition: Definition;
  /** The round in hand, also of a parked transaction; empty when there is none. */
  readonly roundOf: (state: State) => Round;
}

/** One line for each half asked for. `attempts` counts the attempts of all generations, polls excepted; `at` is the
 *  instant of the line's last change. What was still open when its round was given up is `unknown`. */
export function timelineOf<Definition, State>(
  { machine, definition, roundOf }: Told<Definition, State>,
  start: Start,
  events: readonly TransactionEvent[],
): readonly StepView[] {
  const lines: Lines = new Map();
  let { state } = machine.begin(definition, start);
  note(lines, { before: [], after: roundOf(state), at: start.at });
  for (const event of events) {
    const next = machine.transition(definition, state, event);
    note(lines, { before: roundOf(state), after: roundOf(next.state), at: event.at, event });
    ({ state } = next);
  }
  return [...lines.values()];
}

interface Change {
  readonly before: Round;
  readonly after: Round;
  readonly at: number;
  readonly event?: TransactionEvent;
}

function note(lines: Lines, { before, after, at, event }: Change): void {
  const known = new Map(before.map((lane) => [keyOf(lane), lane]));
  const now = new Set(after.map(keyOf));
  for (const lane of before) if (isOpen(lane) && !now.has(keyOf(lane))) noteGivenUp(lines, lane, at, event);
  for (const lane of after) noteLane(lines, { lane, earlier: known.get(keyOf(lane)), at });
}

/** The round moved on: the lane that the event was about ended by it; of the others nothing is known. */
function noteGivenUp(lines: Lines, lane: Lane, at: number, event: TransactionEvent | undefined): void {
  const line = lines.get(keyOf(lane));
  if (line === undefined) return;
  const answered = event?.type === 'replied' && event.branchId === lane.branch.name;
  const outcome = answered && event.reply.outcome !== 'in-progress' ? outcomeOf(event.reply) : 'unknown';
  lines.set(keyOf(lane), { ...line, outcome, at });
}

function noteLane(
  lines: Lines,
  { lane, earlier, at }: { readonly lane: Lane; readonly earlier: Lane | undefined; readonly at: number },
): void {
  const wasNeverSent = lane.waitingFor === 'poll' && earlier === undefined;
  if (lane === earlier || wasNeverSent) return;
  const line = lines.get(keyOf(lane));
  const again = earlier?.attempt === lane.attempt && earlier.generation === lane.generation;
  const attempts = line === undefined ? 1 : line.attempts + (again ? 0 : 1);
  const { branch, half: operation } = lane;
  const outcome = isOpen(lane) ? 'pending' : outcomeOf(lane.ending);
  lines.set(keyOf(lane), { name: branch.name, operation, outcome, attempts, at });
}

function outcomeOf(ending: { readonly outcome: string; readonly empty?: true }): StepView['outcome'] {
  switch (ending.outcome) {
    case 'succeeded':
      return ending.empty === true ? 'empty' : 'succeeded';
    case 'refused':
    case 'failed':
      return ending.outcome;
    default:
      return 'unknown';
  }
}

function keyOf({ half, branch }: Lane): string {
  return `${half} ${branch.name}`;
}
