/**
 * A semantic lock inside a saga: a place at which it stands until the registry says that a key is its own. The machine
 * only names what it holds and asks for; who holds what among all transactions is decided in `locks/`.
 */
import type { TransactionCommand } from '../command.js';
import type { LockAnswered } from '../event.js';
import type { Lock, LockAnswer, LockClaim } from '../locks/lock.js';
import type { Transition } from '../machine.js';
import type { Refusal } from '../operation.js';
import { goOn } from './saga.forward.js';
import type { SagaDefinition, SagaNode } from './saga.plan.js';
import { isMoving, movingOf, without } from './saga.state.js';
import type { Branch, Executing, HeldLock, SagaState } from './saga.state.js';
import { canTurn, turnAround } from './saga.turn.js';

type Step = Transition<SagaState, TransactionCommand>;
type LockNode = SagaNode & { readonly kind: 'lock' };

/** Whether a saga ever asks for a lock. */
export function hasLocks({ nodes }: SagaDefinition): boolean {
  return nodes.some(({ kind }) => kind === 'lock');
}

/** What a state holds or asks for; nothing once it has come to its end, and until then all it was ever granted. */
export function claimsOf(definition: SagaDefinition, state: SagaState): readonly LockClaim[] {
  const moving = movingOf(state);
  if (moving === undefined) return [];
  const held = moving.journey.locks ?? [];
  const asked = moving.active.filter(({ waitingFor }) => waitingFor === 'lock').map(askedBy);
  return [
    ...held.map((lock) => claimOf(definition, lock, false)),
    ...asked.map((lock) => claimOf(definition, lock, true)),
  ];
}

function askedBy({ id: branchId, payload }: Branch): HeldLock {
  return { branchId, key: String(payload) };
}

function claimOf(definition: SagaDefinition, { branchId, key }: HeldLock, isAwaited: boolean): LockClaim {
  const { policy, ancestors } = lockNode(definition, branchId);
  const canYield = definition.recovery === 'backward' && !ancestors.has(definition.pivot);
  return { key, branchId, policy, canYield, isAwaited };
}

function lockNode({ name: saga, nodes }: SagaDefinition, name: string): LockNode {
  const node = nodes.find((other) => other.name === name);
  if (node?.kind !== 'lock') throw new TypeError(`${saga}/${name} is no lock`);
  return node;
}

/** Hears what became of a claim; undefined where it is not waited for any more. */
export function hearLock(
  definition: SagaDefinition,
  state: SagaState,
  { branchId, answer, at }: LockAnswered,
): Step | undefined {
  if (!isMoving(state) || state.status !== 'executing') return undefined;
  const branch = state.active.find(({ id, waitingFor }) => id === branchId && waitingFor === 'lock');
  if (branch === undefined) return undefined;
  if (answer.outcome === 'granted') return take(definition, state, { branch, version: answer.version, at });
  if (!canTurn(definition, state)) return undefined;
  const left = { ...state, active: without(state.active, branch) };
  const refusal = refusalOf(askedBy(branch).key, answer);
  return turnAround(definition, left, { kind: 'refused', branchId, refusal }, at);
}

function take(
  definition: SagaDefinition,
  state: Executing,
  { branch, version, at }: { readonly branch: Branch; readonly version: number; readonly at: number },
): Step {
  const held = askedBy(branch);
  const journey = { ...state.journey, locks: [...(state.journey.locks ?? []), held] };
  const output: Lock = { key: held.key, version };
  return goOn(definition, { ...state, journey }, { branch, outcome: 'mark', output, at });
}

function refusalOf(key: string, answer: Exclude<LockAnswer, { readonly outcome: 'granted' }>): Refusal {
  return answer.outcome === 'held'
    ? { code: 'locked', details: { key, by: answer.by } }
    : { code: 'deadlock', details: { key, cycle: answer.cycle } };
}

/** The time to wait for a key is over. */
export function expireLock(
  definition: SagaDefinition,
  state: Executing,
  { branch, at }: { readonly branch: Branch; readonly at: number },
): Step {
  const left = { ...state, active: without(state.active, branch) };
  return turnAround(definition, left, { kind: 'timed-out', branchId: branch.id }, at);
}
