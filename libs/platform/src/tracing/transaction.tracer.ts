/**
 * Tells the traces of the transactions this process owns, from their saved events, once they have come to rest. Nothing is
 * held open while they run, and nobody waits for it: what rests is noted in a bounded queue and told in batches; where its
 * events are not in memory they are read back from the journal (R24, R25). After a takeover what has ended lately is told once more, for the owner that died may not have done it.
 */
import { historyOf } from '@sagamore/engine';
import {
  startOf,
  type Clock,
  type Definitions,
  type Journal,
  type Rested,
  type StoredTransaction,
} from '@sagamore/runtime';
import { isSampled, type Tracing } from '@sagamore/telemetry';
import { transactionSpans } from './transaction.spans.js';

export interface TransactionTracerPorts {
  readonly tracing: Tracing;
  readonly journal: Pick<Journal, 'load' | 'list' | 'now'>;
  readonly definitions: Pick<Definitions, 'exact'>;
  readonly clock: Clock;
}

export interface TransactionTracerOptions {
  /** Of the transactions that simply completed, how many are told; from 0 to 1. All others are told always. */
  readonly ratio: number;
  /** What takes longer, ms, is told whatever the ratio. */
  readonly slowMs: number;
  readonly onFault: (error: unknown) => void;
}

/** Transactions told at one time. */
const batchMax = 200;
/** Transactions that wait to be told; beyond it the newest are not. */
const queueMax = 10_000;
/** How long what rests is gathered before it is told, ms. */
const gatherMs = 200;
/** After a takeover: how far back, ms, and how many at most. */
const lately = { ms: 30_000, transactionsMax: 500 };

export class TransactionTracer {
  private readonly queue = new Map<string, Rested>();
  private cancel: (() => void) | undefined;
  private stopped = false;

  constructor(
    private readonly ports: TransactionTracerPorts,
    private readonly options: TransactionTracerOptions,
  ) {}

  /** Notes those that are to be told; returns at once. */
  onRest(rested: readonly Rested[]): void {
    if (!this.ports.tracing.isOn || this.stopped) return;
    for (const one of rested) {
      if (this.queue.size >= queueMax) return;
      const { record, standing, at } = one;
      const isPlain = standing.status === 'completed' && at - record.startedAt < this.options.slowMs;
      if (!isPlain || isSampled(record.transactionId, this.options.ratio))
        this.queue.set(record.transactionId, one);
    }
    this.schedule();
  }

  /** Tells once more what has ended lately: a span that is told twice is one span, by its id. */
  async tellAgain(): Promise<void> {
    if (!this.ports.tracing.isOn) return;
    const { journal } = this.ports;
    const since = journal.now() - lately.ms;
    const ended = await journal.list({ phase: 'final', limit: lately.transactionsMax });
    this.onRest(
      ended
        .filter(({ updatedAt }) => updatedAt >= since)
        .map((stored) => ({ record: stored, standing: stored, at: stored.updatedAt })),
    );
  }

  /** Tells what is still noted, then takes nothing more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel?.();
    while (this.queue.size > 0) await this.tellSome();
  }

  private schedule(): void {
    if (this.queue.size === 0 || this.cancel !== undefined || this.stopped) return;
    this.cancel = this.ports.clock.after(gatherMs, () => {
      void this.tellSome().finally(() => {
        this.cancel = undefined;
        this.schedule();
      });
    });
  }

  private async tellSome(): Promise<void> {
    const some = [...this.queue.entries()].slice(0, batchMax);
    for (const [id] of some) this.queue.delete(id);
    const forgotten = some.filter(([, { events }]) => events === undefined).map(([id]) => id);
    try {
      for (const [, rested] of some) this.tellFromMemory(rested);
      for (const stored of await this.ports.journal.load(forgotten)) this.tell(stored);
    } catch (error) {
      // A trace less is nothing to hold anybody up for.
      this.options.onFault(error);
    }
  }

  private tellFromMemory({ record, standing, at, events }: Rested): void {
    if (events !== undefined) this.tell({ ...record, ...standing, updatedAt: at, events });
  }

  private tell(stored: StoredTransaction): void {
    const protocol = this.ports.definitions.exact(stored.definition, stored.version);
    if (protocol === undefined) return;
    const history = historyOf(protocol, startOf(stored), stored.events);
    this.ports.tracing.emit(transactionSpans(stored, history));
  }
}
