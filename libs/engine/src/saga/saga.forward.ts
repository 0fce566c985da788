/**
 * The way forward: once something is settled, whatever stood behind it alone begins, and the last of all completes.
 * It begins nodes and never undoes any; whether a saga still goes forward is decided before it is asked.
 */
import assert from 'node:assert/strict';
import type { TransactionCommand } from '../command.js';
import type { Transition } from '../machine.js';
import { ask } from './saga.attempt.js';
import { answerParent } from './saga.child.js';
import { commandOf } from './saga.command.js';
import type { AnyContext, SagaDefinition, SagaNode, SagaStep } from './saga.plan.js';
import { hangsOn, isGatedOut, isSettled, resultsOf } from './saga.results.js';
import type { Branch, Done, Executing, Loop, Journey, SagaState, Signal } from './saga.state.js';

const noLoops: readonly Loop[] = Object.freeze([]);
const noSignals: readonly Signal[] = Object.freeze([]);

type Step = Transition<SagaState, TransactionCommand>;
type LoopNode = SagaNode & { readonly kind: 'loop' };

/** One transition in the making. Changed in place, and by this file alone, because one settled node may begin many. */
interface Front {
  readonly definition: SagaDefinition;
  readonly journey: Journey;
  readonly at: number;
  done: Done | undefined;
  active: Branch[];
  loops: readonly Loop[];
  readonly signals: readonly Signal[];
  readonly deadline: number;
  readonly isPaused: boolean;
  readonly commands: TransactionCommand[];
}

/** The first nodes begin. */
export function setOut(definition: SagaDefinition, journey: Journey, at: number): Step {
  const deadline = at + definition.deadlineMs;
  const front: Front = {
    definition,
    journey,
    at,
    done: undefined,
    active: [],
    loops: noLoops,
    signals: noSignals,
    deadline,
    isPaused: false,
    commands: [],
  };
  for (const node of definition.nodes) if (node.after.length === 0) enter(front, node);
  return arrived(front);
}

/** What became of a branch that goes forward. */
export interface Outcome {
  readonly branch: Branch;
  readonly outcome: Done['outcome'];
  readonly output: unknown;
  readonly at: number;
}

/** Goes on after `branch`, the whole of a node or one pass of a loop, has been settled.
 *  Objects are written out here, and nowhere spread: this is where most transitions of a busy day pass. */
export function goOn(definition: SagaDefinition, state: Executing, given: Outcome): Step {
  const { branch, outcome, output, at } = given;
  const { node, pass, id, payload: input } = branch;
  const front: Front = {
    definition,
    journey: state.journey,
    at,
    done: { node, pass, id, input, outcome, output, earlier: state.done },
    active: state.active.length === 1 ? [] : state.active.filter((other) => other !== branch),
    loops: state.loops,
    signals: state.signals,
    deadline: state.deadline,
    isPaused: state.isPaused,
    commands: [],
  };
  if (pass < 0) follow(front, node);
  else goRound(front, node);
  return arrived(front);
}

function arrived(front: Front): Step {
  if (front.active.length === 0) return complete(front);
  const state: Executing = {
    status: 'executing',
    journey: front.journey,
    done: front.done,
    active: front.active,
    loops: front.loops,
    signals: front.signals,
    deadline: front.deadline,
    isPaused: front.isPaused,
  };
  return { state, commands: front.commands };
}

function complete({ definition, journey, done, commands }: Front): Step {
  const output = definition.returns?.({ input: journey.input, results: resultsOf(definition, done) }) ?? null;
  const announcement = { type: 'announce', outcome: 'completed' } as const;
  commands.push(definition.returns === undefined ? announcement : { ...announcement, output });
  commands.push(...answerParent(journey, { outcome: 'succeeded', output }));
  return { state: { status: 'completed', journey, done, output }, commands };
}

/** Begins whatever stood behind the node at `index` alone. */
function follow(front: Front, index: number): void {
  const { nodes } = front.definition;
  for (const next of nodes[index]?.dependents ?? []) {
    const node = nodes[next];
    if (node !== undefined && isReady(front, node)) enter(front, node);
  }
}

function isReady(front: Front, node: SagaNode): boolean {
  const { definition, done } = front;
  if (node.gate !== undefined && isGatedOut(definition, done, node)) return false;
  // A node behind a single other one is reached once, when that one is settled.
  if (node.after.length === 1) return true;
  return !hasBegun(front, node) && node.after.every((index) => isSettled(definition, done, index));
}

function hasBegun({ done, active, loops }: Front, { index }: SagaNode): boolean {
  for (let entry = done; entry !== undefined; entry = entry.earlier) if (entry.node === index) return true;
  return active.some(({ node }) => node === index) || loops.some(({ node }) => node === index);
}

function enter(front: Front, node: SagaNode): void {
  switch (node.kind) {
    case 'step': {
      const { step, index } = node;
      return begin(front, step, {
        node: index,
        pass: -1,
        id: step.name,
        payload: step.input(contextFor(front, node)),
      });
    }
    case 'loop':
      return enterLoop(front, node);
    case 'decision':
      return decide(front, node);
    case 'wait': {
      const due = node.until(contextFor(front, node), front.at);
      assert(Number.isFinite(due), `${front.definition.name}/${node.name} waits for no instant: ${due}`);
      return stand(front, node, { waitingFor: 'instant', due });
    }
    case 'lock': {
      const key = node.key(contextFor(front, node));
      assert(key.length > 0, `${front.definition.name}/${node.name} locks no key`);
      return stand(front, node, { waitingFor: 'lock', due: front.at + node.deadlineMs, payload: key });
    }
    case 'signal': {
      const early = front.signals.find(({ name }) => name === node.name);
      if (early !== undefined && !isNo(node, early.payload)) return mark(front, node, early.payload);
      // A "no" that came early is heard like one that comes now: by time, so that there is one place that turns around.
      const due = early === undefined ? front.at + node.deadlineMs : front.at;
      return stand(front, node, { waitingFor: 'signal', due });
    }
  }
}

/** Whether a signal is a person's refusal. */
export function isNo({ isApproval }: { readonly isApproval: boolean }, payload: unknown): boolean {
  const approved =
    typeof payload === 'object' && payload !== null && 'approved' in payload && payload.approved;
  return isApproval && approved !== true;
}

function contextFor({ definition, journey, done }: Front, node: SagaNode): AnyContext {
  return { input: journey.input, results: resultsOf(definition, done, node) };
}

function begin(front: Front, step: SagaStep, asked: Pick<Branch, 'node' | 'pass' | 'id' | 'payload'>): void {
  const branch = ask(step, { ...asked, half: 'action' }, front.at);
  front.active.push(branch);
  front.commands.push(commandOf(front.definition, branch));
}

/** A node that asks nobody: it waits for an instant or for somebody outside. */
function stand(
  front: Front,
  node: SagaNode,
  how: Pick<Branch, 'waitingFor' | 'due'> & Partial<Pick<Branch, 'payload'>>,
): void {
  const asked = { half: 'action', generation: 1, attempt: 1, deadline: Infinity, payload: null } as const;
  const rest = { doubt: undefined, probes: 0, of: undefined };
  front.active.push({ node: node.index, pass: -1, id: node.name, ...asked, ...rest, ...how });
}

/** Settled as soon as reached. */
function mark(front: Front, node: SagaNode, output: unknown): void {
  front.done = markOf(node, output, front.done);
  follow(front, node.index);
}

function markOf({ index: node, name: id }: SagaNode, output: unknown, earlier: Done | undefined): Done {
  return { node, pass: -1, id, input: undefined, outcome: 'mark', output, earlier };
}

/** A branch that is not taken is as settled as one that is done, so whatever stood behind any part of it may begin. */
function decide(front: Front, node: SagaNode & { readonly kind: 'decision' }): void {
  const { definition } = front;
  const isTaken = node.isTaken(contextFor(front, node));
  mark(front, node, isTaken);
  if (isTaken) return;
  for (const other of definition.nodes)
    if (hangsOn(definition, other, node.index)) follow(front, other.index);
}

function enterLoop(front: Front, node: LoopNode): void {
  const items = node.items(contextFor(front, node));
  if (items.length === 0) return mark(front, node, []);
  const loop: Loop = { node: node.index, items: [...items], next: 0, open: 0 };
  front.loops = [...front.loops, loop];
  goFurther(front, node, loop);
}

/** A pass is settled: the next one begins, or, behind the last, the loop is settled with all outputs in order. */
function goRound(front: Front, index: number): void {
  const node = front.definition.nodes[index];
  const loop = front.loops.find((other) => other.node === index);
  assert(
    node?.kind === 'loop' && loop !== undefined,
    `${front.definition.name} goes round no loop at ${index}`,
  );
  if (loop.next < loop.items.length) return goFurther(front, node, { ...loop, open: loop.open - 1 });
  if (loop.open > 1) return putLoop(front, { ...loop, open: loop.open - 1 });
  front.loops = front.loops.filter((other) => other !== loop);
  mark(front, node, outputsOf(front, loop));
}

/** Begins as many passes as may run. */
function goFurther(front: Front, node: LoopNode, loop: Loop): void {
  const { step } = node;
  const count = Math.min(node.atOnce - loop.open, loop.items.length - loop.next);
  for (let pass = loop.next; pass < loop.next + count; pass++) {
    const payload = node.each(loop.items[pass], pass);
    begin(front, step, { node: node.index, pass, id: `${step.name}#${pass}`, payload });
  }
  putLoop(front, { ...loop, next: loop.next + count, open: loop.open + count });
}

function putLoop(front: Front, loop: Loop): void {
  front.loops = front.loops.map((other) => (other.node === loop.node ? loop : other));
}

function outputsOf({ done }: Front, { node, items }: Loop): readonly unknown[] {
  const outputs: unknown[] = items.map(() => null);
  for (let entry = done; entry !== undefined; entry = entry.earlier)
    if (entry.node === node && entry.pass >= 0) outputs[entry.pass] = entry.output;
  return outputs;
}
