/**
 * What one service can be asked to do, as the engine sees it: names and types, no behaviour.
 * `operation()` in `runtime` declares one together with the schemas that check its messages.
 */

/** Which half of a branch is asked for. */
export type Half = 'action' | 'compensation';

/** A typed command with a reply and, where it can be undone, the command that undoes it.
 *  `Input` and `Output` must be JSON: they cross a broker. */
export interface Operation<Input = unknown, Output = unknown> {
  /** The service that does it, e.g. `inventory`; its commands travel on `<participant>.commands`. */
  readonly participant: string;
  /** The message type of the action, e.g. `inventory.reserve`. */
  readonly action: string;
  /** The message type of the compensation, e.g. `inventory.release`; absent where nothing can be undone. */
  readonly compensation?: string;
  /** `external` when the handler calls something outside the service's own database (R7). */
  readonly effect: 'local' | 'external';
  /** How its commands travel. `http`: the host calls the participant itself, with the branch's idempotency key, and no
   *  command topic is needed. Default `bus`. */
  readonly transport?: 'bus' | 'http';
  /** Carries the types; never has a value. */
  readonly types?: { readonly input: Input; readonly output: Output };
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
 *  `output` beside it is what that person set. */
export interface Undo<Input = unknown, Output = unknown> {
  readonly input: Input;
  readonly outcome: 'succeeded' | 'unknown';
  readonly output?: Output;
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
