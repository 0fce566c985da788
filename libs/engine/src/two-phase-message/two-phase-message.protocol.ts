/**
 * A two-phase message's definition and its machine as one `Protocol`: all that the coordinator knows of it.
 * It only translates; every decision is the machine's.
 */
import { participantsOf } from '../round/round.branch.js';
import { retryIn } from '../round/round.js';
import { timelineOf } from '../round/round.timeline.js';
import type { Protocol, Standing } from '../transaction.js';
import type { TwoPhaseMessageDefinition } from './two-phase-message.definition.js';
import {
  isMoving,
  roundOf,
  twoPhaseMessageMachine as machine,
  type TwoPhaseMessageState,
} from './two-phase-message.machine.js';

/** The protocol of one definition. It keeps nothing between calls: one serves every transaction of that definition.
 *  The sender submits by sending the reply of its own branch: `succeeded`, or `refused` for a rollback. */
export function twoPhaseMessageProtocol(
  definition: TwoPhaseMessageDefinition,
): Protocol<TwoPhaseMessageState> {
  const { name, version, sender, deliveries } = definition;
  return {
    kind: 'two-phase-message',
    name,
    version,
    participants: participantsOf([sender, ...deliveries]),
    begin: (start) => machine.begin(definition, start),
    transition: (state, event) => machine.transition(definition, state, event),
    outstanding: (state) => machine.outstanding(definition, state),
    dueAt: (state) => machine.dueAt(definition, state),
    standing: standingOf,
    retryOf: (state, event) => (isMoving(state) ? retryIn(state.round, event) : undefined),
    timeline: (start, events) => timelineOf({ machine, definition, roundOf }, start, events),
  };
}

function standingOf(state: TwoPhaseMessageState): Standing {
  switch (state.status) {
    case 'prepared':
    case 'delivering':
      return { status: state.status, phase: 'moving' };
    case 'parked':
      return { status: state.status, phase: 'parked', reason: state.reason };
    case 'delivered':
      return { status: state.status, phase: 'final' };
    case 'discarded':
      return { status: state.status, phase: 'final', reason: state.reason };
  }
}
