/**
 * A branch in hand in words for the host: the same branch always gives the same command, so that one sent again after a
 * crash is the very one that was sent before. It decides nothing.
 */
import assert from 'node:assert/strict';
import type { AskingCommand, ProbeCommand, SendCommand } from '../command.js';
import { stepOf } from './saga.attempt.js';
import type { SagaDefinition, SettledStep } from './saga.plan.js';
import { movingOf, type Branch, type SagaState } from './saga.state.js';

/** What is asked for `branch`, which waits for a reply or a probe's. */
export function commandOf(definition: SagaDefinition, branch: Branch): AskingCommand {
  const step = stepOf(definition, branch);
  if (branch.waitingFor === 'probe') return probeOf(step, branch);
  const { via } = step;
  if (via.type === 'participant') return sendOf(definition, step, branch);
  const { id: branchId, half, generation, attempt, payload } = branch;
  const asking = { branchId, operation: half, generation, attempt, payload };
  switch (via.type) {
    case 'local':
      return { type: 'run-local', step: step.name, timeoutMs: step.timeoutMs, ...asking };
    case 'atomic':
    case 'child': {
      const { name, version } = via.definition;
      const type = half === 'action' ? 'start-child' : 'undo-child';
      return { type, definition: name, version, ...asking };
    }
  }
}

function sendOf(definition: SagaDefinition, { name, operation }: SettledStep, branch: Branch): SendCommand {
  const messageType = branch.half === 'action' ? operation.action : operation.compensation;
  assert(messageType !== undefined, `${definition.name}/${name} has no undo`);
  const command: SendCommand = {
    type: 'send',
    participant: operation.participant,
    messageType,
    branchId: branch.id,
    operation: branch.half,
    generation: branch.generation,
    attempt: branch.attempt,
    payload: branch.payload,
  };
  return operation.transport === 'http' ? { ...command, transport: 'http' } : command;
}

function probeOf({ operation }: SettledStep, branch: Branch): ProbeCommand {
  const { id: branchId, generation, probes: attempt, payload } = branch;
  const { participant, action: messageType, transport } = operation;
  const command = {
    type: 'probe',
    participant,
    messageType,
    branchId,
    generation,
    attempt,
    payload,
  } as const;
  return transport === 'http' ? { ...command, transport } : command;
}

/** Whether the branch's command is out and unanswered. */
export function isAsked({ waitingFor }: Branch): boolean {
  return waitingFor === 'reply' || waitingFor === 'probe';
}

/** Everything that is out and unanswered, in the order of asking; nothing while a person holds it, for nothing is sent
 *  then (S96). A child that said that it works has not answered yet: nothing is asked of it while all goes well, but a
 *  crash may have lost its answer, and its row gives it again (R16). */
export function outstandingOf(definition: SagaDefinition, state: SagaState): readonly AskingCommand[] {
  if (state.status === 'parked') return [];
  const moving = movingOf(state);
  if (moving === undefined || moving.isPaused) return [];
  return moving.active
    .filter((branch) => isAsked(branch) || branch.waitingFor === 'child')
    .map((branch) => commandOf(definition, branch));
}
