/** How far the orders of a run have come, told every two seconds while that changes. Whoever places them counts. */
import { setTimeout as pause } from 'node:timers/promises';

const everyMs = 2_000;

/** Counts the orders of one run. */
export class Progress {
  private taken = 0;
  private ended = 0;

  constructor(private readonly orders: number) {}

  /** The stack has acknowledged so many. */
  readonly onTaken = (count: number): void => void (this.taken = count);

  /** One more has come to its end. */
  readonly onEnded = (): void => void this.ended++;

  get words(): string {
    return `${this.taken} of ${this.orders} orders were taken, ${this.ended} have ended`;
  }

  /** Says the words whenever they change. Resolves once it is told to stop. */
  async tell(say: (text: string) => void, stop: AbortSignal): Promise<void> {
    for (let told = ''; !stop.aborted;) {
      if (this.words !== told) say((told = this.words));
      await pause(everyMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}
