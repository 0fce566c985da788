/**
 * A saga's definition and its machine as one `Protocol`: all that the coordinator knows of sagas.
 * It only translates; every decision is the machine's.
 */
import assert from 'node:assert/strict';
import type { RunLocalCommand } from '../command.js';
import type { TransactionEvent } from '../event.js';
import type { Standing } from '../standing.js';
import type { Protocol } from '../transaction.js';
import { attemptOf, meaningOf, policyOf, type MovingEvent } from './saga.attempt.js';
import { shapeOf } from './saga.compare.js';
import { classifyLate } from './saga.late.js';
import { lint } from './saga.lint.js';
import { claimsOf, hasLocks } from './saga.lock.js';
import { addresseeOf, sagaMachine } from './saga.machine.js';
import type { AnyContext, SagaDefinition } from './saga.plan.js';
import { judgeCancel } from './saga.people.js';
import { awaitsPerson, awaitsSignal, judgeSignal } from './saga.signal.js';
import { isIdle, isMoving, type Branch, type Moving, type SagaState } from './saga.state.js';
import { dueBranch } from './saga.time.js';
import { timelineOf } from './saga.timeline.js';
import { isAwaited } from './saga.turn.js';
import type { Operation, Undo } from '../operation.js';

/** The protocol of one definition. It keeps nothing between calls: one serves every transaction of that definition.
 *  `begin`, `transition`, `runLocal` and `timeline` throw only what the definition's own functions throw. */
export function sagaProtocol(definition: SagaDefinition): Protocol<SagaState> {
  return {
    kind: 'saga',
    name: definition.name,
    version: definition.version,
    participants: participantsOf(definition),
    called: calledBy(definition),
    begin: (start) => sagaMachine.begin(definition, start),
    transition: (state, event) => sagaMachine.transition(definition, state, event),
    outstanding: (state) => sagaMachine.outstanding(definition, state),
    dueAt: (state) => sagaMachine.dueAt(definition, state),
    standing: standingOf,
    retryOf: (state, event) => retryOf(definition, state, event),
    ...(hasLocks(definition) && { claims: (state: SagaState) => claimsOf(definition, state) }),
    judgeSignal: (state, signal) => judgeSignal(definition, state, signal),
    judgeCancel: (state) => judgeCancel(definition, state),
    awaitsSignal,
    awaitsPerson,
    lint: (known) => lint(definition, known),
    shape: shapeOf(definition),
    classifyLate: (state, event) => classifyLate(definition, state, event),
    runLocal: (command) => runLocal(definition, command),
    timeline: (start, events) => timelineOf(definition, start, events),
  };
}

/** Those whose commands need a topic: not the orchestrator itself, and not who is called over HTTP. */
function participantsOf(definition: SagaDefinition): readonly string[] {
  const sent = operationsOf(definition).filter(({ transport }) => transport !== 'http');
  return [...new Set(sent.map(({ participant }) => participant))];
}

function calledBy(definition: SagaDefinition): readonly Operation[] {
  return operationsOf(definition).filter(({ transport }) => transport === 'http');
}

/** What participants are asked for. */
function operationsOf({ steps, onCompensated }: SagaDefinition): readonly Operation[] {
  const told = onCompensated === undefined ? steps : [...steps, onCompensated];
  return told.filter(({ via }) => via.type === 'participant').map(({ operation }) => operation);
}

function retryOf(
  definition: SagaDefinition,
  state: SagaState,
  event: TransactionEvent,
): ReturnType<Protocol['retryOf']> {
  if (!isMoving(state) || !Number.isFinite(event.at)) return undefined;
  if (event.type !== 'replied' && event.type !== 'time-passed') return undefined;
  const branch = subjectOf(state, event);
  if (branch === undefined) return undefined;
  const { outcome } = meaningOf(definition, branch, event, isAwaited(definition, state, branch));
  if (outcome !== 'retry-later') return undefined;
  const drawn = { attempt: attemptOf(branch), policy: policyOf(definition, branch) };
  const notBeforeMs = notBeforeOf(event);
  return notBeforeMs === undefined ? drawn : { ...drawn, notBeforeMs };
}

/** No participant may hold a transaction for longer than this by asking for patience: the value might be absurd. */
const retryAfterMaxMs = 300_000;

function notBeforeOf(event: MovingEvent): number | undefined {
  if (event.type !== 'replied' || event.reply.outcome !== 'failed') return undefined;
  const { retryAfterMs = 0 } = event.reply.failure;
  return retryAfterMs > 0 ? Math.min(retryAfterMs, retryAfterMaxMs) : undefined;
}

/** The branch an event is about, if it asks for something; a wait is never tried again. */
function subjectOf(state: Moving, event: MovingEvent): Branch | undefined {
  const branch = event.type === 'time-passed' ? dueBranch(state, event.at) : addresseeOf(state, event);
  return branch !== undefined && isIdle(branch) ? undefined : branch;
}

/** Runs one half of a local step. What it answers is the reply's output, unless it answers a refusal. */
function runLocal(definition: SagaDefinition, { step: name, operation, payload }: RunLocalCommand): unknown {
  const via = definition.steps.find((step) => step.name === name)?.via;
  assert(via?.type === 'local', `${definition.name} has no local step "${name}"`);
  return operation === 'action' ? via.run(contextOf(payload)) : via.undo?.(undoOf(payload));
}

// Both payloads are the machine's own: what it put into the command comes back with it.
function contextOf(payload: unknown): AnyContext {
  return payload as AnyContext;
}

function undoOf(payload: unknown): Undo<AnyContext, unknown> {
  return payload as Undo<AnyContext, unknown>;
}

function standingOf(state: SagaState): Standing {
  const { status } = state;
  switch (status) {
    case 'executing':
      return { status, phase: 'moving' };
    case 'compensating':
      return { status, phase: 'moving', reason: state.reason };
    case 'parked':
      return { status, phase: 'parked', reason: state.reason };
    case 'completed':
      return { status, phase: state.journey.parent === undefined ? 'final' : 'held' };
    case 'compensated':
    case 'terminated':
      return { status, phase: 'final', reason: state.reason };
  }
}
