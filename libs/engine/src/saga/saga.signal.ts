/**
 * Signals: what somebody outside says to a saga that waits for it, or will wait for it (S34, S39 to S41).
 * The first of a name is the only one that counts. Whether it came in time is decided by the instants recorded, never by
 * the order in which they are handled.
 */
import type { TransactionCommand } from '../command.js';
import { spokenAt, type SignalReceived } from '../event.js';
import type { Transition } from '../machine.js';
import type { RestReason } from '../standing.js';
import type { SignalVerdict } from '../transaction.js';
import { goOn, isNo } from './saga.forward.js';
import type { SagaDefinition, SagaNode } from './saga.plan.js';
import { entryOf } from './saga.results.js';
import { isMoving, movingOf, withInstead, without } from './saga.state.js';
import type { Branch, Executing, SagaState, Signal } from './saga.state.js';
import { turnAround } from './saga.turn.js';

type Step = Transition<SagaState, TransactionCommand>;
type SignalNode = SagaNode & { readonly kind: 'signal' };

function nodeOf({ nodes }: SagaDefinition, name: string): SignalNode | undefined {
  const node = nodes.find((other) => other.name === name);
  return node?.kind === 'signal' ? node : undefined;
}

/** What a signal would do, for whoever must answer the sender BEFORE or AFTER it is told to the machine. */
export function judgeSignal(
  definition: SagaDefinition,
  state: SagaState,
  signal: Pick<SignalReceived, 'name' | 'id' | 'at' | 'recordedAt'>,
): SignalVerdict {
  const { name, id } = signal;
  const node = nodeOf(definition, name);
  const moving = movingOf(state);
  if (node === undefined) return 'unknown';
  const earlier = moving?.signals.find((other) => other.name === name);
  if (earlier !== undefined) return earlier.id === id ? 'repeated' : 'too-late';
  if (moving?.status !== 'executing') return 'too-late';
  const branch = moving.active.find((other) => other.node === node.index);
  if (branch !== undefined) return spokenAt(signal) >= branch.due ? 'too-late' : 'delivered';
  return entryOf(moving.done, node.index) === undefined ? 'buffered' : 'too-late';
}

/** Hears a signal; one that changes nothing answers undefined. A pause or a rest keeps it for later. */
export function hearSignal(
  definition: SagaDefinition,
  state: SagaState,
  event: SignalReceived,
): Step | undefined {
  const node = nodeOf(definition, event.name);
  const moving = movingOf(state);
  if (node === undefined || moving?.status !== 'executing' || !Number.isFinite(event.at)) return undefined;
  const branch = moving.active.find((other) => other.node === node.index);
  if (branch !== undefined && spokenAt(event) >= branch.due && isMoving(state) && !state.isPaused) {
    // S34: the deadline was reached BEFORE the signal was recorded, whatever is handled first.
    return settleSignal(definition, moving, { branch, at: event.at });
  }
  const verdict = judgeSignal(definition, state, event);
  if (verdict !== 'delivered' && verdict !== 'buffered') return undefined;
  const { name, id, payload } = event;
  const heard: Executing = { ...moving, signals: [...moving.signals, { name, id, payload }] };
  if (state.status === 'parked')
    return { state: { ...state, suspended: keptForLater(heard, branch, event.at) }, commands: [] };
  if (branch === undefined) return { state: heard, commands: [] };
  return settleSignal(definition, heard, { branch, at: event.at });
}

/** At rest nothing goes on; the wait is due at once when somebody lets the saga go on, and then finds the signal. */
function keptForLater(heard: Executing, branch: Branch | undefined, at: number): Executing {
  if (branch === undefined) return heard;
  return { ...heard, active: withInstead(heard.active, branch, { ...branch, due: at }) };
}

/** A wait for a signal ends: by the signal, if one was heard, else by its deadline. */
export function settleSignal(
  definition: SagaDefinition,
  state: Executing,
  { branch, at }: { readonly branch: Branch; readonly at: number },
): Step {
  const node = definition.nodes[branch.node];
  if (node?.kind !== 'signal') throw new TypeError(`${definition.name}/${branch.id} waits for no signal`);
  const { signals } = state;
  const signal = signals.find(({ name }) => name === node.name);
  const reason = whyRefused(node, signal);
  if (reason === undefined)
    return goOn(definition, state, { branch, outcome: 'mark', output: signal?.payload, at });
  return turnAround(definition, { ...state, active: without(state.active, branch) }, reason, at);
}

function whyRefused(node: SignalNode, signal: Signal | undefined): RestReason | undefined {
  const branchId = node.name;
  if (signal !== undefined)
    return isNo(node, signal.payload)
      ? { kind: 'refused', branchId, refusal: { code: 'rejected' } }
      : undefined;
  return node.onDeadline === 'refuse' ? { kind: 'timed-out', branchId } : undefined;
}

/** Whether a person must speak before it can go on: it is held, or waits for a signal. */
export function awaitsPerson(state: SagaState): boolean {
  return (
    isMoving(state) && (state.isPaused || state.active.some(({ waitingFor }) => waitingFor === 'signal'))
  );
}

/** Whether a wait for somebody ends by time. */
export function awaitsSignal(state: SagaState): boolean {
  return (
    isMoving(state) && state.active.some((branch) => branch.waitingFor === 'signal' && branch.due < Infinity)
  );
}
