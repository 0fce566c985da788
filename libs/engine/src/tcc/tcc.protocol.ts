/**
 * A TCC definition and its machine as one `Protocol`: all that the coordinator knows of TCC.
 * It only translates; every decision is the machine's.
 */
import { participantsOf } from '../round/round.branch.js';
import { retryIn } from '../round/round.js';
import { answeringParent, type AwaitedRound } from '../round/round.parent.js';
import { timelineOf } from '../round/round.timeline.js';
import type { Protocol, Standing } from '../transaction.js';
import type { TccDefinition } from './tcc.definition.js';
import { tccMachine } from './tcc.machine.js';
import { isMoving, roundOf, type TccState } from './tcc.state.js';

/** The protocol of one definition. It keeps nothing between calls: one serves every transaction of that definition.
 *  `begin`, `transition` and `timeline` throw only what the definition's own functions throw. */
export function tccProtocol(definition: TccDefinition): Protocol<TccState | AwaitedRound<TccState>> {
  const { name, version, branches, onCancelled } = definition;
  const protocol: Protocol<TccState> = {
    kind: 'tcc',
    name,
    version,
    participants: participantsOf(onCancelled === undefined ? branches : [...branches, onCancelled]),
    begin: (start) => tccMachine.begin(definition, start),
    transition: (state, event) => tccMachine.transition(definition, state, event),
    outstanding: (state) => tccMachine.outstanding(definition, state),
    dueAt: (state) => tccMachine.dueAt(definition, state),
    standing: standingOf,
    retryOf: (state, event) => (isMoving(state) ? retryIn(state.round, event) : undefined),
    timeline: (start, events) => timelineOf({ machine: tccMachine, definition, roundOf }, start, events),
  };
  return answeringParent(protocol, 'confirmed');
}

function standingOf(state: TccState): Standing {
  switch (state.status) {
    case 'trying':
    case 'confirming':
      return { status: state.status, phase: 'moving' };
    case 'cancelling':
      return { status: state.status, phase: 'moving', reason: state.reason };
    case 'parked':
      return { status: state.status, phase: 'parked', reason: state.reason };
    case 'confirmed':
      return { status: state.status, phase: 'final' };
    case 'cancelled':
      return { status: state.status, phase: 'final', reason: state.reason };
  }
}
