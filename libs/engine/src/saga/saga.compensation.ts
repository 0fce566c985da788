/**
 * The way back: what was done is undone, whatever depends on a step before the step itself, and then the end is told.
 * It never passes over an undo that did not verifiably work in silence: the saga parks and names it (S20).
 */
import type { TransactionCommand } from '../command.js';
import type { Transition } from '../machine.js';
import type { Undo } from '../operation.js';
import type { RestReason } from '../standing.js';
import { ask, reasonOf, type Ending } from './saga.attempt.js';
import { answerParent, answerWhenUndone } from './saga.child.js';
import { commandOf } from './saga.command.js';
import { stepOfNode, type CompensationReason, type SagaDefinition } from './saga.plan.js';
import { park } from './saga.rest.js';
import { without } from './saga.state.js';
import type { Branch, Compensating, Done, SagaState } from './saga.state.js';

type Step = Transition<SagaState, TransactionCommand>;
interface Moment {
  readonly at: number;
  readonly commands: readonly TransactionCommand[];
}

/** Goes on going back: awaits what still runs, undoes what may be undone now; with nothing left of either, closes. */
export function goBack(definition: SagaDefinition, state: Compensating, moment: Moment): Step {
  if (state.active.some(({ half }) => half === 'action')) return { state, commands: moment.commands };
  const { next, done } = takeNext(definition, state);
  const active = [...state.active, ...next.map((entry) => undoOf(definition, entry, moment.at))];
  if (active.length === 0) return close(definition, { ...state, active, done: undefined }, moment);
  const asked = active.slice(state.active.length).map((branch) => commandOf(definition, branch));
  return { state: { ...state, active, done }, commands: [...moment.commands, ...asked] };
}

/** What is to be undone now, and what stays for later. One at a time, from the top of the stack: by then everything that
 *  depends on it is undone. Or, by choice, everything that nothing left depends on (S15). */
function takeNext(
  definition: SagaDefinition,
  { done, active }: Compensating,
): { readonly next: readonly Done[]; readonly done: Done | undefined } {
  if (definition.parallelUndo) return takeFree(definition, done, active);
  if (active.length > 0) return { next: [], done };
  let top = done;
  while (top !== undefined && !hasUndo(definition, top)) top = top.earlier;
  return top === undefined ? { next: [], done: undefined } : { next: [top], done: top.earlier };
}

function takeFree(
  definition: SagaDefinition,
  done: Done | undefined,
  active: readonly Branch[],
): { readonly next: readonly Done[]; readonly done: Done | undefined } {
  const left: Done[] = [];
  for (let entry = done; entry !== undefined; entry = entry.earlier)
    if (hasUndo(definition, entry)) left.push(entry);
  const standing = [...left, ...active.flatMap(({ of }) => of ?? [])];
  const isFree = (entry: Done) => !standing.some((other) => dependsOn(definition, other, entry));
  const kept = left.filter((entry) => !isFree(entry));
  return { next: left.filter(isFree), done: stack(kept) };
}

/** Whether `later` was begun only once `entry` was settled. */
function dependsOn({ nodes }: SagaDefinition, later: Done, entry: Done): boolean {
  const node = nodes[later.node];
  if (node === undefined) return false;
  const sameLoop = later.node === entry.node && node.kind === 'loop' && node.atOnce === 1;
  return node.ancestors.has(entry.node) || (sameLoop && later.pass > entry.pass);
}

/** The entries, the last settled first, as a stack. */
function stack(entries: readonly Done[]): Done | undefined {
  return entries.reduceRight<Done | undefined>((earlier, entry) => ({ ...entry, earlier }), undefined);
}

/** Whether there is anything to undo. */
export function hasUndo({ nodes }: SagaDefinition, { node, outcome }: Done): boolean {
  const found = nodes[node];
  const step = found && stepOfNode(found);
  return outcome !== 'mark' && step?.operation.compensation !== undefined;
}

function undoOf(definition: SagaDefinition, of: Done, at: number): Branch {
  const { node, pass, id } = of;
  const found = definition.nodes[node];
  const step = found && stepOfNode(found);
  if (step === undefined) throw new TypeError(`${definition.name} has nothing to undo at node ${node}`);
  return ask(step, { node, pass, id, half: 'compensation', payload: toldOf(of), of }, at);
}

/** An undo is told what is known, so that it can tell `nothing was done` from `what was done is lost` (R5). A person's
 *  word is not the participant's, so behind it nothing need be found. */
function toldOf({ input, outcome, output }: Done): Undo {
  if (outcome === 'succeeded') return { input, outcome, output };
  return outcome === 'set' ? { input, outcome: 'unknown', output } : { input, outcome: 'unknown' };
}

/** AFTER the last undo: tell the definition's closing step, if it has one, and only then rest (R28). */
function close(definition: SagaDefinition, state: Compensating, { at, commands }: Moment): Step {
  const { journey, reason, blocked } = state;
  const [first] = blocked;
  if (first !== undefined) return parkBlocked(state, first.reason);
  const { onCompensated, nodes } = definition;
  if (onCompensated === undefined) return compensated(state, commands);
  const payload = onCompensated.input({ input: journey.input, reason: reasonFor(reason) });
  const asked = { node: nodes.length, pass: -1, id: onCompensated.name, half: 'action', payload } as const;
  const branch = ask(onCompensated, asked, at);
  return {
    state: { ...state, active: [branch] },
    commands: [...commands, commandOf(definition, branch)],
  };
}

/** S20: the end names every undo that did not work, and asks for a person once. */
function parkBlocked(state: Compensating, first: RestReason): Step {
  const blocked = state.blocked.map(({ branch }) => branch.id);
  return park(state, { ...first, blocked }, undefined);
}

/** Everything is undone and told. */
function compensated(
  { journey, reason, undone }: Compensating,
  commands: readonly TransactionCommand[] = [],
): Step {
  const answer = answerParent(journey, answerWhenUndone(journey, reason));
  return {
    state: { status: 'compensated', reason, journey, undone },
    commands: [...commands, { type: 'announce', outcome: 'compensated', reason }, ...answer],
  };
}

/** The reason in the business's words: the refusal's own, else the failure's code, else what else it was. */
function reasonFor({ kind, refusal, failure }: RestReason): CompensationReason {
  return refusal ?? { code: failure?.code ?? (kind === 'cancelled' ? kind : 'timed-out') };
}

/** An undo in hand, or the closing step, has ended. */
export function settleCompensating(
  definition: SagaDefinition,
  state: Compensating,
  given: { readonly branch: Branch; readonly ending: Ending; readonly at: number },
): Step {
  const { branch, ending } = given;
  if (branch.half === 'compensation') return settleUndo(definition, state, given);
  return ending.outcome === 'succeeded' ? compensated(state) : park(state, reasonOf(branch, ending), branch);
}

function settleUndo(
  definition: SagaDefinition,
  state: Compensating,
  given: { readonly branch: Branch; readonly ending: Ending; readonly at: number },
): Step {
  const { branch, ending, at } = given;
  const reason = whyNotUndone(branch, ending);
  const active = without(state.active, branch);
  if (reason === undefined) {
    const isEmpty = ending.outcome === 'succeeded' && ending.empty === true;
    const undone = { id: branch.id, isEmpty, earlier: state.undone };
    return goBack(definition, { ...state, active, undone }, { at, commands: [] });
  }
  if (definition.onUndoFailure === 'stop') return park(state, reason, branch);
  const blocked = [...state.blocked, { branch, reason }];
  return goBack(definition, { ...state, active, blocked }, { at, commands: [] });
}

function whyNotUndone({ id: branchId, of }: Branch, ending: Ending): RestReason | undefined {
  switch (ending.outcome) {
    case 'succeeded':
      // R5: the step is known to have worked, so an undo that found nothing has lost it, and that is no success.
      return ending.empty === true && of?.outcome === 'succeeded'
        ? { kind: 'undo-lost', branchId }
        : undefined;
    case 'refused':
      return { kind: 'undo-refused', branchId, refusal: ending.refusal };
    case 'failed':
      return { kind: 'undo-failed', branchId, failure: ending.failure };
    case 'silent':
    case 'not-done':
    case 'untold':
      return { kind: 'undo-failed', branchId };
  }
}
