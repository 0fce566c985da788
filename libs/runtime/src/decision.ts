/**
 * From what happened to one transaction to what must be saved and sent: the batch's view of the machine.
 * Pure but for the luck it is handed; it changes no memory, because memory follows the commit (R12).
 */
import {
  partOf,
  type ChildCommand,
  type LockClaim,
  type ParentAsked,
  type Protocol,
  type ProtocolCommand,
  type Replied,
  type SendCommand,
  type Standing,
  type TransactionEvent,
} from '@sagamore/engine';
import { backoffMs, type Random } from '@sagamore/primitives';
import { isShelved, startOf } from './definitions.js';
import type { Input } from './inbox.js';
import type { ReplyData } from './message.js';
import { bounded, fits, tooLargeToSend } from './payload-limit.js';
import type { JournalEntry, TransactionRecord } from './ports.js';
import { eventOfWish } from './wish.js';

/** A transaction held in memory by the owner of its shard. */
export interface LiveTransaction {
  readonly record: TransactionRecord;
  readonly protocol: Protocol;
  readonly state: unknown;
  /** Events journaled so far. */
  readonly seq: number;
  /** All its events, where it began in this process and they are few; else the journal alone knows them. */
  readonly events?: readonly TransactionEvent[];
  /** Present while its row says that it is out of memory. */
  readonly dueAt?: number;
}

/** What a batch does to one transaction. */
export interface Decision {
  readonly before: Standing | undefined;
  readonly after: LiveTransaction;
  readonly standing: Standing;
  readonly entries: readonly JournalEntry[];
  readonly commands: readonly ProtocolCommand[];
  /** For one that is parked in the store, since when: a wish for another rest is not for this one (S94). */
  readonly parkedAt?: number;
  /** Whether the row says that it is out of memory: any commit must then say otherwise. */
  readonly wasEvicted?: boolean;
  /** Until when it leaves memory with this commit. */
  readonly evictedUntil?: number;
  /** The locks that it held or asked for BEFORE; absent where its definition knows of none. */
  readonly claimsBefore?: readonly LockClaim[] | undefined;
  /** The wishes that were told to it. */
  readonly heard: readonly string[];
}

export interface DecisionContext {
  /** ms of the store's clock, one for the whole batch (R15). */
  readonly at: number;
  readonly random: Random;
  /** Told of a rule of the program that broke; the transaction is parked with reason `bug` (R2). */
  readonly onBug: (transactionId: string, error: unknown) => void;
}

/** Beyond so many, a transaction's events are read back from the journal by those who want them: memory must not grow with
 *  a loop. */
const eventsKeptMax = 32;

/** Begins a transaction. Throws when the definition cannot take the input: then nothing of it exists. */
export function begin(protocol: Protocol, record: TransactionRecord): Decision {
  const { state, commands } = protocol.begin(startOf(record));
  const after = { record, protocol, state, seq: 0, events: [] };
  const standing = protocol.standing(state);
  const begun: Decision = { before: undefined, after, standing, entries: [], commands, heard: [] };
  return refuseTooLarge(begun, commands, record.startedAt);
}

/** Adds one input to a decision. An input that changes nothing leaves it as it is, but for the wish that was heard. */
export function decide(decision: Decision, input: Input, context: DecisionContext): Decision {
  if (input.kind === 'due') return passTime(decision, context);
  if (isUnheardHere(decision, input)) return decision;
  const heard =
    input.kind === 'wish' ? { ...decision, heard: [...decision.heard, input.wish.wishId] } : decision;
  const event = eventOf(input, context.at);
  if (event === undefined || isStaleWish(input, decision) || hasBegunWith(decision, event)) return heard;
  // What somebody said must not be lost with a bug: told again at rest, it is merely kept.
  const ifBug = event.type === 'signal-received' ? decision : heard;
  return tell(heard, event, context, ifBug);
}

/** Things of one transaction that time serves in one batch: a thousand passes of a loop that time out together must not
 *  keep all the others waiting. What is left is still due, and is served by the next look. */
const servedMax = 200;

/** Time serves one thing an event, so that each draws its own `retryAt`: it is told as long as anything is due. */
function passTime(decision: Decision, context: DecisionContext): Decision {
  let current = decision;
  for (let served = 0; served < servedMax && isDue(current, context.at); served++) {
    const next = tell(current, { type: 'time-passed', at: context.at }, context);
    if (next === current) break;
    current = next;
  }
  return current;
}

function isDue({ after: { protocol, state } }: Decision, at: number): boolean {
  const dueAt = protocol.dueAt(state);
  return dueAt !== undefined && dueAt <= at;
}

function tell(
  decision: Decision,
  event: TransactionEvent,
  context: DecisionContext,
  ifBug = decision,
): Decision {
  const { protocol, state } = decision.after;
  try {
    if (event.type === 'parent-asked' && hasEnded(decision)) return answerAgain(decision, event);
    const next = advance(decision, withRetry(protocol, state, event, context));
    return isShelved(next.after) ? shelve(next, context.at) : next;
  } catch (error) {
    context.onBug(decision.after.record.transactionId, error);
    return spoil(ifBug, context.at);
  }
}

/** Without its definition a transaction can hear nothing but that it shall go on; what else is wanted waits. */
function isUnheardHere({ after }: Decision, input: Input): boolean {
  return isShelved(after) && input.kind === 'wish' && input.wish.wanted.type !== 'operator-resumed';
}

/** Parks a transaction for which a rule of the program broke, with what was decided before (R2). */
export function spoil(decision: Decision, at: number): Decision {
  return advance(decision, { type: 'bug-found', at, message: 'a rule of the definition broke' });
}

/** Parks a transaction that cannot be run here, so that a person sees it (S92); one that rests already is left as it is. */
export function shelve(decision: Decision, at: number): Decision {
  return advance(decision, { type: 'definition-missing', at });
}

/** A decision about a transaction in memory to which nothing has happened yet. */
export function undecided(live: LiveTransaction): Decision {
  const standing = live.protocol.standing(live.state);
  const decision = { before: standing, after: live, standing, entries: [], commands: [], heard: [] };
  // Most pass here, and need no luggage.
  if (live.dueAt === undefined && live.protocol.claims === undefined) return decision;
  return {
    ...decision,
    ...(live.dueAt !== undefined && { wasEvicted: true }),
    ...(live.protocol.claims !== undefined && { claimsBefore: claimsOf(live) }),
  };
}

/** The locks that a transaction holds or asks for. */
export function claimsOf({ protocol, state }: LiveTransaction): readonly LockClaim[] {
  return protocol.claims?.(state) ?? [];
}

/** Whether anything must be saved. */
export function hasEffect(decision: Decision): boolean {
  const { before, entries, commands, heard } = decision;
  return before === undefined || entries.length > 0 || heard.length > 0 || commands.some(isAnswer);
}

function isAnswer({ type }: ProtocolCommand): boolean {
  return type === 'answer-parent';
}

/** The asking with which a child has just begun is answered by its beginning. */
function hasBegunWith({ before, after: { record } }: Decision, event: TransactionEvent): boolean {
  if (event.type !== 'parent-asked' || before !== undefined) return false;
  const { parent } = record;
  return parent?.operation === event.operation && parent.generation === event.generation;
}

/** One that is held for its parent can still be undone, but only by those who have its definition. */
function hasEnded({ before, after }: Decision): boolean {
  return before?.phase === 'final' || (before?.phase === 'held' && isShelved(after));
}

/** R16: a child's end is never forgotten. It is told from where its row stands, which does not change any more (I31). */
function answerAgain(decision: Decision, event: ParentAsked): Decision {
  const { protocol, state } = decision.after;
  const answers = protocol.transition(state, event).commands.filter(isAnswer);
  return { ...decision, commands: [...decision.commands, ...answers] };
}

function advance(decision: Decision, event: TransactionEvent): Decision {
  const { record, protocol, state, seq } = decision.after;
  const next = protocol.transition(state, event);
  if (next.state === state && next.commands.length === 0) return decision;
  const entry: JournalEntry = {
    transactionId: record.transactionId,
    shard: record.shard,
    seq: seq + 1,
    event,
  };
  // A rest that is announced is a new one; to go on resting, as one does who merely learns something, is not.
  const goesOnResting = !next.commands.some(({ type }) => type === 'announce');
  const told: Decision = {
    before: decision.before,
    ...(decision.wasEvicted === true && { wasEvicted: true }),
    claimsBefore: decision.claimsBefore,
    after: { record, protocol, state: next.state, seq: seq + 1, ...remembered(decision.after, event) },
    standing: protocol.standing(next.state),
    entries: decision.entries.length === 0 ? [entry] : [...decision.entries, entry],
    commands: decision.commands.length === 0 ? next.commands : [...decision.commands, ...next.commands],
    heard: decision.heard,
    ...(goesOnResting && decision.parkedAt !== undefined && { parkedAt: decision.parkedAt }),
  };
  // I20: votes and decision are one journal write, and the commands that carry the decision out follow from it.
  const due = next.commands.find((command) => command.type === 'decide');
  if (due !== undefined) return advance(told, { type: 'decided', at: event.at, decision: due.decision });
  return refuseTooLarge(told, next.commands, event.at);
}

function remembered({ events }: LiveTransaction, event: TransactionEvent): Pick<LiveTransaction, 'events'> {
  return events === undefined || events.length >= eventsKeptMax ? {} : { events: [...events, event] };
}

/** S105: what is too large to be sent is not, and its machine hears a refusal in the same breath: nothing has happened. */
function refuseTooLarge(decision: Decision, asked: readonly ProtocolCommand[], at: number): Decision {
  return asked.filter(isTooLarge).reduce((current, command) => {
    const { branchId, operation, generation, attempt } = command;
    const commands = current.commands.filter((other) => other !== command);
    const asking = { branchId, operation, generation, attempt };
    return advance({ ...current, commands }, { type: 'replied', at, ...asking, reply: tooLargeToSend });
  }, decision);
}

/** What settles carries an input and an output that were both within the limit; only what does something can outgrow it. */
function isTooLarge(command: ProtocolCommand): command is SendCommand | ChildCommand {
  if (command.type !== 'send' && command.type !== 'start-child') return false;
  return partOf(command.operation) === 'does' && !fits(command.payload);
}

/** A resumption is for one rest: late, it ends no other, nor one that only this batch decides upon. */
function isStaleWish(input: Input, { parkedAt }: Decision): boolean {
  if (input.kind !== 'wish' || input.wish.wanted.type !== 'operator-resumed') return false;
  return input.wish.parkedAt !== parkedAt;
}

/** What a reply tells a machine: nothing but the fields that were checked, for anybody may write to a topic (B96). */
export function repliedOf(
  { branchId, operation, generation, attempt, reply }: ReplyData,
  at: number,
): Replied {
  const kept = bounded(operation, reply);
  const told = { type: 'replied', at, branchId, operation, generation, reply: kept } as const;
  return attempt === undefined ? told : { ...told, attempt };
}

function eventOf(input: Input, at: number): TransactionEvent | undefined {
  switch (input.kind) {
    case 'start':
    case 'question':
    case 'hint':
    case 'due':
      return undefined;
    case 'lock':
      return input.heard === undefined ? undefined : { type: 'lock-answered', at, ...input.heard };
    case 'wish':
      return eventOfWish(input.wish, at);
    case 'cancel':
      return { type: 'cancel-requested', at, actor: input.cancel.actor, reason: input.cancel.reason };
    case 'probed': {
      const { branchId, generation, finding } = input.probed;
      return { type: 'probed', at, branchId, generation, finding };
    }
    case 'child-asked': {
      const { operation, generation } = input.asked.parent;
      return { type: 'parent-asked', at, operation, generation };
    }
    case 'reply':
      return repliedOf(input.reply, at);
  }
}

/** Draws the jittered instant of the next attempt into the event, so that replay needs no luck (R15). */
function withRetry(
  protocol: Protocol,
  state: unknown,
  event: TransactionEvent,
  { random }: DecisionContext,
): TransactionEvent {
  if (event.type !== 'replied' && event.type !== 'time-passed') return event;
  const retry = protocol.retryOf(state, event);
  if (retry === undefined) return event;
  const waitMs = Math.max(backoffMs(retry.attempt, retry.policy, random), retry.notBeforeMs ?? 0);
  return { ...event, retryAt: event.at + waitMs };
}
