/**
 * The envelope of everything that travels, and the bodies of commands and replies.
 * Ids are derived from what the message is, so a message sent again after a crash carries the id it had before.
 */
import type { BranchId, Half, Reply, SendCommand, TransactionId } from '@sagamore/engine';
import type { ParentLink } from './ports.js';
import type { Precedence } from './precedence.js';

/** CloudEvents 1.0 in our words. `data` must be JSON. Treat every message as frozen: in one process it is shared. */
export interface Message<Data = unknown> {
  /** Unique within `source`, and the same when the same message is sent again. */
  readonly id: string;
  /** `service.word`: commands imperative, events past tense, replies `<command>.<outcome>`. */
  readonly type: string;
  /** The service that sent it. */
  readonly source: string;
  /** Without the prefix (R18), which only the bus knows. */
  readonly topic: string;
  /** Messages of one key arrive in the order they were sent. */
  readonly key: string;
  /** Chosen by us for shards (R14); otherwise the bus hashes the key. */
  readonly partition?: number;
  /** ms of the sender's store clock. */
  readonly occurredAt: number;
  /** The id of the message that led to this one. */
  readonly causationId?: string;
  /** W3C trace context. */
  readonly traceparent?: string;
  /** Hybrid logical time as `<physical ms>.<counter>`, stamped and observed by the bus. */
  readonly hybridTime?: string;
  readonly data: Data;
}

/** Where a reply goes: the shard that owns the transaction. */
export interface ReplyAddress {
  readonly topic: string;
  readonly partition: number;
}

/** The body of a command: which branch of which transaction, and what is asked. */
export interface CommandData<Payload = unknown> {
  readonly transactionId: TransactionId;
  readonly branchId: BranchId;
  readonly operation: Half;
  readonly generation: number;
  readonly attempt: number;
  readonly replyTo: ReplyAddress;
  /** For what does something its input; for an undo of any kind an `Undo`; for what keeps a `Confirmation`. */
  readonly payload: Payload;
}

/** The body of a reply. `attempt` is absent where it answers every attempt alike: a child says how it stands. */
export interface ReplyData {
  readonly transactionId: TransactionId;
  readonly branchId: BranchId;
  readonly operation: Half;
  readonly generation: number;
  readonly attempt?: number;
  readonly reply: Reply;
}

/** The body of `transaction.start`, on the orchestrator's inbox. */
export interface StartData extends Precedence {
  readonly transactionId: TransactionId;
  readonly definition: string;
  readonly input: unknown;
}

/** The body of `transaction.start-child` and `transaction.undo-child`: one transaction asks for another as its step. */
export interface ChildData extends StartData {
  /** A child begins under the version that its parent names (S91). */
  readonly version: number;
  /** Who asks, for which half, and where the answer goes. */
  readonly parent: ParentLink;
}

/** The body of `transaction.decision-asked`: a participant is in doubt about what it has prepared (S69). */
export interface QuestionData {
  readonly transactionId: TransactionId;
  readonly branchId: BranchId;
  /** The service that asks. */
  readonly participant: string;
}

/** The body of `transaction.completed`, `.compensated`, `.terminated` and `.parked`. */
export interface OutcomeData {
  readonly transactionId: TransactionId;
  readonly definition: string;
  readonly version: number;
  readonly outcome: string;
  readonly reason?: unknown;
  /** What a completed transaction returns, if it returns anything, and no more than the limit. */
  readonly output?: unknown;
}

export const inboxTopic = 'orchestrator.inbox';
export const transactionEventsTopic = 'transaction.events';

export function commandTopic(participant: string): string {
  return `${participant}.commands`;
}

/** Where a service is told the decision on what its database has prepared. Apart from the commands: a batch of those may
 *  wait for the very locks that the decision lets go of (R19). */
export function settlementTopic(participant: string): string {
  return `${participant}.settlements`;
}

/** The message types with which a service is told the decision. */
export function settlementTypesOf(participant: string): ReadonlyMap<string, 'commit' | 'rollback'> {
  return new Map([
    [`${participant}.commit-prepared`, 'commit'],
    [`${participant}.rollback-prepared`, 'rollback'],
  ]);
}

export function eventTopic(service: string): string {
  return `${service}.events`;
}

const deadLetterSuffix = '.dead-letters';

export function deadLetterTopic(topic: string): string {
  return topic + deadLetterSuffix;
}

/** The topic whose dead letters `topic` holds; undefined where it holds none. */
export function buriedTopicOf(topic: string): string | undefined {
  return topic.endsWith(deadLetterSuffix) ? topic.slice(0, -deadLetterSuffix.length) : undefined;
}

/** Names the trace that a message belongs to, and where in it: under the transaction, or under the span of the message. */
export type TraceContext = (transactionId: TransactionId, messageId?: string) => string;

/** One trace a transaction: a UUID is a trace id as it stands, so the trace needs no memory (R24). */
export function traceparentOf(transactionId: TransactionId): string {
  const traceId = transactionId.replaceAll('-', '');
  return `00-${traceId}-${traceId.slice(16)}-01`;
}

/** The type of the hint to a transaction's owner that something may be heard of a lock it waits for. */
export const lockHintType = 'transaction.look-at-locks';

/** The hint; lost or repeated it changes nothing, because the owner reads the registry itself. */
export function lockHint(
  { transactionId, shard, key }: { transactionId: TransactionId; shard: number; key: string },
  at: number,
): Message<{ readonly transactionId: TransactionId }> {
  return {
    id: `${transactionId}/lock/${key}/${at}`,
    type: lockHintType,
    source: 'orchestrator',
    topic: inboxTopic,
    key: transactionId,
    partition: shard,
    occurredAt: at,
    traceparent: traceparentOf(transactionId),
    data: { transactionId },
  };
}

/** Whether a word that came over the wire can name a branch, in every store. */
export function isBranchId(word: unknown): word is string {
  return typeof word === 'string' && word.length > 0 && word.length <= 200 && !word.includes('\0');
}

/** Whether a number that came over the wire can count generations, in every store. */
export function isGeneration(count: unknown): count is number {
  return typeof count === 'number' && Number.isInteger(count) && Math.abs(count) < 2 ** 31;
}

export interface CommandContext {
  readonly transactionId: TransactionId;
  readonly replyTo: ReplyAddress;
  readonly at: number;
  /** Default: under the transaction. */
  readonly traceparent?: TraceContext;
}

function topicOf({ participant, messageType }: SendCommand): string {
  return settlementTypesOf(participant).has(messageType)
    ? settlementTopic(participant)
    : commandTopic(participant);
}

export function commandMessage(command: SendCommand, context: CommandContext): Message<CommandData> {
  const { transactionId, replyTo, at, traceparent = traceparentOf } = context;
  const { branchId, operation, generation, attempt, payload } = command;
  const id = `${transactionId}/${branchId}/${operation}/${generation}/${attempt}`;
  return {
    id,
    type: command.messageType,
    source: 'orchestrator',
    topic: topicOf(command),
    key: transactionId,
    occurredAt: at,
    traceparent: traceparent(transactionId, id),
    data: { transactionId, branchId, operation, generation, attempt, replyTo, payload },
  };
}

export function replyMessage(
  command: Message<CommandData>,
  reply: Reply,
  context: { readonly source: string; readonly at: number },
): Message<ReplyData> {
  const { transactionId, branchId, operation, generation, attempt, replyTo } = command.data;
  return {
    id: `${command.id}/${reply.outcome}`,
    type: `${command.type}.${reply.outcome}`,
    source: context.source,
    topic: replyTo.topic,
    key: transactionId,
    partition: replyTo.partition,
    occurredAt: context.at,
    causationId: command.id,
    traceparent: command.traceparent ?? traceparentOf(transactionId),
    data: { transactionId, branchId, operation, generation, attempt, reply },
  };
}
