/**
 * What is on its way to the participants that are sent messages, and what has to wait: the coordinator's view of their windows
 * and breakers. It stands between a decision and its sending. What waits here is named by the state too, so nothing of it is
 * stored: a new owner asks again. While a command waits, its transaction's time stands still: no attempt is spent (S83). A
 * prepare alone is given up in its time: those who have voted keep their locks until then, and who stands before these locks
 * answers too late, which is what keeps a breaker open (R19).
 */
import {
  partOf,
  type ProbeCommand,
  type Reply,
  type SendCommand,
  type TransactionId,
} from '@sagamore/engine';
import type { Breaker, News } from '@sagamore/resilience';
import type { Decision, LiveTransaction } from './decision.js';
import type { Input } from './inbox.js';
import { ParticipantWindow, type Direction, type WindowPolicy } from './participant-window.js';
import type { Shard } from './ports.js';
import type { Trials } from './trials.js';

/** What a participant is sent. */
export type Sent = SendCommand | ProbeCommand;

/** A command that may go out now, though not with the decision that led to it. */
export interface Released {
  readonly after: LiveTransaction;
  readonly commands: readonly Sent[];
}

export interface TrafficOptions extends WindowPolicy {
  readonly trials: Trials;
  /** ms of the store's clock. */
  readonly now: () => number;
  /** Told of every change, at once (R25). */
  readonly onBreaker: (participant: string, phase: Breaker['phase']) => void;
  readonly onFault: (error: unknown) => void;
}

/** One half of one branch, from its decision to its answer. */
interface Errand {
  live: LiveTransaction;
  command: Sent;
  readonly window: ParticipantWindow<Errand>;
  readonly direction: Direction;
  /** When it was decided, and when it went out; ms of the store's clock. */
  readonly decidedAt: number;
  sentAt: number | undefined;
  isTrial: boolean;
  isGone: boolean;
}

/** After a fault of the store, before trials are asked for again, ms. */
const faultPauseMs = 1_000;

/** Plain memory but for the trials. Not safe against itself: one call after the other. */
export class Traffic {
  private readonly windows = new Map<string, ParticipantWindow<Errand>>();
  private readonly errands = new Map<TransactionId, Errand[]>();
  /** When each participant's trials may be asked for; infinite while they are. */
  private readonly askAt = new Map<string, number>();

  constructor(private readonly options: TrafficOptions) {}

  /** Whether a command goes out with its decision. Otherwise it waits, and `take` names it when its turn has come. A
   *  decision of two-phase commit is told at once and always: locks wait for it (R19). */
  admits(live: LiveTransaction, command: Sent): boolean {
    if (isDecision(command)) return true;
    const known = this.find(live.record.transactionId, command);
    if (known !== undefined) return this.askAgain(known, live, command);
    return this.begin(live, command);
  }

  /** An answer that came in. What a stranger says of what nobody asked for tells nothing (B96). What has not gone out keeps its
   *  place until a commit says that it is not wanted any more (R12): this batch may fail. */
  hear(input: Input): void {
    const answered = this.answeredBy(input);
    if (answered?.errand.sentAt === undefined) return;
    this.end(answered.errand, answered.outcome);
  }

  /** What was committed: whatever its transaction does not wait for any more is not on its way. What time has ended was
   *  met with silence. */
  follow({ after, entries }: Pick<Decision, 'after' | 'entries'>): void {
    const { transactionId } = after.record;
    const errands = this.errands.get(transactionId);
    if (errands === undefined) return;
    const outstanding = after.protocol.outstanding(after.state);
    const isSilence = entries.some(({ event }) => event.type === 'time-passed');
    for (const errand of Array.from(errands)) {
      const wanted = outstanding.find((other) => isSame(errand.command, other));
      if (wanted === undefined) this.end(errand, isSilence ? 'failed' : undefined);
      else if (isSent(wanted) && wanted.attempt !== errand.command.attempt) this.hearSilence(errand);
    }
  }

  /** By how much later than its state says something falls due for a transaction, ms: for ever, while a command waits for
   *  which time stands still. */
  delayOf(id: TransactionId): number {
    const patient = this.errands.get(id)?.filter(({ command }) => !holdsLocks(command)) ?? [];
    return Math.max(0, ...patient.map(({ sentAt = Infinity, decidedAt }) => sentAt - decidedAt));
  }

  /** Takes out what may go now. */
  take(): readonly Released[] {
    const released: Released[] = [];
    const at = this.options.now();
    for (const window of this.windows.values()) {
      for (let next = window.takeNext(at); next !== undefined; next = window.takeNext(at)) {
        const { errand, isTrial } = next;
        errand.sentAt = at;
        errand.isTrial = isTrial;
        released.push({ after: errand.live, commands: [errand.command] });
      }
    }
    return released;
  }

  /** Whether anything waits. */
  get isHeldUp(): boolean {
    for (const window of this.windows.values()) if (window.waiting > 0) return true;
    return false;
  }

  /** Asks for the trials of whoever has been left alone for long enough, and waits for nothing. */
  seekTrials(): void {
    const at = this.options.now();
    for (const window of this.windows.values()) {
      if (!window.wantsTrials(at) || (this.askAt.get(window.participant) ?? 0) > at) continue;
      this.askAt.set(window.participant, Infinity);
      void this.seek(window);
    }
  }

  /** Nothing is known of this transaction any more, or it is another's. */
  forget(id: TransactionId): void {
    for (const errand of Array.from(this.errands.get(id) ?? [])) this.end(errand, undefined);
  }

  forgetShard(shard: Shard): void {
    for (const errands of Array.from(this.errands.values()))
      if (errands[0]?.live.record.shard === shard)
        for (const errand of Array.from(errands)) this.end(errand, undefined);
    this.forgetIdle();
  }

  /** A breaker that no command of this process will ever try again would be told as open for ever. */
  private forgetIdle(): void {
    for (const [participant, window] of this.windows) {
      if (!window.isIdle || window.phase === 'closed') continue;
      this.windows.delete(participant);
      this.options.onBreaker(participant, 'closed');
    }
  }

  private begin(live: LiveTransaction, command: Sent): boolean {
    const window = this.windowOf(command.participant);
    const direction = directionOf(command);
    const decidedAt = this.options.now();
    const entered = window.tryEnter(direction, decidedAt);
    const errand: Errand = {
      live,
      command,
      window,
      direction,
      decidedAt,
      sentAt: entered === undefined ? undefined : decidedAt,
      isTrial: entered?.isTrial ?? false,
      isGone: false,
    };
    const { transactionId, tenant = '', priority = 0 } = live.record;
    const others = this.errands.get(transactionId);
    if (others === undefined) this.errands.set(transactionId, [errand]);
    else others.push(errand);
    if (entered === undefined) window.wait(errand, { tenant, priority, at: decidedAt });
    return entered !== undefined;
  }

  /** One that waits goes on waiting in its place. One that is out is given up, and asked for like a new one: its
   *  participant may have been left alone since. */
  private askAgain(known: Errand, live: LiveTransaction, command: Sent): boolean {
    if (known.sentAt !== undefined) {
      this.end(known, undefined);
      return this.begin(live, command);
    }
    known.live = live;
    known.command = command;
    return false;
  }

  private hearSilence(errand: Errand): void {
    if (errand.sentAt !== undefined) this.end(errand, 'failed');
  }

  private end(errand: Errand, outcome: News['outcome'] | undefined): void {
    const { window, sentAt, isTrial } = errand;
    errand.isGone = true;
    this.drop(errand);
    if (sentAt === undefined) return;
    const before = window.phase;
    window.leave(outcome && { outcome, at: this.options.now(), sentAt, isTrial });
    this.tell(window, before);
    if (before === 'half-open' && window.phase === 'closed') this.tellAnswered(window.participant);
  }

  private drop(errand: Errand): void {
    const { transactionId } = errand.live.record;
    const others = this.errands.get(transactionId)?.filter((other) => other !== errand) ?? [];
    if (others.length === 0) this.errands.delete(transactionId);
    else this.errands.set(transactionId, others);
  }

  private async seek(window: ParticipantWindow<Errand>): Promise<void> {
    const { trials, now, resetMs: claimMs, onFault } = this.options;
    const { participant, openedAt } = window;
    try {
      const answer = await trials.ask({ participant, openedAt, claimMs });
      const before = window.phase;
      window.hearOfTrials(answer, now());
      this.tell(window, before);
      this.askAt.delete(participant);
    } catch (error) {
      onFault(error);
      this.askAt.set(participant, now() + faultPauseMs);
    }
  }

  private tell(window: ParticipantWindow<Errand>, before: Breaker['phase']): void {
    if (window.phase !== before) this.options.onBreaker(window.participant, window.phase);
  }

  /** Lost, it only costs the others trials of their own. */
  private tellAnswered(participant: string): void {
    const { trials, onFault } = this.options;
    void trials.tellAnswered(participant).catch(onFault);
  }

  private answeredBy(
    input: Input,
  ): { readonly errand: Errand; readonly outcome: News['outcome'] } | undefined {
    if (input.kind === 'probed') {
      const { branchId, generation } = input.probed;
      const errand = this.errandOf(input.transactionId, { type: 'probe', branchId, generation });
      return errand && { errand, outcome: 'answered' };
    }
    if (input.kind !== 'reply') return undefined;
    const { branchId, operation, generation, attempt, reply } = input.reply;
    const errand = this.errandOf(input.transactionId, { type: 'send', branchId, operation, generation });
    if (errand === undefined) return undefined;
    // The repeat of an old passing word tells nothing of the attempt that is out now.
    const isOld = attempt !== undefined && attempt !== errand.command.attempt;
    if (isOld && reply.outcome !== 'succeeded' && reply.outcome !== 'refused') return undefined;
    return { errand, outcome: newsOf(reply) };
  }

  private find(id: TransactionId, command: Sent): Errand | undefined {
    return this.errands.get(id)?.find((errand) => isSame(errand.command, command));
  }

  private errandOf(id: TransactionId, asked: Asked): Errand | undefined {
    return this.errands.get(id)?.find(({ command }) => isSame(command, asked));
  }

  private windowOf(participant: string): ParticipantWindow<Errand> {
    const known = this.windows.get(participant);
    if (known !== undefined) return known;
    const window = new ParticipantWindow<Errand>(participant, this.options);
    this.windows.set(participant, window);
    return window;
  }
}

/** Which half of which branch, whatever the attempt. */
interface Asked {
  readonly type: string;
  readonly branchId?: string;
  readonly operation?: string;
  readonly generation?: number;
}

function isSame(one: Asked, other: Asked): boolean {
  return (
    one.type === other.type &&
    one.branchId === other.branchId &&
    one.operation === other.operation &&
    one.generation === other.generation
  );
}

function isSent(command: { readonly type: string }): command is Sent {
  return command.type === 'send' || command.type === 'probe';
}

function isDecision(command: Sent): boolean {
  return command.type === 'send' && (command.operation === 'commit' || command.operation === 'rollback');
}

/** While it waits, the others of its transaction may have voted. */
function holdsLocks(command: Sent): boolean {
  return command.type === 'send' && command.operation === 'prepare';
}

function directionOf(command: Sent): Direction {
  return command.type === 'send' && partOf(command.operation) === 'does' ? 'forward' : 'back';
}

/** Those of whom somebody else was in the way, or quicker: goods that others keep locked are no illness of the shop. */
const conflicts: ReadonlySet<string> = new Set(['SERIALIZATION_CONFLICT', 'BARRIER_CONFLICT']);

/** Whether a participant is well is told by faults that a repeat may help; everything else is an answer (S86). */
function newsOf(reply: Reply): News['outcome'] {
  const isIll = reply.outcome === 'failed' && reply.failure.retryable && !conflicts.has(reply.failure.code);
  return isIll ? 'failed' : 'answered';
}
