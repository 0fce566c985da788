/**
 * Lets at most so many pieces of work run at one time; the rest wait in the order they came. Never refuses: what waits
 * here is already promised in an intent, so refusing it would save nothing.
 */

/** How full a place for calls is. */
export interface CallsUnderWay {
  readonly name: string;
  readonly running: number;
  readonly waiting: number;
}

export class Limiter {
  private active = 0;
  private readonly queue: (() => void)[] = [];

  /** `max`: pieces at one time, from 1. */
  constructor(private readonly max: number) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.active >= this.max) await new Promise<void>((resolve) => this.queue.push(resolve));
    else this.active++;
    try {
      return await work();
    } finally {
      const next = this.queue.shift();
      if (next === undefined) this.active--;
      else next();
    }
  }

  /** Pieces that run now. */
  get running(): number {
    return this.active;
  }

  /** Pieces that wait for a place. */
  get waiting(): number {
    return this.queue.length;
  }
}
