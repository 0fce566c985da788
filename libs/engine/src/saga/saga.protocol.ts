/**
 * A saga's definition and its machine as one `Protocol`: all that the coordinator knows of sagas.
 * It only translates; every decision is the machine's.
 */
import type { Protocol, Standing } from '../transaction.js';
import { meaningOf, policyOf } from './saga.attempt.js';
import type { SagaDefinition } from './saga.definition.js';
import { sagaMachine } from './saga.machine.js';
import { isMoving, type SagaState } from './saga.state.js';
import { timelineOf } from './saga.timeline.js';

/** The protocol of one definition. It keeps nothing between calls: one serves every transaction of that definition.
 *  `begin`, `transition` and `timeline` throw only what the definition's own functions throw. */
export function sagaProtocol(definition: SagaDefinition): Protocol<SagaState> {
  return {
    name: definition.name,
    version: definition.version,
    participants: participantsOf(definition),
    begin: (start) => sagaMachine.begin(definition, start),
    transition: (state, event) => sagaMachine.transition(definition, state, event),
    outstanding: (state) => sagaMachine.outstanding(definition, state),
    dueAt: (state) => sagaMachine.dueAt(definition, state),
    standing: standingOf,
    retryOf(state, event) {
      if (!isMoving(state) || (event.type !== 'replied' && event.type !== 'time-passed')) return undefined;
      if (meaningOf(definition, state.pending, event).outcome !== 'retry-later') return undefined;
      return { attempt: state.pending.attempt, policy: policyOf(definition, state.pending) };
    },
    timeline: (start, events) => timelineOf(definition, start, events),
  };
}

function participantsOf({ steps, onCompensated }: SagaDefinition): readonly string[] {
  const told = onCompensated === undefined ? steps : [...steps, onCompensated];
  return [...new Set(told.map(({ operation }) => operation.participant))];
}

function standingOf(state: SagaState): Standing {
  switch (state.status) {
    case 'executing':
      return { status: state.status, phase: 'moving' };
    case 'compensating':
      return { status: state.status, phase: 'moving', reason: state.reason };
    case 'parked':
      return { status: state.status, phase: 'parked', reason: state.reason };
    case 'completed':
      return { status: state.status, phase: 'final' };
    case 'compensated':
      return { status: state.status, phase: 'final', reason: state.reason };
  }
}
