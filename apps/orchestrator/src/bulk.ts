/**
 * One wish for every transaction that a filter finds, newest first, at a steady rate, so that a dependency that has just
 * come back is not run over (S97). A job lives in the process that was asked: should that end, what is left is asked for
 * again with the same filter, and whoever was reached already is found elsewhere or declines.
 */
import type { Clock, StoredTransaction, TransactionQuery, WishAnswer } from '@sagamore/runtime';

export type BulkFilter = Pick<TransactionQuery, 'status' | 'definition'>;

export interface BulkPorts {
  readonly clock: Clock;
  readonly list: (query: TransactionQuery) => Promise<readonly StoredTransaction[]>;
  /** Asks for one transaction, through the same door as any request. */
  readonly wish: (transactionId: string) => Promise<WishAnswer>;
}

export interface BulkOptions {
  readonly filter: BulkFilter;
  /** At most so many wishes a second. */
  readonly perSecond: number;
  /** Rows read at one time. Default 100. */
  readonly pageSize?: number;
}

/** Where a job stands. `failed`: a query or the store broke off the job; nothing is going on any more. */
export interface BulkProgress {
  readonly status: 'running' | 'done' | 'stopped' | 'failed';
  readonly accepted: number;
  /** Those who had moved on, or for whom it would do nothing. */
  readonly declined: number;
  readonly error: string | null;
}

export class BulkJob {
  private status: BulkProgress['status'] = 'running';
  private accepted = 0;
  private declined = 0;
  private error: string | null = null;
  private cancelPause: (() => void) | undefined;

  constructor(
    private readonly ports: BulkPorts,
    private readonly options: BulkOptions,
  ) {}

  get progress(): BulkProgress {
    const { status, accepted, declined, error } = this;
    return { status, accepted, declined, error };
  }

  /** Resolves when nothing is going on any more, and never rejects: how it ended the progress says. */
  async run(): Promise<void> {
    try {
      await this.walk();
      if (this.status === 'running') this.status = 'done';
    } catch {
      this.status = 'failed';
      this.error = 'the store could not be asked; what is left was not reached';
    }
  }

  /** Asks nobody more; what was asked stays asked. Idempotent. */
  stop(): void {
    if (this.status === 'running') this.status = 'stopped';
    this.cancelPause?.();
  }

  private async walk(): Promise<void> {
    const { filter, perSecond, pageSize = 100 } = this.options;
    const { clock, list, wish } = this.ports;
    const begunAt = clock.now();
    let before: string | undefined;
    for (let asked = 0; ;) {
      const page = await list({ ...filter, limit: pageSize, ...(before !== undefined && { before }) });
      for (const { transactionId } of page) {
        await this.pauseUntil(begunAt + (asked++ * 1_000) / perSecond);
        if (this.status !== 'running') return;
        const { outcome } = await wish(transactionId);
        if (outcome === 'accepted') this.accepted++;
        else this.declined++;
      }
      if (page.length < pageSize) return;
      before = page.at(-1)?.transactionId;
    }
  }

  private async pauseUntil(at: number): Promise<void> {
    const { clock } = this.ports;
    const ms = at - clock.now();
    if (ms <= 0 || this.status !== 'running') return;
    await new Promise<void>((resolve) => {
      const cancelTimer = clock.after(ms, resolve);
      this.cancelPause = () => {
        cancelTimer();
        resolve();
      };
    });
  }
}
