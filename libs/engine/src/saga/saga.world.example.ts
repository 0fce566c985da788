/**
 * A small unkind world for the model spec: participants with a barrier and real effects, a network that loses, repeats
 * and reorders, orchestrators that crash and replay, people who cancel, pause and repair. Drawn from one seed.
 * No part of the library's face. It knows nothing of nodes or states: only commands, events and effects.
 */
import assert from 'node:assert/strict';
import { answerTo, judge, seatsTakenBy, type BarrierRow } from '../barrier/barrier.js';
import type { AskingCommand, TransactionCommand } from '../command.js';
import type { TransactionEvent } from '../event.js';
import type { LockAnswer } from '../locks/lock.js';
import type { Half, Reply } from '../operation.js';
import type { Start } from '../transaction.js';
import type { SagaDefinition } from './saga.definition.js';
import { claimsOf } from './saga.lock.js';
import { sagaMachine } from './saga.machine.js';
import { sagaProtocol } from './saga.protocol.js';
import type { SagaState } from './saga.state.js';

/** One transaction as its orchestrator holds it. */
interface Run {
  readonly definition: SagaDefinition;
  readonly start: Start;
  readonly events: TransactionEvent[];
  state: SagaState;
}

/** Something on its way to somebody. */
type Letter =
  | { readonly to: 'participant'; readonly tx: string; readonly command: AskingCommand }
  | { readonly to: 'orchestrator'; readonly tx: string; readonly event: (at: number) => TransactionEvent };

/** What really happened, in order. `ask`: the first command of a half left its orchestrator · `effect`: a participant
 *  did it · `undone`: it answered an undo, whether or not there was anything to undo. */
export interface Deed {
  readonly what: 'ask' | 'effect' | 'undone';
  readonly tx: string;
  readonly branchId: string;
  readonly half: Half;
}

export class World {
  readonly runs = new Map<string, Run>();
  readonly deeds: Deed[] = [];
  private readonly rows = new Map<string, BarrierRow[]>();
  private readonly asked = new Set<string>();
  private letters: Letter[] = [];
  private now = 1;
  private seed: number;

  constructor(
    seed: number,
    private isUnkind = true,
  ) {
    this.seed = seed >>> 0;
  }

  /** Whether something of this likelihood happens now; in a kind world nothing bad does. */
  private happens(likelihood: number): boolean {
    this.seed = (Math.imul(this.seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.isUnkind && this.seed / 4_294_967_296 < likelihood;
  }

  private pick(count: number): number {
    this.seed = (Math.imul(this.seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.seed / 4_294_967_296) * count);
  }

  begin(tx: string, definition: SagaDefinition, parent?: Start['parent']): void {
    const start: Start = { transactionId: tx, input: {}, at: this.now, ...(parent && { parent }) };
    const { state, commands } = sagaMachine.begin(definition, start);
    this.runs.set(tx, { definition, start, events: [], state });
    this.carryOut(tx, commands);
  }

  /** Lives through `steps` moments full of accidents. */
  rage(steps: number): void {
    for (let left = steps; left > 0; left--) this.moment();
  }

  /** From now on everybody answers and people repair what is parked. Answers whether everything came to an end. */
  heal(stepsMax: number): boolean {
    this.isUnkind = false;
    for (let left = stepsMax; left > 0; left--) {
      if (this.letters.length === 0 && [...this.runs.values()].every((run) => isAtEnd(run))) return true;
      this.moment();
    }
    return false;
  }

  private moment(): void {
    this.now += 1 + this.pick(20);
    const [tx, run] = [...this.runs][this.pick(this.runs.size)]!;
    const at = this.now;
    if (this.happens(0.03)) return this.crash(tx, run);
    const person = { at, actor: 'ada', reason: 'drawn' };
    if (this.happens(0.02)) return this.tell(tx, { type: 'cancel-requested', ...person });
    if (this.happens(0.02)) return this.tell(tx, { type: 'operator-paused', ...person });
    if (this.letters.length > 0 && !this.happens(0.2)) return this.deliver();
    if (this.needsPerson(run) && (!this.isUnkind || this.happens(0.3)))
      return this.tell(tx, { type: 'operator-resumed', ...person });
    if (!this.happens(0.2) && this.answerLock(tx, run)) return;
    this.passTime(tx, run);
  }

  /** The registry of locks has its own specs; here its answer is drawn. */
  private answerLock(tx: string, { definition, state }: Run): boolean {
    const claim = claimsOf(definition, state).find(({ isAwaited }) => isAwaited);
    if (claim === undefined || state.status === 'parked') return false;
    const answer: LockAnswer = this.happens(0.1)
      ? { outcome: 'held', by: ['somebody'] }
      : { outcome: 'granted', version: this.now };
    this.tell(tx, { type: 'lock-answered', at: this.now, branchId: claim.branchId, answer });
    return true;
  }

  private needsPerson({ state }: Run): boolean {
    return state.status === 'parked' || ('isPaused' in state && state.isPaused);
  }

  private passTime(tx: string, run: Run): void {
    const due = sagaMachine.dueAt(run.definition, run.state);
    if (due === undefined) return;
    this.now = Math.max(this.now, due);
    this.tell(tx, { type: 'time-passed', at: this.now, retryAt: this.now + 7 });
  }

  private deliver(): void {
    const [letter] = this.letters.splice(this.pick(this.letters.length), 1);
    assert(letter !== undefined);
    if (this.happens(0.15)) this.letters.push(letter);
    const isLoseable = letter.to === 'participant' || !('durable' in letter);
    if (isLoseable && this.happens(0.15)) return;
    if (letter.to === 'orchestrator') this.tell(letter.tx, letter.event(this.now));
    else this.ask(letter.tx, letter.command);
  }

  private tell(tx: string, event: TransactionEvent): void {
    const run = this.runs.get(tx);
    if (run === undefined) return;
    const { state, commands } = sagaMachine.transition(run.definition, run.state, event);
    if (state === run.state) {
      assert.deepEqual(commands, [], 'what changes nothing asks for nothing');
      return;
    }
    this.checkLuck(run, event, state);
    run.events.push(event);
    run.state = state;
    this.carryOut(tx, commands);
  }

  /** The host is asked to draw an instant exactly when some branch is going to wait for one. */
  private checkLuck({ definition, state: before }: Run, event: TransactionEvent, after: SagaState): void {
    const waits = (state: SagaState) =>
      'active' in state ? state.active.filter(({ waitingFor }) => waitingFor === 'retry').length : 0;
    const drawn = sagaProtocol(definition).retryOf(before, event) !== undefined;
    if (!drawn) assert(waits(after) <= waits(before), 'a back-off began without luck');
  }

  /** Memory is lost: the journal says where the transaction stands, and what is outstanding is asked again. */
  private crash(tx: string, run: Run): void {
    let { state } = sagaMachine.begin(run.definition, run.start);
    for (const event of run.events) state = sagaMachine.transition(run.definition, state, event).state;
    assert.deepEqual(state, run.state, 'replay reaches another state');
    run.state = state;
    this.carryOut(tx, sagaMachine.outstanding(run.definition, state));
  }

  private carryOut(tx: string, commands: readonly TransactionCommand[]): void {
    for (const command of commands) {
      if (command.type === 'announce' || command.type === 'alarm') continue;
      if (command.type === 'answer-parent') {
        const { transactionId, branchId, operation, generation, reply } = command;
        const event = (at: number) =>
          ({ type: 'replied', at, branchId, operation, generation, reply, retryAt: at + 5 }) as const;
        const durable = { to: 'orchestrator', tx: transactionId, event, durable: true } as const;
        this.letters.push(durable);
        continue;
      }
      if (command.type !== 'probe') this.noteAsking(tx, command.branchId, command.operation);
      this.letters.push({ to: 'participant', tx, command });
    }
  }

  private noteAsking(tx: string, branchId: string, half: Half): void {
    const key = `${tx}/${branchId}/${half}`;
    if (this.asked.has(key)) return;
    this.asked.add(key);
    this.deeds.push({ what: 'ask', tx, branchId, half });
  }

  private ask(tx: string, command: AskingCommand): void {
    if (command.type === 'probe') return this.answerProbe(tx, command);
    if (command.type === 'start-child' || command.type === 'undo-child') return this.askChild(tx, command);
    const rows = this.rowsOf(tx, command.branchId);
    const reply = this.replyTo(tx, command, rows);
    if (reply === undefined) return;
    const { branchId, operation, generation, attempt } = command;
    this.send(tx, (at) => ({
      type: 'replied',
      at,
      branchId,
      operation,
      generation,
      attempt,
      reply,
      retryAt: at + 5,
    }));
  }

  private replyTo(
    tx: string,
    command: Exclude<AskingCommand, { type: 'probe' }>,
    rows: BarrierRow[],
  ): Reply | undefined {
    const { operation, generation } = command;
    switch (judge({ operation, generation }, rows)) {
      case 'run':
        return this.run(tx, command, rows);
      case 'duplicate':
        return answerTo({ operation, generation }, rows)?.reply;
      case 'empty': {
        const reply: Reply = { outcome: 'succeeded', output: {}, empty: true };
        const seats = seatsTakenBy({ operation, generation }, rows);
        rows.push({ operation, generation: 1, outcome: 'empty', reply }, ...seats);
        this.note('undone', tx, command);
        return reply;
      }
      case 'late':
        return { outcome: 'refused', refusal: { code: 'cancelled-before' } };
      case 'in-progress':
        return { outcome: 'in-progress' };
    }
  }

  private run(tx: string, command: Exclude<AskingCommand, { type: 'probe' }>, rows: BarrierRow[]): Reply {
    const { operation, generation, branchId } = command;
    const isUndo = operation === 'compensation';
    if (this.happens(0.08)) return { outcome: 'in-progress' };
    if (this.happens(0.15))
      return { outcome: 'failed', failure: { code: 'X', message: 'x', retryable: !this.happens(0.3) } };
    if (this.happens(isUndo ? 0.05 : 0.1)) {
      const reply: Reply = { outcome: 'refused', refusal: { code: 'no' } };
      if (!isUndo) rows.push({ operation, generation, outcome: 'refused', reply });
      return reply;
    }
    const reply: Reply = { outcome: 'succeeded', output: branchId };
    rows.push({ operation, generation, outcome: 'succeeded', reply });
    this.note(isUndo ? 'undone' : 'effect', tx, command);
    return reply;
  }

  private note(
    what: Deed['what'],
    tx: string,
    { branchId, operation }: { branchId: string; operation: Half },
  ): void {
    this.deeds.push({ what, tx, branchId, half: operation });
  }

  /** R6: "not done" plants the tombstone. */
  private answerProbe(
    tx: string,
    { branchId, generation }: AskingCommand & { readonly type: 'probe' },
  ): void {
    const rows = this.rowsOf(tx, branchId);
    const row = answerTo({ operation: 'action', generation }, rows);
    if (row === undefined) rows.push({ operation: 'action', generation: 1, outcome: 'planted' });
    const reply = row?.reply;
    const finding =
      reply?.outcome === 'succeeded' || reply?.outcome === 'refused'
        ? reply
        : ({ outcome: 'not-done' } as const);
    this.send(tx, (at) => ({ type: 'probed', at, branchId, generation, finding }));
  }

  private askChild(
    tx: string,
    command: AskingCommand & { readonly type: 'start-child' | 'undo-child' },
  ): void {
    const { branchId, operation, generation } = command;
    const child = `${tx}/${branchId}`;
    if (this.runs.has(child))
      return this.tell(child, { type: 'parent-asked', at: this.now, operation, generation });
    const step = this.runs.get(tx)?.definition.steps.find(({ name }) => name === branchId);
    assert(step?.via.type === 'child');
    this.begin(child, step.via.definition, { transactionId: tx, branchId, operation, generation });
  }

  private send(tx: string, event: (at: number) => TransactionEvent): void {
    this.letters.push({ to: 'orchestrator', tx, event });
  }

  private rowsOf(tx: string, branchId: string): BarrierRow[] {
    const key = `${tx}/${branchId}`;
    const rows = this.rows.get(key) ?? [];
    this.rows.set(key, rows);
    return rows;
  }

  /** The branches whose effect stands: done and not undone. */
  standing(tx: string): readonly string[] {
    const own = this.deeds.filter((deed) => deed.tx === tx);
    const undone = new Set(own.filter(({ what }) => what === 'undone').map(({ branchId }) => branchId));
    return own
      .filter(({ what, branchId }) => what === 'effect' && !undone.has(branchId))
      .map(({ branchId }) => branchId);
  }
}

function isAtEnd({ definition, state }: Run): boolean {
  const { phase } = sagaProtocol(definition).standing(state);
  return phase === 'final' || phase === 'held';
}
