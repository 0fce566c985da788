/**
 * Lets at most so many pieces of work run at one time; the rest wait in the order they came. Never refuses: what waits
 * here is already promised in an intent, so refusing it would save nothing.
 */
export class Limiter {
  private active = 0;
  private readonly waiting: (() => void)[] = [];

  /** `max`: pieces at one time, from 1. */
  constructor(private readonly max: number) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.active >= this.max) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.active++;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.active--;
      else next();
    }
  }
}
