/**
 * What a definition looks like from outside, as plain data that can be kept beside a release, and what has changed between
 * two looks at one version. Events in journals name steps, so what is renamed or removed is found by nobody any more (S93).
 */
import type { DefinitionShape, ShapeChange, StepShape } from '../transaction.js';
import { stepOfNode, type SagaDefinition, type SagaNode, type SettledStep } from './saga.plan.js';

/** The shape of a definition: everything that a transaction under way relies upon. Plain data. */
export function shapeOf({ name, version, nodes, onCompensated }: SagaDefinition): DefinitionShape {
  const closing = onCompensated === undefined ? [] : [stepShape(onCompensated, 'closing')];
  return { name, version, steps: [...nodes.map(nodeShape), ...closing] };
}

function nodeShape(node: SagaNode): StepShape {
  const step = stepOfNode(node);
  return step === undefined ? { name: node.name, kind: node.kind } : stepShape(step, node.kind);
}

function stepShape({ name, operation }: SettledStep, kind: string): StepShape {
  const { action, compensation: undo } = operation;
  return undo === undefined ? { name, kind, action } : { name, kind, action, undo };
}

/** What has changed from `before` to `after`, two looks at one version; empty where every transaction under way still
 *  finds its steps. A step in another's place that asks for the same is taken for a renamed one. */
export function changesBetween(before: DefinitionShape, after: DefinitionShape): readonly ShapeChange[] {
  const there = new Map(after.steps.map((step) => [step.name, step]));
  const known = new Set(before.steps.map(({ name }) => name));
  const changes = before.steps.flatMap((step, place) =>
    changeOf(step, there.get(step.name), after.steps[place]),
  );
  const renamed = new Set(changes.flatMap(({ to }) => to ?? []));
  const added = after.steps.filter(({ name }) => !known.has(name) && !renamed.has(name));
  return [
    ...changes,
    ...added.map(({ name: step }) => ({ kind: 'added', step }) as const),
    ...moves(before, after),
  ];
}

function changeOf(
  step: StepShape,
  same: StepShape | undefined,
  inItsPlace: StepShape | undefined,
): readonly ShapeChange[] {
  if (same !== undefined) return asksTheSame(step, same) ? [] : [{ kind: 'changed', step: step.name }];
  if (inItsPlace !== undefined && asksTheSame(step, inItsPlace))
    return [{ kind: 'renamed', step: step.name, to: inItsPlace.name }];
  return [{ kind: 'removed', step: step.name }];
}

function asksTheSame(one: StepShape, other: StepShape): boolean {
  return one.kind === other.kind && one.action === other.action && one.undo === other.undo;
}

/** Steps that both know, told in another order, are asked for in another order by a replay. */
function moves(before: DefinitionShape, after: DefinitionShape): readonly ShapeChange[] {
  const common = (own: DefinitionShape, other: DefinitionShape) => {
    const names = new Set(other.steps.map(({ name }) => name));
    return own.steps.map(({ name }) => name).filter((name) => names.has(name));
  };
  const now = common(after, before);
  return common(before, after).flatMap((step, place) =>
    now[place] === step ? [] : [{ kind: 'moved', step }],
  );
}
