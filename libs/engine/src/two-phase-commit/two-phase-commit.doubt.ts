/**
 * Participants that ask how it ended, and people who settle by hand. A question is answered from the state and changes
 * nothing; a report is believed, counts as an acknowledgement where it agrees, and is flagged where it does not (S71).
 */
import type { Transition } from '../machine.js';
import type { Half } from '../operation.js';
import { isOver, replace } from '../round/round.js';
import { commandOf, end, isOpen, endedWell, type Ending, type Lane } from '../round/round.lane.js';
import type { BranchId, ProtocolCommand, TransactionEvent } from '../transaction.js';
import { decisionOf, presumedAbort } from './two-phase-commit.decision.js';
import type { TwoPhaseCommitDefinition } from './two-phase-commit.definition.js';
import { abort, settleAborting, settleCommitting, unchanged } from './two-phase-commit.settlement.js';
import type { Moving, TwoPhaseCommitState } from './two-phase-commit.state.js';

type Step = Transition<TwoPhaseCommitState, ProtocolCommand>;
type Report = TransactionEvent & { readonly type: 'outcome-reported' };

/** Repeats the decision to the one that asks. While there is none it is told nothing, and asks again. Whoever has no part
 *  in the decision, because it voted no or left with its vote, is told to roll back: what it holds is the work of a repeat
 *  whose vote was not counted, and nobody else would ever let go of it (I19). */
export function answerTo(
  definition: TwoPhaseCommitDefinition,
  state: TwoPhaseCommitState,
  branchId: BranchId,
): Step {
  if (decisionOf(state) === 'not-yet') return unchanged(state);
  const told = laneOf(state, branchId);
  const command = told === undefined ? presumedAbort(definition, branchId) : commandOf(told);
  return command === undefined ? unchanged(state) : { state, commands: [command] };
}

/** The lane in which a branch is, or was, told the decision. */
function laneOf(state: TwoPhaseCommitState, branchId: BranchId): Lane | undefined {
  if (state.status === 'parked') return laneOf(state.suspended, branchId);
  if (state.status === 'preparing' || state.status === 'aborted') return undefined;
  return state.round.find(({ branch, half }) => branch.name === branchId && isSettlement(half));
}

function isSettlement(half: Half): boolean {
  return half === 'commit' || half === 'rollback';
}

export function report(
  definition: TwoPhaseCommitDefinition,
  state: TwoPhaseCommitState,
  event: Report,
): Step {
  if (state.status === 'parked') return reportTo(definition, { state, moving: state.suspended, event });
  return state.status === 'committing' || state.status === 'aborting' || state.status === 'preparing'
    ? reportTo(definition, { state, moving: state, event })
    : unchanged(state);
}

interface Reported {
  /** What stands if the report means nothing. */
  readonly state: TwoPhaseCommitState;
  readonly moving: Moving;
  readonly event: Report;
}

function reportTo(definition: TwoPhaseCommitDefinition, { state, moving, event }: Reported): Step {
  const lane = moving.round.find(({ branch }) => branch.name === event.branchId);
  if (lane === undefined || lane.half === 'action') return unchanged(state);
  if (moving.status === 'preparing') return reportToVoting(definition, { state, moving, event }, lane);
  const agrees = (event.outcome === 'committed') === (moving.status === 'committing');
  // Word of what is settled already, or the repeat of a contradiction that is flagged already.
  if (!isOpen(lane) && (endedWell(lane) || !agrees)) return unchanged(state);
  const ending = agrees ? acknowledged : contradiction(event);
  const round = replace(moving.round, lane, end(lane, ending));
  // One that a bug has parked with commands in hand goes on only when a person says so.
  if (state.status === 'parked' && !isOver(round))
    return { state: { ...state, suspended: { ...moving, round } }, commands: [] };
  return moving.status === 'committing'
    ? settleCommitting(definition, { ...moving, round }, event.at)
    : settleAborting(definition, { ...moving, round }, event.at);
}

/** Before the decision a rollback by hand is a no. A commit by hand is no vote: it is found out when the decision is
 *  told, for then the participant answers. */
function reportToVoting(
  definition: TwoPhaseCommitDefinition,
  { state, moving, event }: Reported,
  lane: Lane,
): Step {
  if (event.outcome === 'committed' || state.status === 'parked') return unchanged(state);
  const { input } = moving;
  const round = replace(moving.round, lane, end(lane, contradiction(event)));
  return abort(
    definition,
    { input, round, reason: { kind: 'heuristic', branchId: event.branchId } },
    event.at,
  );
}

const acknowledged: Ending = { outcome: 'succeeded', output: null };

function contradiction({ outcome }: Report): Ending {
  return { outcome: 'refused', refusal: { code: `${outcome}-by-hand` } };
}
