/**
 * What becomes of each command that a machine gives: asked of a fake, run, begun as a child, or merely noted.
 * It is the host of `runtime` in small: what the two do with a command must not differ.
 */
import assert from 'node:assert/strict';
import {
  failed,
  type AskingCommand,
  type ChildCommand,
  type LockClaim,
  type ProbeCommand,
  type ProtocolCommand,
  type Reply,
  type RunLocalCommand,
} from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import { Cast, fakeFrom, stepOf, type Asked } from './cast.js';
import { Fake, fails, HeldKey } from './fake.js';
import { mistake } from './mistake.js';
import type { AnyFake, AnyParticipants, FakeFrom } from './participants.js';
import type { Played, Stage } from './stage.js';
import { check, crossed } from './wire.js';

/** Carries out one command of `played`, now. */
export function carryOut(stage: Stage, played: Played, command: ProtocolCommand): void {
  switch (command.type) {
    case 'announce':
      return void stage.note(`${played.path}${played.definition.name} is ${command.outcome}`);
    case 'alarm':
      stage.alarms.push(command.code);
      return void stage.note(`alarm: ${command.code}`);
    case 'answer-parent':
      return stage.answerParent(played, command);
    case 'decide':
      return;
    case 'send':
      noteCall(stage, played, command);
      return answer(stage, played, command, participantOf(stage, played, command));
    case 'probe':
      noteCall(stage, played, command);
      return probe(stage, played, command);
    case 'run-local':
      noteCall(stage, played, command);
      return runLocal(stage, played, command);
    case 'start-child':
    case 'undo-child':
      noteCall(stage, played, command);
      return askChild(stage, played, command);
  }
}

function noteCall(stage: Stage, { path }: Played, command: AskingCommand): void {
  const { branchId, attempt, generation, payload } = command;
  const half = command.type === 'probe' ? 'probe' : command.operation === 'action' ? 'do' : 'undo';
  const step = path + branchId;
  stage.calls.push({ half, step, attempt, generation, payload, at: stage.now });
  stage.note(`${half} ${step}${attempt > 1 ? `, attempt ${attempt}` : ''}`);
}

function isPlayer(fake: AnyFake | undefined): fake is Fake | FakeFrom<never, unknown> {
  return typeof fake === 'function' || fake instanceof Fake;
}

function isParticipants(fake: AnyFake | undefined): fake is AnyParticipants {
  return typeof fake === 'object' && !(fake instanceof Fake) && !(fake instanceof HeldKey);
}

/** Whoever plays a participant: the closing step and steps whose undo alone is asked need not be told. */
function participantOf(stage: Stage, played: Played, command: AskingCommand): Fake {
  const { path, definition, cast } = played;
  const { name, pass } = stepOf(command.branchId);
  const fake = cast.fakeOf(name);
  if (fake === undefined && definition.onCompensated?.name === name) return new Fake([done]);
  if (!isPlayer(fake))
    throw mistake(
      `${definition.name} asks for "${path}${name}", and nobody plays it`,
      `Say what happens: .participants(${path === '' ? '' : `{ '${path.slice(0, -1)}': `}{ '${name}': succeeds(…) }${path === '' ? '' : ' }'})`,
      stage.story,
    );
  const { payload } = command;
  const isUndo = command.type !== 'probe' && command.operation === 'compensation';
  const told = crossed(`what ${path}${name} is asked with`, payload);
  const input = isUndo && isRecord(told) ? told['input'] : told;
  const asking = { attempt: command.attempt, ...(pass !== undefined && { pass }) };
  return fakeFrom(fake, input, asking);
}

const done = { kind: 'answers', reply: { outcome: 'succeeded', output: {} } } as const;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function answer(stage: Stage, played: Played, command: Asked, fake: Fake): void {
  const { definition, cast, path } = played;
  const where = `${definition.name}/${command.branchId}`;
  const step = [...definition.steps, definition.onCompensated].find(
    (other) => other?.name === stepOf(command.branchId).name,
  );
  assert(step !== undefined, `${where} is a step`);
  if (command.operation === 'action') check(where, step.operation, 'input', command.payload);
  const { answer: reply, delayMs } = cast.ask(command, fake);
  if (reply === undefined) return void stage.note(`${path}${command.branchId} is silent`);
  if (reply.outcome === 'succeeded' && command.operation === 'action' && reply.empty !== true)
    check(where, step.operation, 'output', reply.output);
  replyWith(stage, played, command, { reply, delayMs });
}

function replyWith(
  stage: Stage,
  played: Played,
  { branchId, operation, generation, attempt }: Asked,
  { reply: said, delayMs }: { readonly reply: Reply; readonly delayMs: number },
): void {
  const output = said.outcome === 'succeeded' ? crossed(`what ${branchId} answers`, said.output) : null;
  const reply: Reply = said.outcome === 'succeeded' ? { ...said, output } : said;
  stage.agenda.put(stage.now + delayMs, () => {
    const verb = operation === 'compensation' ? 'undo of ' : '';
    stage.note(`${verb}${played.path}${branchId} answers ${inWords(reply)}`);
    if (operation === 'compensation' && reply.outcome === 'succeeded' && reply.empty !== true)
      stage.noteUndone(played.path + branchId);
    stage.tell(played, { type: 'replied', at: stage.now, branchId, operation, generation, attempt, reply });
  });
}

function inWords(reply: Reply): string {
  switch (reply.outcome) {
    case 'succeeded':
      return reply.empty === true ? 'that there was nothing to undo' : 'done';
    case 'refused':
      return `no: ${reply.refusal.code}`;
    case 'failed':
      return `${reply.failure.code}${reply.failure.retryable ? '' : ', for good'}`;
    case 'in-progress':
      return 'that it is still at it';
  }
}

function probe(stage: Stage, played: Played, command: ProbeCommand): void {
  const { branchId, generation } = command;
  const { answer: finding, delayMs } = played.cast.probe(command, participantOf(stage, played, command));
  if (finding === undefined) return void stage.note(`${played.path}${branchId} is silent`);
  stage.agenda.put(stage.now + delayMs, () => {
    stage.note(`the probe of ${played.path}${branchId} finds ${finding.outcome}`);
    stage.tell(played, { type: 'probed', at: stage.now, branchId, generation, finding });
  });
}

/** The real function, unless a fake plays it. */
function runLocal(stage: Stage, played: Played, command: RunLocalCommand): void {
  if (played.cast.fakeOf(command.step) !== undefined)
    return answer(stage, played, command, participantOf(stage, played, command));
  stage.agenda.put(stage.now, async () => {
    const reply = await replyOfLocal(stage, played, command);
    const { answer: said, delayMs } = played.cast.ask(command, playing(command, reply));
    if (said !== undefined) replyWith(stage, played, command, { reply: said, delayMs });
  });
}

/** One move, for either half. */
function playing({ operation }: RunLocalCommand, reply: Reply): Fake {
  const fake = new Fake([{ kind: 'answers', reply }]);
  return operation === 'compensation' ? fails().undoing(fake) : fake;
}

async function replyOfLocal(stage: Stage, played: Played, command: RunLocalCommand): Promise<Reply> {
  try {
    const value: unknown = await played.protocol.runLocal?.(command);
    return isNo(value) ? value : { outcome: 'succeeded', output: value ?? null };
  } catch (error) {
    if (error instanceof Fault) {
      const { code, message, retryable, retryAfterMs } = error;
      return failed({ code, message, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) });
    }
    stage.noteBug(played, error);
    return failed({ code: 'HANDLER_FAILED', message: 'the function threw', retryable: false });
  }
}

function isNo(value: unknown): value is Reply<never> {
  if (!isRecord(value)) return false;
  const { outcome, refusal, failure } = value;
  return (outcome === 'refused' && isRecord(refusal)) || (outcome === 'failed' && isRecord(failure));
}

/** Another saga, begun when it is asked for first; a fake plays it like any participant. */
function askChild(stage: Stage, played: Played, command: ChildCommand): void {
  const { branchId, operation, generation, payload } = command;
  const fake = played.cast.fakeOf(branchId);
  if (isPlayer(fake)) return answer(stage, played, command, participantOf(stage, played, command));
  const path = `${played.path}${branchId}/`;
  const child = stage.transactions.get(path);
  if (child !== undefined) {
    stage.tell(child, { type: 'parent-asked', at: stage.now, operation, generation });
    return;
  }
  const via = played.definition.steps.find(({ name }) => name === branchId)?.via;
  assert(via?.type === 'child', `${branchId} is another saga`);
  const transactionId = `${played.start.transactionId}/${branchId}`;
  const { transactionId: parentId } = played.start;
  const parent = { transactionId: parentId, branchId, operation, generation };
  const told = crossed(`what ${path} begins with`, payload);
  const input = operation === 'compensation' && isRecord(told) ? told['input'] : told;
  stage.begin(path, via.definition, new Cast(isParticipants(fake) ? fake : {}), {
    transactionId,
    input,
    at: stage.now,
    parent,
  });
}

/** Asks for the keys that a transaction has come to need: the registry of the host, with one transaction in it. */
export function askForLocks(stage: Stage, played: Played, before: ReadonlySet<string>): void {
  for (const { branchId, key, policy } of awaitedLocks(played)) {
    if (before.has(branchId)) continue;
    const fake = played.cast.fakeOf(branchId);
    const held = fake instanceof HeldKey ? fake : new HeldKey('nobody', 0);
    stage.note(`lock ${key}${held.forMs > 0 ? `, which ${held.by} holds` : ''}`);
    const isRefused = held.forMs > 0 && policy === 'fail';
    const waitMs = isRefused || policy === 'reread' ? 0 : held.forMs;
    if (waitMs === Infinity) continue;
    const answer = isRefused
      ? ({ outcome: 'held', by: [held.by] } as const)
      : ({ outcome: 'granted', version: 1 } as const);
    stage.agenda.put(stage.now + waitMs, () => {
      stage.tell(played, { type: 'lock-answered', at: stage.now, branchId, answer });
    });
  }
}

export function awaitedLocks({ protocol, state }: Played): readonly LockClaim[] {
  return (protocol.claims?.(state) ?? []).filter(({ isAwaited }) => isAwaited);
}
