/**
 * What is known of the nodes of a saga, read from the stack of what is settled. It reads and never changes anything.
 * What a step is shown never depends on a race: only on the nodes that are settled before it in every run.
 */
import type { SagaDefinition, SagaNode } from './saga.plan.js';
import type { Done } from './saga.state.js';

/** The outputs by name: those that `node` may see, or all of them. */
export function resultsOf(
  definition: SagaDefinition,
  from: Done | undefined,
  node?: SagaNode,
): Readonly<Record<string, unknown>> {
  const results: Record<string, unknown> = {};
  const seesAll = node === undefined || node.isAlone;
  for (let done = from; done !== undefined; done = done.earlier) {
    if (!hasResult(definition, done)) continue;
    if (seesAll || node.ancestors.has(done.node)) results[done.id] = done.output;
  }
  return results;
}

/** A pass is part of its loop's result, a decision has none, and of an unknown outcome nothing is known. */
function hasResult({ nodes }: SagaDefinition, { node, pass, outcome }: Done): boolean {
  return pass < 0 && outcome !== 'unknown' && (outcome !== 'mark' || nodes[node]?.kind !== 'decision');
}

/** The entry of a whole node. */
export function entryOf(from: Done | undefined, index: number): Done | undefined {
  let done = from;
  while (done !== undefined && (done.node !== index || done.pass >= 0)) done = done.earlier;
  return done;
}

/** Whether nothing is to be waited for at a node: it is done, or will never be. */
export function isSettled(definition: SagaDefinition, done: Done | undefined, index: number): boolean {
  const node = definition.nodes[index];
  return node !== undefined && (isGatedOut(definition, done, node) || entryOf(done, index) !== undefined);
}

/** Whether a node hangs on a decision, its own or one further out, that was not taken. */
export function isGatedOut(definition: SagaDefinition, done: Done | undefined, { gate }: SagaNode): boolean {
  const decision = gate === undefined ? undefined : definition.nodes[gate];
  if (decision === undefined) return false;
  return entryOf(done, decision.index)?.output === false || isGatedOut(definition, done, decision);
}

/** Whether a node is part of what a decision decides about, directly or further in. */
export function hangsOn(definition: SagaDefinition, { gate }: SagaNode, decision: number): boolean {
  const next = gate === undefined ? undefined : definition.nodes[gate];
  return next !== undefined && (next.index === decision || hangsOn(definition, next, decision));
}
