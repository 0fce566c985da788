/**
 * Two-phase commit as a pure machine, presumed abort: everybody votes at once; when all say yes the host is asked for
 * the decision, an event of its own that is journaled BEFORE any commit is sent (I20); whatever else happens, all is
 * rolled back. Once decided, nothing but the telling is left, and it is repeated until everybody has acknowledged (R20).
 */
import type { Machine, Transition } from '../machine.js';
import {
  advance,
  bugReason,
  dueOf,
  isOver,
  outstandingOf,
  reasonOf,
  reopen,
  type Progress,
} from '../round/round.js';
import { ask, commandOf, type EndedLane } from '../round/round.lane.js';
import type { ProtocolCommand, Start, TransactionEvent } from '../transaction.js';
import type { TwoPhaseCommitDefinition } from './two-phase-commit.definition.js';
import { answerTo, report } from './two-phase-commit.doubt.js';
import {
  abort,
  commit,
  committed,
  park,
  settleAborting,
  settleCommitting,
  unchanged,
} from './two-phase-commit.settlement.js';
import { isMoving, type Moving, type Preparing, type TwoPhaseCommitState } from './two-phase-commit.state.js';

type Step = Transition<TwoPhaseCommitState, ProtocolCommand>;

const none: readonly ProtocolCommand[] = Object.freeze([]);

/** The machine of every two-phase commit. Total: no event throws in any state, unless a function of the definition does;
 *  then nothing has happened, and the host tells `bug-found` instead of that event (R2). */
export const twoPhaseCommitMachine: Machine<
  TwoPhaseCommitDefinition,
  Start,
  TwoPhaseCommitState,
  TransactionEvent,
  ProtocolCommand
> = {
  begin,
  transition,
  outstanding: (_definition, state) => (isMoving(state) ? outstandingOf(state.round) : none),
  // One that waits for a decision nobody took is due at once: its host was lost, and it is aborted (S67).
  dueAt: (_definition, state) =>
    isMoving(state)
      ? ((state.status === 'preparing' ? state.votedAt : undefined) ?? dueOf(state.round))
      : undefined,
};

function begin({ branches }: TwoPhaseCommitDefinition, { input, at }: Start): Step {
  const [only] = branches;
  if (branches.length === 1 && only !== undefined && only.operation.confirm === undefined) {
    // Alone it needs nobody's consent: one phase, one commit of its own, repeated until it answers.
    const lane = ask(
      { branch: only, half: 'action', payload: only.input(input), policy: only.settleRetry },
      at,
    );
    const state = { status: 'committing', input, alone: true, heuristics: [], round: [lane] } as const;
    return { state, commands: [commandOf(lane)] };
  }
  const round = branches.map((branch) => {
    const payload = branch.input(input);
    return ask({ branch, half: 'prepare', payload, policy: branch.retry }, at);
  });
  return { state: { status: 'preparing', input, round }, commands: round.map(commandOf) };
}

function transition(
  definition: TwoPhaseCommitDefinition,
  state: TwoPhaseCommitState,
  event: TransactionEvent,
): Step {
  if (!Number.isFinite(event.at) && event.type !== 'bug-found') return unchanged(state);
  switch (event.type) {
    case 'replied':
    case 'time-passed':
      return isMoving(state) ? advanceBy(definition, state, event) : unchanged(state);
    case 'decided':
      return state.status === 'preparing' ? decide(definition, state, event) : unchanged(state);
    case 'decision-asked':
      return answerTo(definition, state, event.branchId);
    case 'outcome-reported':
      return report(definition, state, event);
    case 'operator-resumed':
      return state.status === 'parked' ? resume(definition, state.suspended, event.at) : unchanged(state);
    case 'bug-found':
      // Already parked, the first reason is the one a person must see.
      return isMoving(state) ? park(state, bugReason(event.message)) : unchanged(state);
    case 'definition-missing':
      return isMoving(state) ? park(state, { kind: 'no-handler' }) : unchanged(state);
    default:
      // Events of other protocols mean nothing to this one.
      return unchanged(state);
  }
}

function advanceBy(
  definition: TwoPhaseCommitDefinition,
  state: Moving,
  event: TransactionEvent & { readonly type: 'replied' | 'time-passed' },
): Step {
  if (state.status === 'preparing' && state.votedAt !== undefined) {
    const isOverdue = event.type === 'time-passed' && event.at >= state.votedAt;
    return isOverdue ? presumeAbort(definition, state, event.at) : unchanged(state);
  }
  const progress = advance(state.round, event);
  return progress === undefined ? unchanged(state) : follow(definition, state, progress, event.at);
}

function follow(definition: TwoPhaseCommitDefinition, state: Moving, progress: Progress, at: number): Step {
  const { round, ended, commands } = progress;
  if (ended === undefined) return { state: { ...state, round }, commands };
  switch (state.status) {
    case 'preparing':
      return count(definition, { ...state, round }, ended, at);
    case 'committing':
      return settleCommitting(definition, { ...state, round }, at);
    case 'aborting':
      return settleAborting(definition, { ...state, round }, at);
  }
}

/** A vote was cast, or will not be. One that is not yes decides: an abort needs no word of its own to be durable. */
export function count(
  definition: TwoPhaseCommitDefinition,
  state: Preparing,
  vote: EndedLane,
  at: number,
): Step {
  const { input, round } = state;
  if (vote.ending.outcome !== 'succeeded')
    return abort(definition, { input, round, reason: reasonOf(vote) }, at);
  if (!isOver(round)) return { state, commands: none };
  // Nobody has written anything: nobody waits for a word, and there is nothing to decide.
  if (round.every(({ ending }) => ending.outcome === 'succeeded' && ending.readOnly === true))
    return committed({ round, heuristics: [] });
  return { state: { ...state, votedAt: at }, commands: [{ type: 'decide', decision: 'commit' }] };
}

/** The word. To commit is possible only where everybody has voted yes and nobody was in doubt of the host. */
function decide(
  definition: TwoPhaseCommitDefinition,
  state: Preparing,
  { decision, at }: TransactionEvent & { readonly type: 'decided' },
): Step {
  const { votedAt, round, input } = state;
  if (decision === 'abort') return presumeAbort(definition, state, at);
  return votedAt !== undefined && isOver(round) ? commit({ input, round }, at) : unchanged(state);
}

function presumeAbort(definition: TwoPhaseCommitDefinition, { input, round }: Preparing, at: number): Step {
  return abort(definition, { input, round, reason: { kind: 'undecided' } }, at);
}

/** A bug interrupted it, or a branch could not be settled; what was in hand is sent again. One that only waited for the
 *  decision has nothing in hand, and is aborted when its time has passed, which it has. */
function resume(definition: TwoPhaseCommitDefinition, suspended: Moving, at: number): Step {
  if (suspended.status === 'preparing' && suspended.votedAt !== undefined)
    return presumeAbort(definition, suspended, at);
  const { round, commands } = reopen(suspended.round, at);
  return { state: { ...suspended, round }, commands };
}
