/**
 * What people decide: to cancel, to give up, to settle a branch in its participant's place. Each acts once; a decision
 * that comes second finds nothing left to decide and changes nothing (S31, S94).
 */
import type { TransactionCommand } from '../command.js';
import type { Decided, Settled } from '../event.js';
import type { Transition } from '../machine.js';
import type { RestReason } from '../standing.js';
import type { CancelVerdict } from '../transaction.js';
import { stepOfNode, type SagaDefinition } from './saga.plan.js';
import { answerParent } from './saga.child.js';
import { goBack, settleCompensating } from './saga.compensation.js';
import { goOn } from './saga.forward.js';
import { askedAgain, commandsOf } from './saga.rest.js';
import { isIdle, isMoving, movingOf, without } from './saga.state.js';
import type { Branch, Done, Executing, Moving, Parked, SagaState } from './saga.state.js';
import { canTurn, isAwaited, turnAround, unknown } from './saga.turn.js';

type Step = Transition<SagaState, TransactionCommand>;

/** What a cancellation would do, for whoever must answer the customer (S109). */
export function judgeCancel(definition: SagaDefinition, state: SagaState): CancelVerdict {
  const moving = movingOf(state);
  if (moving === undefined) return 'ended';
  if (moving.status === 'compensating') return 'already-undoing';
  return canTurn(definition, moving) ? 'cancels' : 'too-late';
}

/** Stops going forward and undoes everything; undefined where that changes nothing (S31, S33). A parked saga whose answers
 *  were not heard gives up everything in hand: it is undone as unknown. */
export function cancel(
  definition: SagaDefinition,
  state: SagaState,
  { at, actor, reason }: Pick<Decided, 'at' | 'actor' | 'reason'>,
): Step | undefined {
  const moving = movingOf(state);
  if (moving?.status !== 'executing' || !canTurn(definition, moving)) return undefined;
  const why: RestReason = { kind: 'cancelled', actor, because: reason };
  return turnAround(definition, isMoving(state) ? moving : givenUp(moving), why, at);
}

function givenUp(state: Executing): Executing {
  const asked = state.active.filter((branch) => !isIdle(branch));
  const done = asked.reduce<Done | undefined>((earlier, branch) => unknown(branch, earlier), state.done);
  return { ...state, done, active: [], isPaused: false };
}

/** Ends without undoing anything, and names what is left as it was (S32). No participant is told. */
export function terminate(
  state: SagaState,
  { actor, reason }: Pick<Decided, 'actor' | 'reason'>,
): Step | undefined {
  const moving = movingOf(state);
  if (moving === undefined) return undefined;
  const { journey } = moving;
  const abandoned = abandonedBy(moving);
  const locks = journey.locks?.map(({ key }) => key);
  const bare: RestReason = { kind: 'terminated', actor, because: reason, abandoned };
  const why: RestReason = locks === undefined ? bare : { ...bare, locks };
  const failure = { code: 'CHILD_TERMINATED', message: 'a person gave the child saga up', retryable: false };
  return {
    state: { status: 'terminated', reason: why, journey },
    commands: [
      { type: 'announce', outcome: 'terminated', reason: why },
      ...answerParent(journey, { outcome: 'failed', failure }),
    ],
  };
}

/** In the order of doing: what is done and not undone, then what may be. */
function abandonedBy(moving: Moving): readonly string[] {
  const ids: string[] = [];
  for (let done = moving.done; done !== undefined; done = done.earlier)
    if (done.outcome !== 'mark') ids.unshift(done.id);
  const blocked = moving.status === 'compensating' ? moving.blocked.map(({ branch }) => branch) : [];
  for (const branch of [...blocked, ...moving.active]) if (!isIdle(branch)) ids.push(branch.id);
  return [...new Set(ids)];
}

/** Settles a branch by a person's word; undefined where it is not in hand, or not what a parked saga waits for. */
export function settleByHand(definition: SagaDefinition, state: SagaState, event: Settled): Step | undefined {
  const moving = movingOf(state);
  if (moving === undefined) return undefined;
  const isMeant = ({ id, half }: Branch) => id === event.branchId && half === event.operation;
  if (moving.status === 'compensating') {
    const blocked = moving.blocked.find(({ branch }) => isMeant(branch));
    if (blocked !== undefined)
      return unblock(
        definition,
        { ...moving, blocked: moving.blocked.filter((b) => b !== blocked) },
        event,
        blocked.branch,
      );
  }
  const branch = moving.active.find(isMeant);
  if (branch === undefined) return undefined;
  if (state.status !== 'parked') return settle(definition, moving, branch, event);
  return branch === state.stuck ? unparked(definition, state, branch, event) : undefined;
}

/** The branch that stopped a parked saga is settled: the others go on too, as after a resumption. */
function unparked(definition: SagaDefinition, { suspended }: Parked, branch: Branch, event: Settled): Step {
  const { at } = event;
  const others = without(suspended.active, branch).map((other) => askedAgain(definition, other, at));
  const going: Moving = { ...suspended, active: [branch, ...others], isPaused: false };
  const { state, commands } = settle(definition, going, branch, event);
  return { state, commands: [...commandsOf(definition, others), ...commands] };
}

/** An undo that did not work counts as done. The others that did not are named again; behind the last the end is told. */
function unblock(
  definition: SagaDefinition,
  state: Moving & { readonly status: 'compensating' },
  { at }: Settled,
  { id }: Branch,
): Step {
  const undone = { id, isEmpty: false, earlier: state.undone };
  return goBack(definition, { ...state, undone, isPaused: false }, { at, commands: [] });
}

function settle(definition: SagaDefinition, state: Moving, branch: Branch, event: Settled): Step {
  const { at } = event;
  const isUndo = branch.half === 'compensation';
  const output = event.type === 'operator-set-result' ? event.output : undefined;
  if (state.status === 'compensating' && (isUndo || !isAwaited(definition, state, branch))) {
    const ending = { outcome: 'succeeded', output: null } as const;
    return settleCompensating(definition, state, { branch, ending, at });
  }
  const outcome = outcomeByHand(definition, branch, event);
  if (state.status === 'executing') return goOn(definition, state, { branch, outcome, output, at });
  const { node, pass, id, payload: input } = branch;
  const done: Done = { node, pass, id, input, outcome, output, earlier: state.done };
  return goBack(definition, { ...state, active: without(state.active, branch), done }, { at, commands: [] });
}

/** What is skipped may still have happened, so it stays unknown, and a later undo covers it. */
function outcomeByHand({ nodes }: SagaDefinition, { node }: Branch, { type }: Settled): Done['outcome'] {
  const found = nodes[node];
  if (found === undefined || stepOfNode(found) === undefined) return 'mark';
  return type === 'operator-skipped' ? 'unknown' : 'set';
}
