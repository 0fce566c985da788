/**
 * Fake participants, told as data: what one answers, how often, how late, and how its undo goes.
 * A fake only says what happens when the work itself is reached; the barrier before it is the real one.
 */
import type { Failure, Refusal, Reply } from '@sagamore/engine';
import { msOf, type Duration } from './time.js';

/** What a participant does with one command. `answers`: does it and says so · `loses`: does it, and nobody hears of it
 *  but a probe · `ignores`: never got it · `away`: never got it, and answers no probe either. */
export type Move =
  { readonly kind: 'answers' | 'loses'; readonly reply: Reply } | { readonly kind: 'ignores' | 'away' };

/** A participant's behaviour at one step: a move for each attempt, the last one repeated for ever. Immutable. */
export class Fake<out Output = unknown> {
  /** Carries the type; never has a value. */
  readonly types?: { readonly output: Output };

  constructor(
    readonly moves: readonly Move[],
    readonly delayMs = 0,
    readonly undo?: Fake,
  ) {}

  /** The same, each answer so much later. The work itself is done at once; only the word of it is slow. */
  after(delay: Duration): Fake<Output> {
    return new Fake<Output>(this.moves, msOf(delay), this.undo);
  }

  /** The same, and its undo goes like `undo`. Without it an undo works at once. */
  undoing(undo: Fake): Fake<Output> {
    return new Fake<Output>(this.moves, this.delayMs, undo);
  }
}

function answering<Output>(reply: Reply<Output>): Fake<Output> {
  return new Fake<Output>([{ kind: 'answers', reply }]);
}

/** Does it and answers `output`. */
export function succeeds(): Fake<null>;
export function succeeds<const Output>(output: Output): Fake<Output>;
export function succeeds(output: unknown = null): Fake {
  return answering({ outcome: 'succeeded', output });
}

/** Says no, in the business's own word. */
export function refuses(code: string, details?: Refusal['details']): Fake<never> {
  const refusal = details === undefined ? { code } : { code, details };
  return answering<never>({ outcome: 'refused', refusal });
}

/** The world fails, and no repetition would help. */
export function fails(code = 'PROVIDER_REJECTED'): Fake<never> {
  return answering<never>({ outcome: 'failed', failure: failure(code, false) });
}

/** What a failure may say about itself. */
export interface FailsOptions {
  readonly code?: string;
  /** The participant asks not to be asked again before this has passed. */
  readonly retryAfter?: Duration;
}

/** The world fails `count` times in a way that a repetition may mend; then `next`, which is done without a result where
 *  nothing is said. */
export function failsTimes(count: number): Fake<null>;
export function failsTimes<Output>(count: number, next: Fake<Output>, options?: FailsOptions): Fake<Output>;
export function failsTimes(count: number, next: Fake = succeeds(), options: FailsOptions = {}): Fake {
  const { code = 'PROVIDER_UNAVAILABLE', retryAfter } = options;
  const told = failure(code, true);
  const reply: Reply = {
    outcome: 'failed',
    failure: retryAfter === undefined ? told : { ...told, retryAfterMs: msOf(retryAfter) },
  };
  return before(count, { kind: 'answers', reply }, next);
}

/** Fails at every attempt in a way that a repetition might have mended. */
export function keepsFailing(code = 'PROVIDER_UNAVAILABLE'): Fake<never> {
  return answering<never>({ outcome: 'failed', failure: failure(code, true) });
}

/** Says `count` times that it is still at it, then `next`. */
export function isBusyTimes<Output>(count: number, next: Fake<Output>): Fake<Output> {
  return before(count, { kind: 'answers', reply: { outcome: 'in-progress' } }, next);
}

/** Never does it and never answers; a probe finds that nothing was done. */
export function staysSilent(): Fake<never> {
  return new Fake<never>([{ kind: 'ignores' }]);
}

/** Does not get the first `count` commands; then `next`. */
export function missesTimes<Output>(count: number, next: Fake<Output>): Fake<Output> {
  return before(count, { kind: 'ignores' }, next);
}

/** Does it, but no answer ever arrives: only a probe finds `output`. */
export function losesReply<const Output>(output: Output): Fake<Output> {
  return new Fake<Output>([{ kind: 'loses', reply: { outcome: 'succeeded', output } }]);
}

/** Cannot be reached at all: answers neither commands nor probes. */
export function isAway(): Fake<never> {
  return new Fake<never>([{ kind: 'away' }]);
}

function before<Output>(count: number, move: Move, next: Fake<Output>): Fake<Output> {
  const moves = [...Array.from({ length: count }, () => move), ...next.moves];
  return new Fake<Output>(moves, next.delayMs, next.undo);
}

function failure(code: string, retryable: boolean): Failure {
  return { code, message: 'as the test says', retryable };
}

/** What stands in the way of a semantic lock. Told nothing, a key is free. */
export class HeldKey {
  constructor(
    readonly by: string,
    readonly forMs: number,
  ) {}
}

/** Another transaction holds the key: for so long once it is asked for, or, where nothing is said, for ever. */
export function isHeld(
  duration?: Duration,
  { by = 'another-transaction' }: { readonly by?: string } = {},
): HeldKey {
  return new HeldKey(by, duration === undefined ? Infinity : msOf(duration));
}
