/**
 * A saga as one step of another, between two shards of the orchestrator: how the parent's asking travels, and the child's
 * answer. The asking follows from the parent's state, so it is sent again like any command; the answer is saved with the
 * child's event, for a child that works is waited for without asking, so nothing would bring a lost answer back (R16).
 */
import type { AnswerParentCommand, ChildCommand, Undo } from '@sagamore/engine';
import { derivedUuid, isUuid, shardOf } from '@sagamore/primitives';
import { inboxTopic, traceparentOf, type ChildData, type Message, type ReplyData } from './message.js';
import { bounded } from './payload-limit.js';
import type { ParentLink, TransactionRecord } from './ports.js';
import { hasPrecedence, precedenceOf } from './precedence.js';

const startChildType = 'transaction.start-child';
const undoChildType = 'transaction.undo-child';

/** The id of the child that a branch asks for: always the same one, so that a repeat meets it. It sorts beside its
 *  parent's, because what is kept or dropped by ranges of ids keeps a family together (S108). */
export function childIdOf(transactionId: string, branchId: string): string {
  return derivedUuid(transactionId, branchId);
}

export interface AskingContext {
  readonly parent: TransactionRecord;
  readonly shardCount: number;
  /** ms of the store's clock. */
  readonly at: number;
}

/** The asking, on its way to the child's shard. Both halves carry all that a child begins with: whichever comes first
 *  plants the seat, and an undo that comes first leaves nothing for the start to do (R6). */
export function childMessage(
  command: ChildCommand,
  { parent, shardCount, at }: AskingContext,
): Message<ChildData> {
  const { branchId, operation, generation, attempt, definition, version, payload } = command;
  const input = command.type === 'start-child' ? payload : undoOf(payload).input;
  const childId = childIdOf(parent.transactionId, branchId);
  const { transactionId, shard } = parent;
  return {
    id: `${transactionId}/${branchId}/${operation}/${generation}/${attempt}`,
    type: `transaction.${command.type}`,
    source: 'orchestrator',
    topic: inboxTopic,
    key: childId,
    partition: shardOf(childId, shardCount),
    occurredAt: at,
    traceparent: traceparentOf(transactionId),
    data: {
      transactionId: childId,
      definition,
      version,
      input: input ?? null,
      parent: { transactionId, branchId, operation, generation, shard },
      ...precedenceOf(parent),
    },
  };
}

// The machine's own payload: what it put into the command comes back with it.
function undoOf(payload: unknown): Undo {
  return payload as Undo;
}

export interface AnswerContext {
  readonly child: TransactionRecord;
  readonly parent: ParentLink;
  /** Events of the child so far, which tells two answers apart and gives one that is saved again its old id. */
  readonly seq: number;
  readonly at: number;
}

/** The answer, on its way to the parent's shard. Its key is the child's id: what one child says arrives in order. */
export function answerMessage(
  { transactionId, branchId, operation, generation, reply }: AnswerParentCommand,
  { child, parent, seq, at }: AnswerContext,
): Message<ReplyData> {
  const half = operation === 'action' ? startChildType : undoChildType;
  const childId = child.transactionId;
  return {
    id: `${childId}/${operation}/${generation}/${seq}/${reply.outcome}`,
    type: `${half}.${reply.outcome}`,
    source: 'orchestrator',
    topic: inboxTopic,
    key: childId,
    partition: parent.shard,
    occurredAt: at,
    traceparent: traceparentOf(transactionId),
    data: { transactionId, branchId, operation, generation, reply: bounded(operation, reply) },
  };
}

export function isChildType(type: string): boolean {
  return type === startChildType || type === undoChildType;
}

/** Whether a body asks for a child, and for the one that its parent's branch names (B96). */
export function asksForChild(data: object): data is ChildData {
  const { transactionId, definition, version, input, parent } = data as Partial<ChildData>;
  return (
    typeof definition === 'string' &&
    Number.isInteger(version) &&
    input !== undefined &&
    isParent(parent) &&
    hasPrecedence(data) &&
    transactionId === childIdOf(parent.transactionId, parent.branchId)
  );
}

function isParent(parent: Partial<ParentLink> | null | undefined): parent is ParentLink {
  if (typeof parent !== 'object' || parent === null) return false;
  const { transactionId, branchId, operation, generation, shard } = parent;
  return (
    typeof transactionId === 'string' &&
    isUuid(transactionId) &&
    typeof branchId === 'string' &&
    (operation === 'action' || operation === 'compensation') &&
    Number.isInteger(generation) &&
    Number.isInteger(shard)
  );
}
