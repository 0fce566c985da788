/**
 * What comes too late. A reply that changes nothing is asked what it means, and kept where a person may have to look
 * (S17, S35, S95); one for a transaction that nobody knows waits for its start first (S36). It never changes a
 * transaction, and nothing of it holds the inbox.
 */
import { Fault } from '@sagamore/resilience';
import { repliedOf, type Decision, type LiveTransaction } from './decision.js';
import type { Input } from './inbox.js';
import type { Summoned } from './subjects.js';
import type { Clock, Epoch, Journal, LateRepliesToKeep, Shard, StoredLateReply } from './ports.js';

type ReplyInput = Input & { readonly kind: 'reply' };

export interface LateRepliesOptions {
  /** How long a reply waits for the start of its transaction, ms. */
  readonly graceMs: number;
  /** Told once of each that a person must look at: it contradicts what was built upon, or nothing will undo it. */
  readonly onLateReply: (reply: StoredLateReply) => void;
  readonly onFault: (error: unknown) => void;
}

/** Anybody can write to a topic: beyond these a reply of nobody's goes to the ledger at once, which has a bound too. */
const waitingMax = 1_000;
const bounds = { ofTransactionMax: 100, ofNobodyMax: 10_000 };

export class LateReplies {
  private readonly waiting = new Map<string, { readonly input: ReplyInput; readonly until: number }>();
  /** Presented again, their time being over: still unknown, they are noted. */
  private readonly overdue = new Set<string>();
  private readonly noted = new Map<string, LateRepliesToKeep['replies'][number]>();

  constructor(
    private readonly ports: { readonly journal: Journal; readonly clock: Clock },
    private readonly options: LateRepliesOptions,
  ) {}

  /** A batch begins. What one that failed had noted was weighed against a memory that may have been another's past, and
   *  must not be kept under a later epoch; its inputs come again (R12). */
  begin(): void {
    this.noted.clear();
  }

  /** What came for nobody in memory nor at rest: its transaction has ended, or is not known yet. */
  hear(input: Input, { ended, unknown }: Summoned): void {
    const live = ended.get(input.transactionId);
    if (live !== undefined) this.weigh(live, input);
    else if (input.kind === 'reply' && unknown.has(input.transactionId)) this.hold(input);
  }

  /** An input left its transaction as it was. One that begins only in this batch may be known to the store, and then it
   *  stands elsewhere: what is said to it waits until the commit has found out (R16). */
  left({ before, after }: Decision, input: Input): void {
    if (before !== undefined) this.weigh(after, input);
    else if (input.kind === 'reply') this.hold(input);
  }

  /** Weighs an input that left its transaction as it was. What merely says again what is known is not kept. */
  private weigh({ protocol, state }: Pick<LiveTransaction, 'protocol' | 'state'>, input: Input): void {
    if (input.kind !== 'reply') return;
    const meaning = protocol.classifyLate?.(state, repliedOf(input.reply, this.ports.journal.now()));
    if (meaning !== undefined && meaning !== 'duplicate') this.note(input, meaning);
  }

  /** Its start may be on its way. */
  private hold(input: ReplyInput): void {
    const name = nameOf(input);
    const isOver = this.overdue.delete(name) || this.waiting.size >= waitingMax;
    if (isOver) this.note(input, 'unknown-transaction');
    else if (!this.waiting.has(name))
      this.waiting.set(name, { input, until: this.ports.clock.now() + this.options.graceMs });
  }

  /** Whether the grace of any is over. */
  get isDue(): boolean {
    const now = this.ports.clock.now();
    for (const { until } of this.waiting.values()) return until <= now;
    return false;
  }

  /** Takes out those whose grace is over, to be looked up once more. */
  takeDue(): readonly ReplyInput[] {
    const now = this.ports.clock.now();
    const due = [...this.waiting.entries()].filter(([, { until }]) => until <= now);
    for (const [name] of due) this.overdue.add(name);
    return this.take(due.map(([name]) => name));
  }

  /** Takes out those that waited for the start of this transaction. */
  takeFor(transactionId: string): readonly ReplyInput[] {
    if (this.waiting.size === 0) return [];
    const names = [...this.waiting].filter(([, { input }]) => input.transactionId === transactionId);
    return this.take(names.map(([name]) => name));
  }

  /** Saves what was noted, BEFORE the inbox's position moves. Idempotent; a store that can never take it loses it aloud. */
  async save(epochs: ReadonlyMap<Shard, Epoch>): Promise<void> {
    this.overdue.clear();
    if (this.noted.size === 0) return;
    const replies = [...this.noted.values()];
    this.noted.clear();
    try {
      for (const kept of await this.ports.journal.keepLate({ epochs, replies, ...bounds }))
        if (kept.meaning !== 'covered') this.options.onLateReply(kept);
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'DATA_REJECTED')) throw error;
      this.options.onFault(error);
    }
  }

  private take(names: readonly string[]): readonly ReplyInput[] {
    return names.flatMap((name) => {
      const found = this.waiting.get(name);
      this.waiting.delete(name);
      return found === undefined ? [] : [found.input];
    });
  }

  private note(input: ReplyInput, meaning: StoredLateReply['meaning']): void {
    const { transactionId, shard, reply: told } = input;
    const { branchId, operation, generation, reply } = told;
    const { outcome } = reply;
    const at = this.ports.journal.now();
    const late = { transactionId, shard, branchId, operation, generation, outcome, meaning, at };
    this.noted.set(nameOf(input), late);
  }
}

function nameOf({ transactionId, reply: { branchId, operation, generation, reply } }: ReplyInput): string {
  return `${transactionId}/${branchId}/${operation}/${generation}/${reply.outcome}`;
}
