/**
 * A provider that takes part in sagas over HTTP: what it is asked for has one effect a key, what is undone takes the key's
 * seat for good, and a probe that finds nothing closes it. What a booking or a payment costs is told by whoever runs it.
 */
import { z } from 'zod';
import { Calls, type Decision, type Reply } from './calls.js';
import type { Answer, LedgerPage, Line } from './ledger.js';

/** What becomes of one request. `busyMs`: how long it takes · `isLost`: it is done, and the socket is destroyed. */
export type Verdict = { readonly busyMs?: number } & (
  | { readonly output: Readonly<Record<string, unknown>>; readonly isLost?: boolean }
  | { readonly refusal: string }
  | { readonly status: 503 }
);

/** One thing that can be asked for. */
export interface Offer {
  /** The path it is asked at, e.g. `travel.book-flight`, and the one at which it is taken back. */
  readonly action: string;
  readonly compensation?: string;
  /** What does not fit is answered 400. */
  fits(body: unknown): boolean;
  /** `times`: how often this key was asked for before without a decision. */
  decide(body: Readonly<Record<string, unknown>>, key: string, times: number): Verdict;
}

const entry = z.object({
  kind: z.enum(['done', 'undone', 'closed']),
  action: z.string(),
  key: z.string(),
  at: z.number(),
});

/** One effect on the world, as the ledger shows it. */
export type DeskEntry = z.infer<typeof entry>;

type Seat = DeskEntry['kind'];

const gone: Answer = { status: 410, body: { code: 'gone' } };

export class Desk {
  private readonly seats = new Map<string, Seat>();
  private readonly answers = new Map<string, Answer>();
  private readonly failures = new Map<string, number>();
  private readonly calls: Calls<DeskEntry>;

  constructor(
    readonly offers: readonly Offer[],
    options: { readonly file: string | undefined; readonly pause: (ms: number) => Promise<void> },
  ) {
    this.calls = new Calls({ ...options, entry, apply: (line) => this.apply(line) });
  }

  /** Does what is offered, once a key. 200 with the output, 422 with a code, 410 behind an undo or a probe. */
  ask(offer: Offer, key: string, body: Readonly<Record<string, unknown>>): Promise<Reply> {
    const name = seatOf(offer, key);
    const verdict = offer.decide(body, key, this.failures.get(name) ?? 0);
    const decide = (): Decision<DeskEntry> => {
      if (this.seats.has(name)) return { answer: gone };
      if ('status' in verdict) {
        this.failures.set(name, (this.failures.get(name) ?? 0) + 1);
        return { answer: { status: 503, body: { code: 'unavailable' } }, kept: false };
      }
      if ('refusal' in verdict) return { answer: { status: 422, body: { code: verdict.refusal } } };
      const { output, isLost = false } = verdict;
      return {
        answer: { status: 200, body: output },
        entry: entryOf('done', offer, key),
        replyIsLost: isLost,
      };
    };
    return this.calls.perform({ operation: offer.action, key, body, busyMs: verdict.busyMs ?? 0, decide });
  }

  /** Takes back what was done under `key`, and closes it in any case (R8). */
  undo(offer: Offer, key: string, body: Readonly<Record<string, unknown>>): Promise<Reply> {
    const decide = (): Decision<DeskEntry> => {
      const isDone = this.seats.get(seatOf(offer, key)) === 'done';
      const kind = isDone ? 'undone' : 'closed';
      return {
        answer: { status: 200, body: isDone ? {} : { empty: true } },
        entry: entryOf(kind, offer, key),
      };
    };
    const operation = offer.compensation ?? `undo ${offer.action}`;
    return this.calls.perform({ operation, key, body, busyMs: 0, decide });
  }

  /** What became of `key`: its answer, 202 while it is being worked on, and else the promise that it never will be. */
  async probe(offer: Offer, key: string): Promise<Answer> {
    const seat = this.seats.get(seatOf(offer, key));
    if (seat === 'undone' || seat === 'closed') return gone;
    const known = this.answers.get(seatOf(offer, key));
    if (known !== undefined) return known;
    if (this.calls.isRunning(offer.action, key)) return { status: 202, body: {} };
    const decide = (): Decision<DeskEntry> => ({ answer: gone, entry: entryOf('closed', offer, key) });
    const closed = await this.calls.perform({
      operation: `probe ${offer.action}`,
      key,
      body: {},
      busyMs: 0,
      decide,
    });
    return closed.answer;
  }

  ledger(after: number, limit: number): LedgerPage<DeskEntry> {
    return this.calls.page(after, limit);
  }

  close(): void {
    this.calls.close();
  }

  private apply({ operation, key, answer, entry: effect }: Line<DeskEntry>): void {
    if (effect !== undefined) this.seats.set(`${effect.action} ${effect.key}`, effect.kind);
    const offer = this.offers.find(({ action }) => action === operation);
    if (offer !== undefined) this.answers.set(seatOf(offer, key), answer);
  }
}

function seatOf({ action }: Offer, key: string): string {
  return `${action} ${key}`;
}

function entryOf(kind: Seat, { action }: Offer, key: string): DeskEntry {
  return { kind, action, key, at: Date.now() };
}
