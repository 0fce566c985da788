/**
 * Words for the specs of this folder: sagas sketched as data, facts told in one line, commands read back in words.
 * No part of the library's face, and no saga runs by it.
 */
import type { Half, Operation, ProbeFinding, Reply } from '../operation.js';
import type { Start, TransactionCommand, TransactionEvent } from '../transaction.js';
import { saga, type SagaDefinition, type StepOptions } from './saga.definition.js';
import { sagaMachine } from './saga.machine.js';
import type { SagaState } from './saga.state.js';

/** A step of a sketch. `undoable` (default true): its operation has an undo. */
export interface SketchedStep extends StepOptions {
  readonly name: string;
  readonly undoable?: boolean;
}

/** A definition from data. A step's input tells its name and whose results it was shown. `closing` names the step that
 *  tells of the end. */
export function sketch(steps: readonly SketchedStep[], closing?: SketchedStep): SagaDefinition {
  let told = saga<unknown>('sketch', { version: 1 });
  for (const { name, undoable = true, ...options } of steps) {
    const input = ({ results }: { results: object }) => ({ of: name, seen: Object.keys(results).toSorted() });
    told = told.step(name, operationOf(name, undoable), input, options);
  }
  if (closing === undefined) return told.define();
  const { name, undoable: _, ...patience } = closing;
  return told
    .onCompensated(name, operationOf(name, false), ({ reason }) => ({ of: name, reason }), patience)
    .define();
}

/** An operation named after its step: `<name>.do` at `<name>-service`, undone by `<name>.undo`. */
export function operationOf<Input = unknown, Output = unknown>(
  name: string,
  undoable = true,
): Operation<Input, Output> {
  const operation = { participant: `${name}-service`, action: `${name}.do`, effect: 'local' as const };
  return undoable ? { ...operation, compensation: `${name}.undo` } : operation;
}

export const start: Start = { transactionId: 'a-transaction', input: { orderId: 'an-order' }, at: 0 };

/** What a saga came to: its state, the last event's commands in words, and every command so far in words. */
export interface Told {
  readonly state: SagaState;
  readonly commands: readonly string[];
  readonly all: readonly string[];
  readonly raw: readonly TransactionCommand[];
}

/** Begins at instant 0 and tells the events in order. */
export function tell(definition: SagaDefinition, ...events: readonly TransactionEvent[]): Told {
  return tellFrom(definition, start, ...events);
}

/** As `tell`, from another start. */
export function tellFrom(
  definition: SagaDefinition,
  from: Start,
  ...events: readonly TransactionEvent[]
): Told {
  let { state, commands: raw } = sagaMachine.begin(definition, from);
  const all = raw.map(inWords);
  for (const event of events) {
    ({ state, commands: raw } = sagaMachine.transition(definition, state, event));
    all.push(...raw.map(inWords));
  }
  return { state, commands: raw.map(inWords), all, raw };
}

/** `do x`, `undo x`, `probe x`, with attempt and generation where they are not the first; `announce y`, `answer z`. */
export function inWords(command: TransactionCommand): string {
  if (command.type === 'announce') return `announce ${command.outcome}`;
  if (command.type === 'alarm') return `alarm ${command.code}`;
  if (command.type === 'answer-parent') return `answer ${command.reply.outcome} to ${command.operation}`;
  if (command.type === 'probe') return `probe ${command.branchId}`;
  const { operation, branchId, attempt, generation } = command;
  const verb = operation === 'action' ? 'do' : 'undo';
  return `${verb} ${branchId}${attempt > 1 ? ` attempt ${attempt}` : ''}${generation > 1 ? ` generation ${generation}` : ''}`;
}

/** What may be said about a reply beside what was replied. */
export interface Circumstances {
  readonly at?: number;
  readonly generation?: number;
  readonly attempt?: number;
  readonly retryAt?: number;
}

/** A reply as an event. */
export type ReplyEvent = TransactionEvent & { readonly type: 'replied' };

/** A reply that arrived at instant 100 for generation 1, unless said otherwise. */
export function replied(
  branchId: string,
  operation: Half,
  reply: Reply,
  circumstances: Circumstances = {},
): ReplyEvent {
  return { type: 'replied', at: 100, generation: 1, branchId, operation, reply, ...circumstances };
}

export const refusal = { code: 'no-such-thing', details: { missing: 1 } } as const;
const hiccup = { code: 'PROVIDER_UNAVAILABLE', message: 'no answer', retryable: true } as const;
const defect = { code: 'DATA_REJECTED', message: 'never', retryable: false } as const;

const succeeded = (branchId: string): Reply => ({ outcome: 'succeeded', output: `${branchId}-output` });

export const done = (branchId: string, c?: Circumstances) =>
  replied(branchId, 'action', succeeded(branchId), c);
export const refused = (branchId: string, c?: Circumstances) =>
  replied(branchId, 'action', { outcome: 'refused', refusal }, c);
export const failedFor = (branchId: string, c?: Circumstances) =>
  replied(branchId, 'action', { outcome: 'failed', failure: hiccup }, c);
export const failedForGood = (branchId: string, c?: Circumstances) =>
  replied(branchId, 'action', { outcome: 'failed', failure: defect }, c);
export const busy = (branchId: string, c?: Circumstances) =>
  replied(branchId, 'action', { outcome: 'in-progress' }, c);

export const undone = (branchId: string, c?: Circumstances) =>
  replied(branchId, 'compensation', { outcome: 'succeeded', output: null }, c);
export const foundNothing = (branchId: string, c?: Circumstances) =>
  replied(branchId, 'compensation', { outcome: 'succeeded', output: null, empty: true }, c);
export const undoRefused = (branchId: string, c?: Circumstances) =>
  replied(branchId, 'compensation', { outcome: 'refused', refusal }, c);
export const undoFailed = (branchId: string, c?: Circumstances) =>
  replied(branchId, 'compensation', { outcome: 'failed', failure: hiccup }, c);
export const undoFailedForGood = (branchId: string, c?: Circumstances) =>
  replied(branchId, 'compensation', { outcome: 'failed', failure: defect }, c);
export const undoBusy = (branchId: string, c?: Circumstances) =>
  replied(branchId, 'compensation', { outcome: 'in-progress' }, c);

export const passed = (at: number, retryAt?: number): TransactionEvent =>
  retryAt === undefined ? { type: 'time-passed', at } : { type: 'time-passed', at, retryAt };
export const resumed = (at = 500): TransactionEvent => ({
  type: 'operator-resumed',
  at,
  actor: 'ada',
  reason: 'repaired',
});
export const probed = (branchId: string, finding: ProbeFinding, at = 100): TransactionEvent => ({
  type: 'probed',
  at,
  branchId,
  generation: 1,
  finding,
});
export const signalled = (name: string, payload: unknown, at = 100, id = 's-1'): TransactionEvent => ({
  type: 'signal-received',
  at,
  name,
  id,
  payload,
});
const decided =
  (type: 'cancel-requested' | 'terminate-requested' | 'operator-paused') =>
  (at = 300): TransactionEvent => ({ type, at, actor: 'ada', reason: 'wanted' });
export const cancelled = decided('cancel-requested');
export const terminated = decided('terminate-requested');
export const paused = decided('operator-paused');
export const skipped = (branchId: string, operation: Half = 'action', at = 500): TransactionEvent => ({
  type: 'operator-skipped',
  at,
  actor: 'ada',
  reason: 'seen',
  branchId,
  operation,
});
export const resultSet = (branchId: string, output: unknown, at = 500): TransactionEvent => ({
  type: 'operator-set-result',
  at,
  actor: 'ada',
  reason: 'seen',
  branchId,
  operation: 'action',
  output,
});
export const parentAsked = (operation: Half, generation = 1, at = 600): TransactionEvent => ({
  type: 'parent-asked',
  at,
  operation,
  generation,
});
export const bug = (at = 400): TransactionEvent => ({ type: 'bug-found', at, message: 'a rule broke' });
