/**
 * One saga and its children, played by the real machine in virtual time: it does what an orchestrator's host does, and
 * keeps what it saw. Nothing is saved, sent or waited for, and the only luck, the back-off, is always the longest.
 */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import {
  sagaProtocol,
  type AnswerParentCommand,
  type LateReply,
  type ProtocolCommand,
  type Protocol,
  type SagaDefinition,
  type SagaState,
  type Start,
  type TransactionEvent,
} from '@sagamore/engine';
import { backoffMs } from '@sagamore/primitives';
import { Agenda } from './agenda.js';
import { askForLocks, awaitedLocks, carryOut } from './carry-out.js';
import { Cast } from './cast.js';
import { mistake } from './mistake.js';
import { sinceBeginning } from './time.js';

/** One transaction as its orchestrator holds it. */
export interface Played {
  /** Empty for the saga itself; for a child the names of the steps that lead to it, each with a slash behind it. */
  readonly path: string;
  readonly definition: SagaDefinition;
  readonly protocol: Protocol<SagaState>;
  readonly start: Start;
  readonly cast: Cast;
  readonly events: TransactionEvent[];
  state: SagaState;
}

/** One asking, as it left the orchestrator. */
export interface Call {
  readonly half: 'do' | 'undo' | 'probe';
  /** The step's name; a pass of a loop has its number behind it, a step of a child the child's before it. */
  readonly step: string;
  readonly attempt: number;
  readonly generation: number;
  /** The step's input, or for an undo what it is told of what it undoes. */
  readonly payload: unknown;
  /** ms since 1970, of the virtual clock. */
  readonly at: number;
}

/** An answer that came after its decision. */
export interface Late {
  readonly step: string;
  readonly meaning: LateReply;
  readonly at: number;
}

/** Far beyond any saga of sense: what goes on for longer goes round in circles. */
const momentsMax = 200_000;
const longest = { next: () => 1 };

export class Stage {
  readonly calls: Call[] = [];
  readonly alarms: string[] = [];
  readonly undone: string[] = [];
  readonly late: Late[] = [];
  readonly unheard: string[] = [];
  readonly bugs: unknown[] = [];
  readonly story: string[] = [];
  readonly transactions = new Map<string, Played>();
  readonly agenda = new Agenda();
  private moments = 0;

  constructor(
    readonly beganAt: number,
    public now = beganAt,
  ) {}

  /** Begins a transaction. What its definition throws on its input is thrown here: nothing of it exists then. */
  begin(path: string, definition: SagaDefinition, cast: Cast, start: Start): void {
    const protocol = sagaProtocol(definition);
    const { state, commands } = protocol.begin(start);
    const played = { path, definition, protocol, start, cast, events: [], state };
    this.transactions.set(path, played);
    this.carryOut(played, commands);
    askForLocks(this, played, new Set());
  }

  get root(): Played {
    const root = this.transactions.get('');
    assert(root !== undefined, 'the saga has begun');
    return root;
  }

  /** Tells a transaction what happened; whether that changed anything. */
  tell(played: Played, event: TransactionEvent): boolean {
    const { protocol, state } = played;
    const told = this.withRetry(played, event);
    const before = new Set(awaitedLocks(played).map(({ branchId }) => branchId));
    const next = this.transition(played, told);
    if (next.state === state && next.commands.length === 0) {
      const meaning = event.type === 'replied' ? protocol.classifyLate?.(state, event) : undefined;
      if (event.type === 'replied' && meaning !== undefined)
        this.late.push({ step: played.path + event.branchId, meaning, at: this.now });
      return false;
    }
    this.carryOut(played, next.commands);
    askForLocks(this, played, before);
    return true;
  }

  private transition(played: Played, event: TransactionEvent): ReturnType<Protocol<SagaState>['transition']> {
    const { protocol, state, events } = played;
    let journaled = event;
    let next;
    try {
      next = protocol.transition(state, event);
    } catch (error) {
      // R2: the host parks a transaction whose definition breaks.
      this.noteBug(played, error);
      journaled = { type: 'bug-found', at: this.now, message: 'a rule of the definition broke' };
      next = protocol.transition(state, journaled);
    }
    if (next.state !== state) events.push(journaled);
    played.state = next.state;
    return next;
  }

  private withRetry({ protocol, state }: Played, event: TransactionEvent): TransactionEvent {
    if (event.type !== 'replied' && event.type !== 'time-passed') return event;
    const retry = protocol.retryOf(state, event);
    if (retry === undefined) return event;
    const waitMs = Math.max(backoffMs(retry.attempt, retry.policy, longest), retry.notBeforeMs ?? 0);
    return { ...event, retryAt: event.at + waitMs };
  }

  private carryOut(played: Played, commands: readonly ProtocolCommand[]): void {
    for (const command of commands) carryOut(this, played, command);
  }

  /** A child's answer travels like any other. */
  answerParent({ path }: Played, { branchId, operation, generation, reply }: AnswerParentCommand): void {
    const parent = this.transactions.get(path.slice(0, path.length - branchId.length - 1));
    assert(parent !== undefined, `${path} has a parent`);
    this.agenda.put(this.now, () => {
      const event = { type: 'replied', branchId, operation, generation, reply, at: this.now } as const;
      if (operation === 'compensation' && reply.outcome === 'succeeded' && reply.empty !== true)
        this.noteUndone(parent.path + branchId);
      this.tell(parent, event);
    });
  }

  /** Once a step: an undo that is asked for again takes no second effect. */
  noteUndone(step: string): void {
    if (!this.undone.includes(step)) this.undone.push(step);
  }

  /** Adds a line to the story, and answers where it stands. */
  note(what: string): number {
    return this.story.push(`${sinceBeginning(this.now - this.beganAt)}  ${what}`) - 1;
  }

  noteBug({ path, definition }: Played, error: unknown): void {
    this.bugs.push(error);
    this.note(`${path}${definition.name} breaks: ${error instanceof Error ? error.message : String(error)}`);
  }

  /** Lives on to the instant `until`, or to the end of all that can happen, or until `isThere`. */
  async live(until: number, isThere: () => boolean = () => false): Promise<void> {
    while (!isThere()) {
      const next = Math.min(this.agenda.next, this.due?.at ?? Infinity);
      if (next > until || next === Infinity) break;
      await this.moment(next);
    }
    if (Number.isFinite(until) && !isThere()) this.now = Math.max(this.now, until);
  }

  /** Lives on while anybody is asked or asked again; stops where only a timer, a deadline or an outsider is waited for. */
  async settle(): Promise<void> {
    for (;;) {
      const { due } = this;
      if (due !== undefined && due.isAsking && due.at < this.agenda.next) await this.moment(due.at);
      else if (this.agenda.next < Infinity) await this.moment(this.agenda.next);
      else return;
    }
  }

  private async moment(at: number): Promise<void> {
    if (++this.moments > momentsMax)
      throw mistake(
        `the saga is still busy after ${momentsMax} moments`,
        'Look for a wait that ends in the past, or end with now() after until(…)',
        this.story.slice(-20),
      );
    this.now = Math.max(this.now, at);
    if (this.agenda.next <= at) return this.agenda.take()?.happen();
    const { due } = this;
    if (due !== undefined) this.tell(due.played, { type: 'time-passed', at: this.now });
  }

  /** What falls due first, and whether it is only about somebody who was asked. */
  private get due():
    { readonly played: Played; readonly at: number; readonly isAsking: boolean } | undefined {
    let first: { readonly played: Played; readonly at: number } | undefined;
    for (const played of this.transactions.values()) {
      const at = played.protocol.dueAt(played.state);
      if (at !== undefined && (first === undefined || at < first.at)) first = { played, at };
    }
    return first && { ...first, isAsking: isAsking(first.played.state, first.at) };
  }

  /** Memory is lost: everything is found again by the journal, and what is outstanding is asked again. */
  crash(): void {
    this.note('the orchestrator dies and is started again');
    for (const played of this.transactions.values()) {
      played.state = replayed(played);
      askForLocks(this, played, new Set());
      this.carryOut(played, played.protocol.outstanding(played.state));
    }
  }

  /** Throws a mistake where the same events lead somewhere else when they are told once more. */
  assertPure(): void {
    if (this.bugs.length > 0) return;
    for (const played of this.transactions.values())
      if (!isDeepStrictEqual(replayed(played), played.state))
        throw mistake(
          `${played.definition.name} is not pure: told the same events again it stands elsewhere`,
          'Let the functions of a definition use nothing but their arguments: no clock, no luck, no variable that changes',
        );
  }
}

function replayed({ protocol, start, events }: Played): SagaState {
  let { state } = protocol.begin(start);
  for (const event of events) ({ state } = protocol.transition(state, event));
  return state;
}

function isAsking(state: SagaState, at: number): boolean {
  if (!('active' in state) || state.deadline <= at) return false;
  const due = state.active.find((branch) => branch.due <= at);
  switch (due?.waitingFor) {
    case 'reply':
    case 'retry':
    case 'poll':
    case 'probe':
    case 'next-probe':
      return true;
    case 'child':
    case 'late-reply':
    case 'instant':
    case 'signal':
    case 'lock':
    case undefined:
      return false;
  }
}
