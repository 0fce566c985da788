/**
 * A transaction's journal as intervals: each asking from when it was asked until it was answered, and the stretches in
 * which nothing was asked and only time, or somebody outside, could end the wait. Made by replaying the stored events, so
 * it needs nothing but them, and can be made again, with the same result, by whoever owns the transaction (R24).
 */
import type { ProtocolCommand, AskingCommand } from './command.js';
import type { Replied, TransactionEvent } from './event.js';
import type { Half } from './operation.js';
import type { Protocol, Start } from './transaction.js';

/** One attempt at one half of a branch, or one probe of it. Instants are ms of the store's clock. */
export interface AskedAttempt {
  readonly kind: AskingCommand['type'];
  readonly branchId: string;
  /** What was asked for; `probe` asks what became of an action. */
  readonly operation: Half | 'probe';
  readonly generation: number;
  readonly attempt: number;
  /** Who was asked, and by which word; absent for what the orchestrator does itself. */
  readonly participant?: string;
  readonly messageType?: string;
  readonly askedAt: number;
  /** When the answer was recorded, or when it was no longer waited for. */
  readonly endedAt: number;
  /** `unknown`: no answer was recorded. */
  readonly outcome: 'succeeded' | 'refused' | 'failed' | 'not-done' | 'not-yet' | 'unknown';
  /** Of a refusal or a failure. */
  readonly code?: string;
}

/** A stretch in which no answer was outstanding: a timer, a back-off, a signal or a person was waited for. */
export interface IdleWait {
  readonly from: number;
  readonly until: number;
  /** The event that ended it; absent while it lasts. */
  readonly endedBy?: TransactionEvent['type'];
}

export interface History {
  readonly attempts: readonly AskedAttempt[];
  readonly waits: readonly IdleWait[];
  /** Two-phase commit alone: its decision, and when it was made. */
  readonly decision?: { readonly decision: string; readonly at: number };
  /** The instant of the last event, or of the start. */
  readonly until: number;
}

type Open = Omit<AskedAttempt, 'endedAt' | 'outcome'>;
type Ending = Pick<AskedAttempt, 'endedAt' | 'outcome' | 'code'>;

/** The intervals of a transaction from its row and its events, in the order in which they were asked. Throws what the
 *  definition's own functions throw. */
export function historyOf(protocol: Protocol, start: Start, events: readonly TransactionEvent[]): History {
  const story = new Story(start.at);
  let { state, commands } = protocol.begin(start);
  story.ask(commands, start.at);
  for (const event of events) {
    const isIdle = protocol.outstanding(state).length === 0;
    story.hear(event, isIdle);
    ({ state, commands } = protocol.transition(state, event));
    story.ask(commands, event.at);
  }
  return story.end();
}

/** Collects what is asked and what answers it, for one transaction. */
class Story {
  private readonly open = new Map<string, Open>();
  private readonly closed: AskedAttempt[] = [];
  private readonly waits: IdleWait[] = [];
  private decision: History['decision'];

  constructor(private until: number) {}

  ask(commands: readonly ProtocolCommand[], at: number): void {
    for (const command of commands) {
      if (!isAsking(command)) continue;
      const asked = openAttempt(command, at);
      // Whoever was busy is asked under the same number again: it is the same attempt, still under way.
      if (this.open.has(keyOf(asked))) continue;
      this.supersede(asked.branchId, at);
      this.open.set(keyOf(asked), asked);
    }
  }

  hear(event: TransactionEvent, isIdle: boolean): void {
    if (isIdle && event.at > this.until)
      this.waits.push({ from: this.until, until: event.at, endedBy: event.type });
    if (event.type === 'replied' && event.reply.outcome !== 'in-progress')
      this.close(this.answered(event), endingOf(event));
    if (event.type === 'probed') {
      const asked = this.last((open) => open.operation === 'probe' && open.branchId === event.branchId);
      this.close(asked, { endedAt: event.at, outcome: event.finding.outcome });
    }
    if (event.type === 'decided') this.decision = { decision: event.decision, at: event.at };
    this.until = Math.max(this.until, event.at);
  }

  end(): History {
    for (const asked of this.open.values()) this.close(asked, { endedAt: this.until, outcome: 'unknown' });
    const attempts = this.closed.toSorted((one, other) => one.askedAt - other.askedAt);
    const told = { attempts, waits: this.waits, until: this.until };
    return this.decision === undefined ? told : { ...told, decision: this.decision };
  }

  /** Whatever of the branch is still open is not waited for any more once it is asked anew. */
  private supersede(branchId: string, at: number): void {
    for (const asked of this.open.values())
      if (asked.branchId === branchId) this.close(asked, { endedAt: at, outcome: 'unknown' });
  }

  private answered({ branchId, operation, attempt }: Replied): Open | undefined {
    return this.last(
      (open) =>
        open.branchId === branchId &&
        open.operation === operation &&
        (attempt === undefined || open.attempt === attempt),
    );
  }

  private last(wanted: (open: Open) => boolean): Open | undefined {
    return [...this.open.values()].findLast(wanted);
  }

  private close(asked: Open | undefined, ending: Ending): void {
    if (asked === undefined) return;
    this.open.delete(keyOf(asked));
    this.closed.push({ ...asked, ...ending });
  }
}

/** Whether a command waits for an answer. */
export function isAsking(command: ProtocolCommand): command is AskingCommand {
  switch (command.type) {
    case 'send':
    case 'probe':
    case 'run-local':
    case 'start-child':
    case 'undo-child':
      return true;
    default:
      return false;
  }
}

function openAttempt(command: AskingCommand, askedAt: number): Open {
  const { type: kind, branchId, generation, attempt } = command;
  const operation: Open['operation'] = command.type === 'probe' ? 'probe' : command.operation;
  const asked = { kind, branchId, operation, generation, attempt, askedAt };
  if (command.type !== 'send' && command.type !== 'probe') return asked;
  return { ...asked, participant: command.participant, messageType: command.messageType };
}

function endingOf({ at, reply }: Replied): Ending {
  if (reply.outcome === 'refused') return { endedAt: at, outcome: 'refused', code: reply.refusal.code };
  if (reply.outcome === 'failed') return { endedAt: at, outcome: 'failed', code: reply.failure.code };
  return { endedAt: at, outcome: reply.outcome === 'succeeded' ? 'succeeded' : 'unknown' };
}

function keyOf({ branchId, operation, generation, attempt }: Open): string {
  return `${branchId}/${operation}/${generation}/${attempt}`;
}
