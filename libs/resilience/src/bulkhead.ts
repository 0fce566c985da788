/**
 * Bounds how many calls to one dependency run at a time, so that a slow one cannot fill the whole ship (S87).
 * The queue is bounded too: beyond it a call is refused at once, which is kinder than a wait that outlives its use.
 */
import assert from 'node:assert';
import { Fault } from './fault.js';
import { reasonOf } from './retry.js';

export interface BulkheadOptions {
  /** Calls that run at one time. From 1. */
  readonly callsMax: number;
  /** Calls that wait for a place. Default 0: refused at once. */
  readonly queueMax?: number;
}

interface Waiting {
  readonly admit: () => void;
}

/** Places for calls, given in the order of asking. Has no timers and nothing to close. */
export class Bulkhead {
  private readonly waiting = new Set<Waiting>();
  private readonly queueMax: number;
  private running = 0;

  constructor(
    readonly name: string,
    private readonly options: BulkheadOptions,
  ) {
    assert(
      options.callsMax >= 1,
      `room for at least one call was wanted in ${name}, found ${options.callsMax}`,
    );
    this.queueMax = options.queueMax ?? 0;
  }

  /** Runs `call` once there is a place. Throws `BULKHEAD_FULL` (retryable) without calling when the queue is full; while it
   *  waits, an aborted `signal` ends it with the signal's fault or `STOPPED`. What the call throws passes. */
  async run<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted === true) throw reasonOf(signal);
    if (this.running < this.options.callsMax) this.running += 1;
    else await this.queue(signal);
    try {
      return await call();
    } finally {
      this.leave();
    }
  }

  /** Calls that run now. */
  get inUse(): number {
    return this.running;
  }

  /** Calls that wait now. */
  get queued(): number {
    return this.waiting.size;
  }

  private queue(signal: AbortSignal | undefined): Promise<void> {
    if (this.waiting.size >= this.queueMax) throw this.full();
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.waiting.delete(place);
        reject(reasonOf(signal));
      };
      const place = {
        admit: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.waiting.add(place);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** A place is handed over, not freed: a newcomer must not overtake those who wait. */
  private leave(): void {
    const [next] = this.waiting;
    if (next === undefined) {
      this.running -= 1;
      return;
    }
    this.waiting.delete(next);
    next.admit();
  }

  private full(): Fault {
    const { callsMax } = this.options;
    const found = `${callsMax} running and ${this.waiting.size} waiting`;
    return new Fault('BULKHEAD_FULL', `a place was wanted in ${this.name}, found ${found}`, {
      retryable: true,
    });
  }
}
