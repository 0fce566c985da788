/**
 * What a reply means that changes nothing any more: for the ledger of late ones, and for the person who must look at
 * what contradicts (S17, S35, S95). It only reads; a state that was decided upon is never decided upon again.
 */
import type { Replied } from '../event.js';
import type { LateReply } from '../transaction.js';
import { hasUndo } from './saga.compensation.js';
import { stepOfNode, type SagaDefinition } from './saga.plan.js';
import { movingOf, type Done, type SagaState, type Undone } from './saga.state.js';

/** Classifies a reply by `state`. Undefined: the branch is in hand and waits for such a word, or it is a passing word. */
export function classifyLate(
  definition: SagaDefinition,
  state: SagaState,
  event: Replied,
): LateReply | undefined {
  const { branchId, operation, generation, reply } = event;
  if (reply.outcome !== 'succeeded' && reply.outcome !== 'refused') return undefined;
  const active = movingOf(state)?.active ?? [];
  const own = active.find(({ id, half }) => id === branchId && half === operation);
  // An effect is unique per branch whatever the generation, so an older one's word says nothing new.
  if (own !== undefined) return own.generation === generation ? undefined : 'duplicate';
  const succeeded = reply.outcome === 'succeeded';
  return operation === 'action'
    ? classifyAction(definition, state, { branchId, succeeded })
    : classifyUndo(state, { branchId, succeeded });
}

interface Word {
  readonly branchId: string;
  readonly succeeded: boolean;
}

function classifyAction(
  definition: SagaDefinition,
  state: SagaState,
  { branchId, succeeded }: Word,
): LateReply {
  if (isBeingUndone(state, branchId)) return succeeded ? 'covered' : 'duplicate';
  const undone = undoneIn(state, branchId);
  // The undo found nothing, and yet it happened: a participant without a barrier did it afterwards.
  if (undone !== undefined) return succeeded ? (undone.isEmpty ? 'needs-undo' : 'covered') : 'duplicate';
  const done = doneIn(state, branchId);
  if (done !== undefined) return classifyDone(state, done, succeeded);
  if (!succeeded) return 'duplicate';
  return leavesNothing(definition, branchId) ? 'covered' : 'needs-undo';
}

function classifyDone(state: SagaState, { outcome }: Done, succeeded: boolean): LateReply {
  if (outcome !== 'unknown') return succeeded ? 'duplicate' : 'contradicts';
  if (!succeeded) return 'duplicate';
  return movingOf(state)?.status === 'compensating' ? 'covered' : 'contradicts';
}

function classifyUndo(state: SagaState, { branchId, succeeded }: Word): LateReply {
  const isDone = undoneIn(state, branchId) !== undefined;
  return isDone === succeeded ? 'duplicate' : 'contradicts';
}

function isBeingUndone(state: SagaState, branchId: string): boolean {
  const moving = movingOf(state);
  if (moving === undefined) return false;
  const blocked = moving.status === 'compensating' ? moving.blocked.map(({ branch }) => branch) : [];
  return [...moving.active, ...blocked].some(({ id, half }) => id === branchId && half === 'compensation');
}

function undoneIn(state: SagaState, branchId: string): Undone | undefined {
  const moving = movingOf(state);
  const undone = moving?.status === 'compensating' ? moving.undone : undefined;
  let entry = state.status === 'compensated' ? state.undone : undone;
  while (entry !== undefined && entry.id !== branchId) entry = entry.earlier;
  return entry;
}

function doneIn(state: SagaState, branchId: string): Done | undefined {
  let entry = state.status === 'completed' ? state.done : movingOf(state)?.done;
  while (entry !== undefined && entry.id !== branchId) entry = entry.earlier;
  return entry;
}

/** Whether a branch is of a step that has nothing to undo, the closing one included. */
function leavesNothing(definition: SagaDefinition, branchId: string): boolean {
  const name = branchId.split('#')[0];
  const node = definition.nodes.find((other) => other.name === name);
  const step = node && stepOfNode(node);
  if (node === undefined || step === undefined) return true;
  const { index } = node;
  return !hasUndo(definition, { ...bare, node: index });
}

const bare = {
  pass: -1,
  id: '',
  input: undefined,
  outcome: 'unknown',
  output: undefined,
  earlier: undefined,
} as const;
