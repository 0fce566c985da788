/**
 * How a service says which commands it does: decorators typed by the operation, so that a method that does not fit does
 * not compile. They only write down a role on the class; `@Participant` turns the roles into patterns of Nest's
 * microservices, and the `ParticipantServer` of that service finds them. Nothing here runs when a command arrives.
 */
import type { Half, Reply } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import type {
  CommandOf,
  ConfirmationOf,
  DeclaredOperation,
  ReplyOf,
  SettledConfirmationOf,
  SettledOf,
  SettledUndoOf,
  Tx,
  UndoOf,
} from '@sagamore/runtime';
import { Controller, UseFilters } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { ParticipantFaultFilter } from './participant.filter.js';

/** Any declared operation; its types are inferred where a decorator takes one. */
export type AnyOperation = DeclaredOperation<unknown, unknown>;

/** What a method is for. `one` and `batch` work inside the batch's transaction, `prepared` in one of its own that is left
 *  in doubt (R19); `call` and `record` are the two halves of an external operation (R7). */
export type HandlerShape = 'one' | 'batch' | 'prepared' | 'call' | 'record';

/** What one method does, as the transport strategy reads it. */
export class HandlerRole {
  constructor(
    readonly operation: AnyOperation,
    readonly half: Half,
    readonly shape: HandlerShape,
  ) {}

  /** The same for two methods of a service only when they would do the same thing twice. */
  get pattern(): string {
    const asked = `${this.operation.action}/${this.half}`;
    return this.shape === 'call' || this.shape === 'record' ? `${asked}/${this.shape}` : asked;
  }
}

/** What the call of an external operation is told besides its command. */
export interface CallContext {
  /** The idempotency key of the branch's action, and of its undo: what to call the provider with (R8). */
  readonly providerKey: string;
}

/** Where the role stands among a Nest handler's extras. */
export const roleKey = 'sagamore';

/** The transport of a service: each participant server sees the handlers of its own service alone. */
export function transportOf(service: string): symbol {
  return Symbol.for(`sagamore:${service}`);
}

type MethodFor<F> = <M extends F>(
  target: object,
  key: string | symbol,
  method: TypedPropertyDescriptor<M>,
) => void;

const rolesKey = Symbol('sagamore:roles');

/** Marks a class whose methods do the commands of `service`. It belongs among the controllers of the service's module. */
export function Participant(service: string): ClassDecorator {
  return (target) => {
    for (const [key, role] of rolesOf(target.prototype)) bind(service, target.prototype, key, role);
    Controller()(target);
    UseFilters(new ParticipantFaultFilter())(target);
  };
}

/** Does one command at a time inside the batch's database transaction. A refusal is returned, never thrown. */
export function Handles<O extends AnyOperation>(
  operation: O,
): MethodFor<(command: CommandOf<O>, tx: Tx) => Promise<ReplyOf<O>>> {
  return place(new HandlerRole(operation, 'action', 'one'));
}

/** Does a whole batch at once and answers each command, in the order given. */
export function HandlesBatch<O extends AnyOperation>(
  operation: O,
): MethodFor<(commands: readonly CommandOf<O>[], tx: Tx) => Promise<readonly ReplyOf<O>[]>> {
  return place(new HandlerRole(operation, 'action', 'batch'));
}

/** Does one command inside a database transaction of its own, which two-phase commit then keeps in doubt until its
 *  decision (R19); asked alone it commits in one phase. Stands in the place of `@Handles` for an operation without a
 *  `confirm`. A refusal is a vote of no. It may wait for locks, up to the lock time-out, and must neither notify nor use
 *  temporary tables. The platform settles what it has prepared. */
export function Prepares<O extends AnyOperation>(
  operation: O,
): MethodFor<(command: CommandOf<O>, tx: Tx) => Promise<ReplyOf<O>>> {
  return place(new HandlerRole(operation, 'prepare', 'prepared'));
}

/** Undoes one action. Returning nothing means that it is undone. */
export function Undoes<O extends AnyOperation>(
  operation: O,
): MethodFor<(command: UndoOf<O>, tx: Tx) => Promise<void | Reply>> {
  return place(new HandlerRole(operation, 'compensation', 'one'));
}

/** Undoes a whole batch. Returning nothing means that all are undone; otherwise each is answered, in order. */
export function UndoesBatch<O extends AnyOperation>(
  operation: O,
): MethodFor<(commands: readonly UndoOf<O>[], tx: Tx) => Promise<void | readonly Reply[]>> {
  return place(new HandlerRole(operation, 'compensation', 'batch'));
}

/** Makes final what an action only held, under TCC or two-phase commit. Returning nothing means that it is final; it is
 *  asked until it is, so a refusal is for a person to see. */
export function Confirms<O extends AnyOperation>(
  operation: O,
): MethodFor<(command: ConfirmationOf<O>, tx: Tx) => Promise<void | Reply>> {
  return place(new HandlerRole(operation, 'confirm', 'one'));
}

/** Makes a whole batch final. Returning nothing means that all are; otherwise each is answered, in order. */
export function ConfirmsBatch<O extends AnyOperation>(
  operation: O,
): MethodFor<(commands: readonly ConfirmationOf<O>[], tx: Tx) => Promise<void | readonly Reply[]>> {
  return place(new HandlerRole(operation, 'confirm', 'batch'));
}

/** Makes the outside call of an external operation, outside of any transaction; goes with `@Records`. Throws a `Fault`
 *  when the outcome is not known: it is called again with the same key (R7). */
export function Calls<O extends AnyOperation>(
  operation: O,
): MethodFor<(command: CommandOf<O>, context: CallContext) => Promise<ReplyOf<O>>> {
  return place(new HandlerRole(operation, 'action', 'call'));
}

/** Books what came of the calls, in one transaction with their barrier rows; only succeeded ones are given. */
export function Records<O extends AnyOperation>(
  operation: O,
): MethodFor<(settled: readonly SettledOf<O>[], tx: Tx) => Promise<void>> {
  return place(new HandlerRole(operation, 'action', 'record'));
}

/** Makes final at its provider what an external action only held, by the action's key; goes with `@RecordsConfirm`. */
export function CallsConfirm<O extends AnyOperation>(
  operation: O,
): MethodFor<(command: ConfirmationOf<O>, context: CallContext) => Promise<void | Reply>> {
  return place(new HandlerRole(operation, 'confirm', 'call'));
}

/** Books what came of the confirming calls, in one transaction with their barrier rows. */
export function RecordsConfirm<O extends AnyOperation>(
  operation: O,
): MethodFor<(settled: readonly SettledConfirmationOf<O>[], tx: Tx) => Promise<void>> {
  return place(new HandlerRole(operation, 'confirm', 'record'));
}

/** Undoes an external action at its provider, by the action's key; goes with `@RecordsUndo`. */
export function CallsUndo<O extends AnyOperation>(
  operation: O,
): MethodFor<(command: UndoOf<O>, context: CallContext) => Promise<void | Reply>> {
  return place(new HandlerRole(operation, 'compensation', 'call'));
}

/** Books what came of the undoing calls, in one transaction with their barrier rows. */
export function RecordsUndo<O extends AnyOperation>(
  operation: O,
): MethodFor<(settled: readonly SettledUndoOf<O>[], tx: Tx) => Promise<void>> {
  return place(new HandlerRole(operation, 'compensation', 'record'));
}

function place(role: HandlerRole) {
  return (target: object, key: string | symbol): void => {
    const roles = rolesOf(target);
    const other = roles.get(key);
    if (other !== undefined) {
      const message = `${String(key)} can have one role, found ${other.pattern} and ${role.pattern}`;
      throw new Fault('CONFIGURATION_INVALID', message, { retryable: false });
    }
    Reflect.defineMetadata(rolesKey, new Map([...roles, [key, role]]), target);
  };
}

function rolesOf(prototype: object): ReadonlyMap<string | symbol, HandlerRole> {
  const roles: unknown = Reflect.getMetadata(rolesKey, prototype);
  return roles instanceof Map ? roles : new Map();
}

/** The transport comes from the class, not from the operation: a method for another service's operation then reaches
 *  the server of this one, which can name the mistake. */
function bind(service: string, prototype: object, key: string | symbol, role: HandlerRole): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, key);
  if (descriptor === undefined) return;
  MessagePattern(role.pattern, transportOf(service), { [roleKey]: role })(prototype, key, descriptor);
  Payload()(prototype, key, 0);
  Ctx()(prototype, key, 1);
}
