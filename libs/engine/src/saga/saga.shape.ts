/**
 * Which sagas are sound: the rules that let the machine promise that whatever was done can be undone or finished.
 * A finding is a bug of whoever wrote the definition, told at start, BEFORE any transaction runs under it.
 */
import assert from 'node:assert/strict';
import type { RetryPolicy } from '../transaction.js';
import type { SagaDefinition, SagaStep, SettledStep } from './saga.definition.js';

const kebabCase = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** Throws an assertion for the first finding; it names the saga and the step. */
export function assertShape(definition: SagaDefinition): void {
  const { name, version, steps } = definition;
  const told = definition.onCompensated === undefined ? steps : [...steps, definition.onCompensated];
  assert(kebabCase.test(name), `a saga's name is kebab-case, found "${name}"`);
  assert(isCount(version), `${name}: a version is a positive whole number, found ${version}`);
  assert(steps.length > 0, `${name}: a saga has at least one step`);
  for (const step of told) assertStep(name, step);
  assertUnique(name, told);
  assertPivot(name, steps);
}

function assertUnique(saga: string, told: readonly SettledStep[]): void {
  const seen = new Set<string>();
  for (const { name } of told) {
    assert(!seen.has(name), `${saga}: the name "${name}" is used twice, and it is a branch id`);
    seen.add(name);
  }
}

/** Before the pivot everything must be undoable; after it nothing is undone, so everything must be repeated until done. */
function assertPivot(saga: string, steps: readonly SagaStep[]): void {
  const pivot = steps.findIndex((step) => step.pivot);
  for (const [index, step] of steps.entries()) {
    const where = `${saga}/${step.name}`;
    const { compensation } = step.operation;
    if (pivot >= 0 && index > pivot) {
      assert(!step.pivot, `${where}: a saga has one pivot, and "${steps[pivot]?.name}" is it`);
      assert(
        step.retriable,
        `${where}: a step after the pivot must be retriable, for nothing is undone there`,
      );
    } else if (index !== pivot) {
      const undoable = compensation !== undefined || step.nothingToUndo;
      assert(
        undoable,
        `${where}: ${step.operation.action} has no undo; say nothingToUndo if it leaves nothing behind`,
      );
    }
    const contradicts = step.nothingToUndo && compensation !== undefined;
    assert(!contradicts, `${where}: nothingToUndo is said of ${step.operation.action}, which has an undo`);
  }
}

function assertStep(saga: string, step: SettledStep): void {
  const where = `${saga}/${step.name}`;
  assert(kebabCase.test(step.name), `${saga}: a step's name is kebab-case, found "${step.name}"`);
  assert(isPositive(step.timeoutMs), `${where}: timeoutMs is positive, found ${step.timeoutMs}`);
  assert(
    isPositive(step.inProgressPollMs),
    `${where}: inProgressPollMs is positive, found ${step.inProgressPollMs}`,
  );
  assertPolicy(`${where}: retry`, step.retry);
  assertPolicy(`${where}: undoRetry`, step.undoRetry);
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
