/**
 * Reads what arrives on the orchestrator's inbox: starts, replies, answers to probes, parents' askings, cancellations, and
 * hints that somebody wished for something. Anybody may write to a topic,
 * so a body is checked before it is believed (B96); what is none of these goes to the dead letters.
 */
import { isHalf, type LockAnswered, type Reply } from '@sagamore/engine';
import { isUuid } from '@sagamore/primitives';
import { asksForChild, isChildType } from './children.js';
import { lockHintType } from './message.js';
import { isBranchId, isGeneration } from './message.js';
import type { ChildData, Message, QuestionData, ReplyData, StartData } from './message.js';
import type { Shard } from './ports.js';
import { hasPrecedence } from './precedence.js';
import { isProbed, type ProbedData } from './probe.js';
import { cancelType, isCancel, wishType, type CancelData, type UnheardWish } from './wish.js';

export const startType = 'transaction.start';
export const questionType = 'transaction.decision-asked';

/** One thing that happened to one transaction, in the order it became known. */
export type Input = { readonly transactionId: string; readonly shard: Shard } & (
  | { readonly kind: 'start'; readonly start: StartData }
  | { readonly kind: 'child-asked'; readonly asked: ChildData }
  | { readonly kind: 'reply'; readonly reply: ReplyData }
  | { readonly kind: 'probed'; readonly probed: ProbedData }
  | { readonly kind: 'question'; readonly question: QuestionData }
  | { readonly kind: 'cancel'; readonly cancel: CancelData }
  /** Something is wanted; the store says what. */
  | { readonly kind: 'hint' }
  | { readonly kind: 'wish'; readonly wish: UnheardWish }
  | { readonly kind: 'due' }
  /** Without `heard`, another owner's hint that something may be heard of a lock. */
  | { readonly kind: 'lock'; readonly heard?: Pick<LockAnswered, 'branchId' | 'answer'> }
);

/** The input a message stands for, or why it is none. The shard is the partition it came from (R14). */
export function readInput(message: Message, shard: Shard): Input | { readonly reason: string } {
  const { type, data } = message;
  if (typeof data !== 'object' || data === null) return { reason: 'no body' };
  const { transactionId } = data as { transactionId?: unknown };
  if (typeof transactionId !== 'string' || !isUuid(transactionId)) return { reason: 'no transaction id' };
  if (type === startType)
    return isStart(data) ? { kind: 'start', transactionId, shard, start: data } : { reason: 'not a start' };
  if (type === wishType) return { kind: 'hint', transactionId, shard };
  if (type === cancelType)
    return isCancel(data)
      ? { kind: 'cancel', transactionId, shard, cancel: data }
      : { reason: 'not a cancellation' };
  if (isProbed(data)) return { kind: 'probed', transactionId, shard, probed: data };
  if (type === questionType)
    return isQuestionData(data)
      ? { kind: 'question', transactionId, shard, question: data }
      : { reason: 'not a question' };
  if (isChildType(type))
    return asksForChild(data)
      ? { kind: 'child-asked', transactionId, shard, asked: data }
      : { reason: 'no asking for a child' };
  if (type === lockHintType) return { kind: 'lock', transactionId, shard };
  return isReply(data) ? { kind: 'reply', transactionId, shard, reply: data } : { reason: 'not a reply' };
}

function isStart(data: object): data is StartData {
  const { definition, input } = data as Partial<StartData>;
  return typeof definition === 'string' && input !== undefined && hasPrecedence(data);
}

function isQuestionData(data: object): data is QuestionData {
  const { branchId, participant } = data as Partial<QuestionData>;
  return typeof branchId === 'string' && typeof participant === 'string';
}

function isReply(data: object): data is ReplyData {
  const { branchId, operation, generation, attempt, reply } = data as Partial<ReplyData>;
  return (
    isBranchId(branchId) &&
    isHalf(operation) &&
    isGeneration(generation) &&
    (attempt === undefined || Number.isInteger(attempt)) &&
    typeof reply === 'object' &&
    reply !== null &&
    isOutcome(reply)
  );
}

/** Whether what claims to be a reply has the fields of its outcome. */
export function isOutcome(reply: Reply): boolean {
  switch (reply.outcome) {
    case 'succeeded':
    case 'in-progress':
      return true;
    case 'refused':
      return typeof reply.refusal?.code === 'string';
    case 'failed':
      return typeof reply.failure?.code === 'string' && typeof reply.failure.retryable === 'boolean';
    default:
      return false;
  }
}
