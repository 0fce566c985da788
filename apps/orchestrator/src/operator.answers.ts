/**
 * From what became of a start or a wish to what HTTP says of it. Whoever comes second, or too late, is told where the
 * transaction stands now, so that they need not ask again (S41, S94).
 */
import { invalidRequest, ProblemException } from '@sagamore/platform';
import type { Decline, StartAnswer, WishAnswer } from '@sagamore/runtime';
import { z } from 'zod';
import { standingOf } from './transaction.view.js';

/** Saved; what comes of it the transaction itself will show. */
export const accepted = z.object({ transactionId: z.string(), status: z.literal('accepted') });

export type Accepted = z.infer<typeof accepted>;

export function acceptedAnswer(transactionId: string): Accepted {
  return { transactionId, status: 'accepted' };
}

/** The answer to a wish; throws the problem when it was not taken. */
export function wishAnswer(transactionId: string, answer: WishAnswer): Accepted {
  switch (answer.outcome) {
    case 'accepted':
      return acceptedAnswer(transactionId);
    case 'declined':
      throw declineOf(answer.why, { ...standingOf(answer.standing), journalVersion: answer.version });
    case 'invalid':
      throw invalidRequest(answer.issues, '/payload');
    case 'id-reused':
      throw keyReused();
    case 'unknown':
      throw unknownTransaction();
  }
}

/** `current`: where the transaction stands, for whoever comes second or too late. */
function declineOf(why: Decline, current: object): ProblemException {
  const saying = (detail: string) => ({ detail, extensions: { current } });
  switch (why) {
    case 'ended':
      return new ProblemException(409, 'TRANSACTION_ENDED', saying('the transaction is at its end'));
    case 'moved-on':
      return new ProblemException(409, 'VERSION_CHANGED', saying('it is not at the version that was named'));
    case 'asked-already':
      return new ProblemException(409, 'ASKED_ALREADY', saying('the same was asked for, and is carried out'));
    case 'too-late':
      return new ProblemException(
        409,
        'TOO_LATE',
        saying('the moment at which this could change anything is over'),
      );
    case 'not-awaited':
      return new ProblemException(
        422,
        'SIGNAL_UNKNOWN',
        saying('the definition waits for no signal of this name'),
      );
    case 'nothing-to-do':
      return new ProblemException(409, 'NOTHING_TO_DO', saying('as it now stands this would change nothing'));
  }
}

/** The answer to a start; throws the problem when nothing was started. */
export function startAnswer(answer: StartAnswer): Accepted {
  switch (answer.outcome) {
    case 'accepted':
      return acceptedAnswer(answer.transactionId);
    case 'key-reused':
      throw keyReused();
    case 'invalid':
      throw invalidRequest(answer.issues, '/input');
    case 'unfit':
      throw new ProblemException(422, 'INPUT_UNFIT', {
        detail: 'the definition cannot begin with this input',
      });
    case 'not-startable':
      throw new ProblemException(422, 'DEFINITION_NOT_STARTABLE', {
        detail: 'only the service to which this definition belongs starts it',
      });
    case 'definition-unknown':
      throw new ProblemException(422, 'DEFINITION_UNKNOWN', { detail: 'no definition has this name' });
  }
}

export function unknownTransaction(): ProblemException {
  return new ProblemException(404, 'TRANSACTION_UNKNOWN', { detail: 'no transaction has this id' });
}

function keyReused(): ProblemException {
  return new ProblemException(422, 'IDEMPOTENCY_KEY_REUSED', {
    detail: 'the Idempotency-Key was used for another request',
  });
}
