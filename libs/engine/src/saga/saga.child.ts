/**
 * A saga as one step of another: what it tells its parent, and what it does when the parent asks for one of its halves.
 * To the parent it is a participant like any other; that it has an order of its own is nobody else's business (S24).
 */
import type { AnswerParentCommand } from '../command.js';
import type { Reply } from '../operation.js';
import type { RestReason } from '../standing.js';
import type { Journey } from './saga.state.js';

/** The answer for whoever asked last; none where nobody did. */
export function answerParent({ parent }: Journey, reply: Reply): readonly AnswerParentCommand[] {
  return parent === undefined ? none : [{ type: 'answer-parent', ...parent, reply }];
}

const none: readonly AnswerParentCommand[] = Object.freeze([]);

/** A child that is undone has refused, if it was asked to do; has done as it was told, if it was asked to undo. */
export function answerWhenUndone({ parent }: Journey, reason: RestReason): Reply {
  if (parent?.operation === 'compensation') return { outcome: 'succeeded', output: null };
  const { kind, refusal, failure } = reason;
  const code = refusal?.code ?? failure?.code ?? kind;
  const details = refusal?.details;
  return { outcome: 'refused', refusal: details === undefined ? { code } : { code, details } };
}

/** S25: the way back is blocked, so that neither "done" nor "undone" can be said. */
export const blockedAnswer: Reply = {
  outcome: 'failed',
  failure: { code: 'CHILD_PARKED', message: 'the undo of a child saga waits for a person', retryable: false },
};

/** What is done cannot be undone any more: the child is past its pivot, or was given up by a person. */
export function cannotUndo(code: 'beyond-the-pivot' | 'terminated'): Reply {
  return { outcome: 'refused', refusal: { code } };
}
