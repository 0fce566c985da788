/**
 * Which sagas are sound: the rules that let the machine promise that whatever was done can be undone or finished.
 * A finding is a bug of whoever wrote the definition, told at start, BEFORE any transaction runs under it.
 * What is merely unwise is told by `saga.lint.ts`.
 */
import assert from 'node:assert/strict';
import type { RetryPolicy } from '../transaction.js';
import { stepOfNode, type SagaDefinition, type SagaNode, type SagaStep } from './saga.plan.js';
import type { SettledStep } from './saga.plan.js';

type LockNode = SagaNode & { readonly kind: 'lock' };

const kebabCase = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** Throws an assertion for the first finding; it names the saga and the step. */
export function assertShape(definition: SagaDefinition): void {
  const { name, version, nodes, steps } = definition;
  const told = definition.onCompensated === undefined ? steps : [...steps, definition.onCompensated];
  assert(kebabCase.test(name), `a saga's name is kebab-case, found "${name}"`);
  assert(isCount(version), `${name}: a version is a positive whole number, found ${version}`);
  assert(nodes.length > 0, `${name}: a saga has at least one step`);
  assertDeadline(name, definition.deadlineMs);
  for (const step of told) assertStep(name, step);
  for (const node of nodes) assertNode(name, node);
  assertUnique(definition);
  for (const node of nodes) assertPlace(definition, node);
}

function assertUnique({ name: saga, nodes, onCompensated }: SagaDefinition): void {
  const seen = new Set<string>();
  for (const { name } of onCompensated === undefined ? nodes : [...nodes, onCompensated]) {
    assert(!seen.has(name), `${saga}: the name "${name}" is used twice, and it is a branch id`);
    seen.add(name);
  }
}

/** Before the pivot everything must be undoable; after it nothing is undone, so everything must be repeated until done. */
function assertPlace(definition: SagaDefinition, node: SagaNode): void {
  const { name: saga, nodes } = definition;
  const where = `${saga}/${node.name}`;
  const pivot = nodes[definition.pivot];
  if (pivot === node) return assertPivot(where, node);
  const isAfter = pivot !== undefined && node.ancestors.has(pivot.index);
  const isBefore = pivot === undefined || pivot.ancestors.has(node.index);
  assert(isAfter || isBefore, `${where}: nothing runs beside the pivot, and "${pivot?.name}" is it`);
  if (isAfter) assertAfterPivot(where, node, pivot.name);
  else if (definition.recovery === 'backward') assertUndoable(where, stepOfNode(node));
  else if (node.kind === 'lock') assertNeverRefused(where, node);
}

/** Where nothing is undone, nobody may be turned away. */
function assertNeverRefused(where: string, { policy, deadlineMs }: LockNode): void {
  const mayRefuse = policy === 'fail' || deadlineMs < Infinity;
  assert(!mayRefuse, `${where}: a lock that may be refused stands where nothing can be undone`);
}

function assertPivot(where: string, node: SagaNode): void {
  assert(node.kind === 'step', `${where}: a pivot is one step, not a loop`);
  assert(node.gate === undefined, `${where}: a pivot stands on every way through the saga`);
  assertRecovery(where, node.step);
}

function assertAfterPivot(where: string, node: SagaNode, pivot: string): void {
  if (node.kind === 'signal') {
    const mayRefuse = node.isApproval || (node.onDeadline === 'refuse' && node.deadlineMs < Infinity);
    assert(!mayRefuse, `${where}: nothing after the pivot may refuse, for nothing is undone there`);
  }
  if (node.kind === 'lock') assertNeverRefused(where, node);
  const step = stepOfNode(node);
  if (step === undefined) return;
  assert(!step.pivot, `${where}: a saga has one pivot, and "${pivot}" is it`);
  assert(step.retriable, `${where}: a step after the pivot must be retriable, for nothing is undone there`);
  assertRecovery(where, step);
}

function assertUndoable(where: string, step: SagaStep | undefined): void {
  if (step === undefined) return;
  const { compensation } = step.operation;
  const undoable = compensation !== undefined || step.nothingToUndo;
  assert(
    undoable,
    `${where}: ${step.operation.action} has no undo; say nothingToUndo if it leaves nothing behind`,
  );
  assertRecovery(where, step);
}

/** R23: a pivot is never undone. A step that is repeated until done must stay repeatable: "not done" plants a tombstone
 *  (R6), and behind that nothing is ever done. */
function assertRecovery(where: string, step: SagaStep): void {
  const { onUnknown, pivot, retriable, nothingToUndo, operation } = step;
  const contradicts = nothingToUndo && operation.compensation !== undefined;
  assert(!contradicts, `${where}: nothingToUndo is said of ${operation.action}, which has an undo`);
  assert(
    !(pivot && onUnknown === 'compensate'),
    `${where}: a pivot is never undone, so it is probed or asked about`,
  );
  const repeats = retriable && onUnknown !== 'ask';
  assert(!repeats, `${where}: a retriable step is repeated, then waits for a person; onUnknown is "ask"`);
  const endless = onUnknown === 'wait' && step.deadlineMs === Infinity;
  assert(!endless, `${where}: to wait for a late answer needs a deadlineMs, past which a person is asked`);
  const deaf = onUnknown === 'probe' && step.via.type !== 'participant';
  assert(!deaf, `${where}: only a participant can be probed`);
}

function assertNode(saga: string, node: SagaNode): void {
  const where = `${saga}/${node.name}`;
  if (node.kind === 'decision') return;
  assert(kebabCase.test(node.name), `${saga}: a step's name is kebab-case, found "${node.name}"`);
  if (node.kind === 'loop')
    assert(isCount(node.atOnce), `${where}: atOnce is a positive whole number, found ${node.atOnce}`);
  if (node.kind === 'signal' || node.kind === 'lock') assertDeadline(where, node.deadlineMs);
}

function assertStep(saga: string, step: SettledStep): void {
  const where = `${saga}/${step.name}`;
  assert(kebabCase.test(step.name), `${saga}: a step's name is kebab-case, found "${step.name}"`);
  assert(isPositive(step.timeoutMs), `${where}: timeoutMs is positive, found ${step.timeoutMs}`);
  assert(
    isPositive(step.inProgressPollMs),
    `${where}: inProgressPollMs is positive, found ${step.inProgressPollMs}`,
  );
  assertDeadline(where, step.deadlineMs);
  assertPolicy(`${where}: retry`, step.retry);
  assertPolicy(`${where}: undoRetry`, step.undoRetry);
}

function assertDeadline(where: string, deadlineMs: number): void {
  assert(deadlineMs > 0, `${where}: deadlineMs is positive, found ${deadlineMs}`);
}

function assertPolicy(where: string, { attemptsMax, baseMs, maxMs }: RetryPolicy): void {
  assert(isCount(attemptsMax), `${where}.attemptsMax is a positive whole number, found ${attemptsMax}`);
  assert(isPositive(baseMs), `${where}.baseMs is positive, found ${baseMs}`);
  assert(isPositive(maxMs), `${where}.maxMs is positive, found ${maxMs}`);
}

function isPositive(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
