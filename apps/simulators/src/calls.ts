/**
 * Idempotency as good providers have it: a key stands for one decision, whatever the number of requests.
 * A repeat hears the saved answer, a request beside a running one waits for it, another body under the same key is
 * refused. What a call means is decided by the provider; this file only makes sure that it is decided once.
 */
import { createHash } from 'node:crypto';
import { Ledger, type Answer, type LedgerPage, type Line } from './ledger.js';
import type { z } from 'zod';

/** A provider's decision. One that is not kept has no effect, and the next request with the key is decided anew. */
export type Decision<Entry> =
  | { readonly answer: Answer; readonly entry?: Entry; readonly replyIsLost?: boolean; readonly kept?: true }
  | { readonly answer: Answer; readonly kept: false };

export interface Call<Entry> {
  readonly operation: string;
  readonly key: string;
  readonly body: unknown;
  /** How long the provider is busy before it decides, ms. */
  readonly busyMs: number;
  /** Decides at one instant, AFTER the provider was busy: what came meanwhile counts. */
  readonly decide: () => Decision<Entry>;
}

/** What goes back to the caller; a lost reply was decided all the same. */
export interface Reply {
  readonly answer: Answer;
  readonly isLost: boolean;
}

export interface CallsOptions<Entry> {
  readonly file: string | undefined;
  readonly entry: z.ZodType<Entry>;
  /** Called for every kept decision, in order, also for those of an earlier process. */
  readonly apply: (line: Line<Entry>) => void;
  /** Waits; rejects when the simulator stops, and then nothing is decided. */
  readonly pause: (ms: number) => Promise<void>;
}

interface Running {
  readonly fingerprint: string;
  readonly reply: Promise<Reply>;
}

const otherBody: Reply = { answer: { status: 422, body: { code: 'key-reused' } }, isLost: false };

export class Calls<Entry> {
  private readonly saved = new Map<string, Line<Entry>>();
  private readonly running = new Map<string, Running>();
  private readonly ledger: Ledger<Entry>;

  constructor(private readonly options: CallsOptions<Entry>) {
    const apply = (line: Line<Entry>) => {
      this.saved.set(nameOf(line), line);
      options.apply(line);
    };
    this.ledger = new Ledger({ file: options.file, entry: options.entry, apply });
  }

  /** Decides the call once for its operation and key; the effect is in the ledger BEFORE this resolves. */
  async perform(call: Call<Entry>): Promise<Reply> {
    const fingerprint = fingerprintOf(call);
    const known = this.saved.get(nameOf(call)) ?? this.running.get(nameOf(call));
    if (known === undefined) return this.begin(call, fingerprint);
    if (known.fingerprint !== fingerprint) return otherBody;
    return { answer: 'answer' in known ? known.answer : (await known.reply).answer, isLost: false };
  }

  isRunning(operation: string, key: string): boolean {
    return this.running.has(nameOf({ operation, key }));
  }

  page(after: number, limit: number): LedgerPage<Entry> {
    return this.ledger.page(after, limit);
  }

  close(): void {
    this.ledger.close();
  }

  private async begin(call: Call<Entry>, fingerprint: string): Promise<Reply> {
    const reply = this.run(call, fingerprint);
    this.running.set(nameOf(call), { fingerprint, reply });
    try {
      return await reply;
    } finally {
      this.running.delete(nameOf(call));
    }
  }

  private async run({ operation, key, busyMs, decide }: Call<Entry>, fingerprint: string): Promise<Reply> {
    if (busyMs > 0) await this.options.pause(busyMs);
    // No await from here to the line: two decisions that depend on each other must not interleave (R8).
    const decision = decide();
    if (decision.kept === false) return { answer: decision.answer, isLost: false };
    this.ledger.append({ operation, key, fingerprint, answer: decision.answer, entry: decision.entry });
    return { answer: decision.answer, isLost: decision.replyIsLost === true };
  }
}

function nameOf({ operation, key }: { readonly operation: string; readonly key: string }): string {
  return `${operation} ${key}`;
}

/** Tells bodies apart without keeping them: the hash is bound to the key, so equal bodies of two calls do not show. */
function fingerprintOf({ operation, key, body }: Call<unknown>): string {
  return createHash('sha256')
    .update(JSON.stringify([operation, key, body]))
    .digest('base64url')
    .slice(0, 16);
}

/** An id of the provider's own, the same for the same key in every life of the process. */
export function idFrom(prefix: string, key: string): string {
  return `${prefix}_${createHash('sha256').update(`${prefix} ${key}`).digest('hex').slice(0, 24)}`;
}
