/**
 * How a typed command with reply and undo is declared, once, for both sides: the orchestrator's definitions
 * take its types, the participant's runtime checks its messages by its schemas.
 */
import assert from 'node:assert/strict';
import type { Operation } from '@sagamore/engine';
import type { StandardSchemaV1 } from '@standard-schema/spec';

/** An `Operation` with the schemas that check what crosses the wire. */
export interface DeclaredOperation<Input, Output> extends Operation<Input, Output> {
  readonly input: StandardSchemaV1<unknown, Input>;
  readonly output: StandardSchemaV1<unknown, Output>;
}

export interface OperationOptions<Input, Output> {
  readonly input: StandardSchemaV1<unknown, Input>;
  readonly output: StandardSchemaV1<unknown, Output>;
  /** The verb that undoes it, e.g. `release`; absent where nothing can be undone. */
  readonly undo?: string;
  /** The verb that makes final what it only holds, e.g. `capture`; for TCC, and for two-phase commit of what the
   *  database itself cannot prepare (R21). Absent where it is final by itself. */
  readonly confirm?: string;
  /** `external` when the handler calls something outside the service's own database (R7). Default `local`. */
  readonly effect?: 'local' | 'external';
  /** `http` when the orchestrator calls the participant itself (docs/reference/http-participants.md). Default `bus`. */
  readonly transport?: 'bus' | 'http';
}

/** What only holds: its confirm makes final, its undo lets go. */
export type HoldingOperation<Input, Output> = DeclaredOperation<Input, Output> & {
  readonly confirm: string;
  readonly compensation: string;
};

/** Declares `<participant>.<verb>`, e.g. `inventory.reserve`. */
export function operation<Input, Output>(
  name: `${string}.${string}`,
  options: OperationOptions<Input, Output> & { readonly confirm: string; readonly undo: string },
): HoldingOperation<Input, Output>;
export function operation<Input, Output>(
  name: `${string}.${string}`,
  options: OperationOptions<Input, Output>,
): DeclaredOperation<Input, Output>;
export function operation<Input, Output>(
  name: `${string}.${string}`,
  { input, output, undo, confirm, effect = 'local', transport }: OperationOptions<Input, Output>,
): DeclaredOperation<Input, Output> {
  const [participant, verb, ...rest] = name.split('.');
  assert(participant && verb && rest.length === 0, `an operation is named participant.verb, found ${name}`);
  // The platform answers such messages itself, so a handler would never see one.
  assert(verb !== 'probe', `${name}: every participant is probed under this name`);
  const declared = { participant, action: name, effect, input, output };
  return {
    ...declared,
    ...(undo === undefined ? {} : { compensation: `${participant}.${undo}` }),
    ...(confirm === undefined ? {} : { confirm: `${participant}.${confirm}` }),
    ...(transport === undefined ? {} : { transport }),
  };
}

/** Where a value does not fit the operation's schema: the paths, never the values. Undefined when it fits, or when the
 *  operation was declared without schemas. */
export async function schemaProblem(
  operation: Operation | undefined,
  side: 'input' | 'output',
  value: unknown,
): Promise<string | undefined> {
  if (operation === undefined || !isDeclared(operation)) return undefined;
  const { issues } = await operation[side]['~standard'].validate(value);
  if (issues === undefined) return undefined;
  const words = issues.map(({ path = [] }) =>
    path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
  );
  return words.join(', ');
}

function isDeclared(operation: Operation): operation is DeclaredOperation<unknown, unknown> {
  return 'input' in operation && 'output' in operation;
}

export type InputOf<O> = O extends Operation<infer Input, infer _> ? Input : never;
export type OutputOf<O> = O extends Operation<infer _, infer Output> ? Output : never;
