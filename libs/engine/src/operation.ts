/**
 * What one service can be asked to do, as the engine sees it: names and types, no behaviour.
 * `operation()` in `runtime` declares one together with the schemas that check its messages.
 */

/** Which part of a branch is asked for. A protocol uses its own words alone. */
export type Half =
  /** Saga: what is done, and what undoes it. One-phase commit and two-phase message use `action` alone. */
  | 'action'
  | 'compensation'
  /** TCC: what is held, what makes it final, what lets it go. */
  | 'try'
  | 'confirm'
  | 'cancel'
  /** Two-phase commit: the vote, and the two ways in which a vote for yes is settled. */
  | 'prepare'
  | 'commit'
  | 'rollback';

/** Every half there is. */
export const halves = Object.freeze([
  'action',
  'compensation',
  'try',
  'confirm',
  'cancel',
  'prepare',
  'commit',
  'rollback',
] as const satisfies readonly Half[]);

/** Whether a word that came over the wire is a half. */
export function isHalf(word: unknown): word is Half {
  return halves.some((half) => half === word);
}

/** The part a half plays in its branch: it `does` something, `keeps` what was only held, or `undoes` it. What does is
 *  sent its input; the others are sent what they settle (`Confirmation`, `Undo`). */
export function partOf(half: Half): 'does' | 'keeps' | 'undoes' {
  switch (half) {
    case 'action':
    case 'try':
    case 'prepare':
      return 'does';
    case 'confirm':
    case 'commit':
      return 'keeps';
    case 'compensation':
    case 'cancel':
    case 'rollback':
      return 'undoes';
  }
}

/** A typed command with a reply and, where it can be undone, the command that undoes it.
 *  `Input` and `Output` must be JSON: they cross a broker. */
export interface Operation<Input = unknown, Output = unknown> {
  /** The service that does it, e.g. `inventory`; its commands travel on `<participant>.commands`. */
  readonly participant: string;
  /** The message type of the action, e.g. `inventory.reserve`. */
  readonly action: string;
  /** The message type of the compensation, e.g. `inventory.release`; absent where nothing can be undone. */
  readonly compensation?: string;
  /** The message type that makes final what the action only held, e.g. `payment.capture`; absent where the action is
   *  final by itself. TCC needs it, and external work in two-phase commit (R21). */
  readonly confirm?: string;
  /** `external` when the handler calls something outside the service's own database (R7). */
  readonly effect: 'local' | 'external';
  /** How its commands travel. `http`: the host calls the participant itself, with the branch's idempotency key, and no
   *  command topic is needed. Default `bus`. */
  readonly transport?: 'bus' | 'http';
  /** Carries the types; never has a value. */
  readonly types?: { readonly input: Input; readonly output: Output };
}

/** The message type that asks for `half` of `operation`; undefined where the operation has no such half.
 *  An operation with a `confirm` is settled by its own handlers. One without is prepared by the platform, with the
 *  action's handler inside, and settled by two messages that serve all such branches of the participant. */
export function messageTypeFor(operation: Operation, half: Half): string | undefined {
  const { participant, action, compensation, confirm } = operation;
  switch (half) {
    case 'action':
    case 'try':
    case 'prepare':
      return action;
    case 'compensation':
    case 'cancel':
      return compensation;
    case 'confirm':
      return confirm;
    case 'commit':
      return confirm ?? `${participant}.commit-prepared`;
    case 'rollback':
      return confirm === undefined ? `${participant}.rollback-prepared` : compensation;
  }
}

/** The business says no. A value, not an accident: nobody retries it. `details` must be free of personal data. */
export interface Refusal {
  readonly code: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The world failed. `retryable` answers the only question a policy asks. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** The other side asked not to be asked again before this many ms have passed (S82). */
  readonly retryAfterMs?: number;
}

/** A participant's answer to a command. Silence is the fifth outcome: `unknown`. */
export type Reply<Output = unknown> =
  | {
      readonly outcome: 'succeeded';
      readonly output: Output;
      /** An undo that found nothing to undo; after a known success that is no success (R5). */
      readonly empty?: true;
      /** A vote for yes of a participant that has written nothing: it has left, and is not told the decision. */
      readonly readOnly?: true;
    }
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  | { readonly outcome: 'failed'; readonly failure: Failure }
  | { readonly outcome: 'in-progress' };

/** What a participant's own records say of an action whose answer never came. `not-done` is a promise: the participant
 *  has planted the tombstone in the same database transaction, so the action can never take effect any more; where it
 *  cannot promise that it says `not-yet` (R6). */
export type ProbeFinding<Output = unknown> =
  | { readonly outcome: 'succeeded'; readonly output: Output }
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  | { readonly outcome: 'not-done' | 'not-yet' };

/** What an undo is told of what it undoes (R5). `unknown`: asked, and no answer came, or only a person's word; an
 *  `output` beside it is what that person set. `refused`: only where all branches are undone alike, as TCC does. */
export interface Undo<Input = unknown, Output = unknown> {
  readonly input: Input;
  readonly outcome: 'succeeded' | 'refused' | 'unknown';
  readonly output?: Output;
}

/** What a confirm, or a commit, is told of what it makes final. `details`: what the definition adds, if anything. */
export interface Confirmation<Input = unknown, Output = unknown, Details = unknown> {
  readonly input: Input;
  readonly output: Output;
  readonly details?: Details;
}

export function succeeded<Output>(output: Output): Reply<Output> {
  return { outcome: 'succeeded', output };
}

export function refused(code: string, details?: Readonly<Record<string, unknown>>): Reply<never> {
  return { outcome: 'refused', refusal: details === undefined ? { code } : { code, details } };
}

export function failed(failure: Failure): Reply<never> {
  return { outcome: 'failed', failure };
}
