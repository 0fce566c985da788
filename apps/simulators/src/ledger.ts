/**
 * What a simulated provider will never forget: one line for each decided call, with its effect and its answer together.
 * It stands outside the house, so it must survive the death of its own process and of ours: an audit compares it with
 * our books. A line is written BEFORE anybody hears of it. It never holds a token, a name or an address.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

/** What the provider says, over HTTP. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** One decided call. `entry` is its effect on the world; a refusal has none. */
export interface Line<Entry> {
  readonly operation: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly answer: Answer;
  readonly entry?: Entry | undefined;
}

export interface LedgerOptions<Entry> {
  /** Without it the ledger lives as long as the process. */
  readonly file: string | undefined;
  readonly entry: z.ZodType<Entry>;
  /** Called with every line in order: those of the file at once, later ones AFTER they were written. */
  readonly apply: (line: Line<Entry>) => void;
}

/** A part of the ledger, and where the next part begins (`null`: no more for now). */
export interface LedgerPage<Entry> {
  readonly entries: readonly (Entry & { readonly index: number })[];
  readonly next: number | null;
}

export class Ledger<Entry> {
  private readonly entries: Entry[] = [];
  private readonly file: number | undefined;

  /** Reads what an earlier process wrote. Throws when a whole line does not read: a ledger is never guessed. */
  constructor(private readonly options: LedgerOptions<Entry>) {
    if (options.file === undefined) return;
    mkdirSync(dirname(options.file), { recursive: true });
    this.file = openSync(options.file, 'a+');
    this.restore(options.file, this.file);
  }

  /** Writes, then applies. Synchronous, so that no other call is decided between a decision and its line. */
  append(line: Line<Entry>): void {
    if (this.file !== undefined) writeWhole(this.file, Buffer.from(`${JSON.stringify(line)}\n`));
    this.take(line);
  }

  /** The entries after index `after`, at most `limit`; indexes count from 1 and never change. */
  page(after: number, limit: number): LedgerPage<Entry> {
    const end = Math.min(this.entries.length, after + limit);
    const entries = this.entries
      .slice(after, end)
      .map((entry, offset) => ({ index: after + offset + 1, ...entry }));
    return { entries, next: end < this.entries.length ? end : null };
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
  }

  private restore(path: string, file: number): void {
    const bytes = readFileSync(path);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    // A line torn by a crash was never answered; left in place, it would spoil the next one.
    if (whole < bytes.length) ftruncateSync(file, whole);
    const schema = lineSchema(this.options.entry);
    for (const text of bytes.toString('utf8', 0, whole).split('\n')) {
      if (text !== '') this.take(schema.parse(JSON.parse(text)));
    }
  }

  private take(line: Line<Entry>): void {
    if (line.entry !== undefined) this.entries.push(line.entry);
    this.options.apply(line);
  }
}

function lineSchema<Entry>(entry: z.ZodType<Entry>): z.ZodType<Line<Entry>> {
  return z.object({
    operation: z.string(),
    key: z.string(),
    fingerprint: z.string(),
    answer: z.object({ status: z.int(), body: z.record(z.string(), z.unknown()) }),
    entry: entry.optional(),
  });
}

function writeWhole(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}
