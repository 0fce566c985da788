/**
 * A two-phase commit's definition and its machine as one `Protocol`: all that the coordinator knows of it.
 * It only translates; every decision is the machine's.
 */
import { participantsOf } from '../round/round.branch.js';
import { retryIn } from '../round/round.js';
import { answeringParent, type AwaitedRound } from '../round/round.parent.js';
import { timelineOf } from '../round/round.timeline.js';
import type { Protocol, Standing } from '../transaction.js';
import type { TwoPhaseCommitDefinition } from './two-phase-commit.definition.js';
import { twoPhaseCommitMachine } from './two-phase-commit.machine.js';
import { flagged } from './two-phase-commit.settlement.js';
import { isMoving, roundOf, type TwoPhaseCommitState } from './two-phase-commit.state.js';

/** The protocol of one definition. It keeps nothing between calls: one serves every transaction of that definition.
 *  `begin`, `transition` and `timeline` throw only what the definition's own functions throw. Its host must answer
 *  `decide` with `decided` in the same journal write; one that does not sees every transaction aborted, never harmed. */
export function twoPhaseCommitProtocol(
  definition: TwoPhaseCommitDefinition,
): Protocol<TwoPhaseCommitState | AwaitedRound<TwoPhaseCommitState>> {
  const { name, version, branches, onAborted } = definition;
  const machine = twoPhaseCommitMachine;
  const protocol: Protocol<TwoPhaseCommitState> = {
    kind: 'two-phase-commit',
    name,
    version,
    participants: participantsOf(onAborted === undefined ? branches : [...branches, onAborted]),
    begin: (start) => machine.begin(definition, start),
    transition: (state, event) => machine.transition(definition, state, event),
    outstanding: (state) => machine.outstanding(definition, state),
    dueAt: (state) => machine.dueAt(definition, state),
    standing: standingOf,
    retryOf: (state, event) => (isMoving(state) ? retryIn(state.round, event) : undefined),
    timeline: (start, events) => timelineOf({ machine, definition, roundOf }, start, events),
  };
  return answeringParent(protocol, 'committed');
}

function standingOf(state: TwoPhaseCommitState): Standing {
  switch (state.status) {
    case 'preparing':
    case 'committing':
      return { status: state.status, phase: 'moving' };
    case 'aborting':
      return { status: state.status, phase: 'moving', reason: state.reason };
    case 'parked':
      return { status: state.status, phase: 'parked', reason: state.reason };
    case 'committed':
      return { status: state.status, phase: 'final', ...flagOf(state) };
    case 'aborted':
      return { status: state.status, phase: 'final', reason: flagged(state) };
  }
}

/** What was settled against the decision stays visible, though it was repaired (S71). */
function flagOf({ heuristics }: { readonly heuristics: readonly string[] }): Pick<Standing, 'reason'> {
  const [branchId] = heuristics;
  return branchId === undefined ? {} : { reason: { kind: 'heuristic', branchId } };
}
