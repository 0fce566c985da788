/**
 * One piece of work at a time, in the order it was asked for. What must not interleave, because memory follows the
 * commit, runs through one of these.
 */
export class Serial {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs `work` AFTER all that was asked for before it has ended, however it ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const next = this.last.then(work, work);
    this.last = next.catch(() => {});
    return next;
  }

  /** Resolves when all that was asked for so far has ended. */
  async idle(): Promise<void> {
    await this.last;
  }
}
