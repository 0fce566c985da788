/**
 * What crosses between an orchestrator and its participants: JSON, checked by the schemas of the operation where it has
 * some, exactly as it is on the road. What would not arrive there as it was sent is a mistake here.
 */
import type { Operation } from '@sagamore/engine';
import type { DeclaredOperation } from '@sagamore/runtime';
import { mistake } from './mistake.js';

/** What arrives of `value`. `where` names it in a mistake. */
export function crossed(where: string, value: unknown): unknown {
  const text = JSON.stringify(value ?? null);
  if (text === undefined) throw mistake(`${where} is no JSON`, 'Give plain data: it crosses a broker');
  const arrived: unknown = JSON.parse(text);
  return arrived;
}

/** Throws a mistake where the operation's own schema would refuse `value`. */
export function check(where: string, operation: Operation, side: 'input' | 'output', value: unknown): void {
  if (!isDeclared(operation)) return;
  const checked = operation[side]['~standard'].validate(value);
  if (checked instanceof Promise || checked.issues === undefined) return;
  const issues = checked.issues.map(({ path = [], message }) => `${path.map(keyOf).join('.')}: ${message}`);
  throw mistake(
    `${where} does not fit the ${side} of ${operation.action}: ${issues.join('; ')}`,
    side === 'input'
      ? `Correct the step's input in the definition: its participant would refuse it`
      : `Correct the fake: no participant could answer that`,
  );
}

function isDeclared(operation: Operation): operation is DeclaredOperation<unknown, unknown> {
  return 'input' in operation && 'output' in operation;
}

function keyOf(segment: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof segment === 'object' ? segment.key : segment);
}
