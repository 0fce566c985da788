/**
 * Who may deliver next, where only so many may at one time: the one for whom the most waits. A dozen stations share an
 * order's road, and whoever is served with little leaves little to the next; served in the order of their coming they cut
 * the crowd on the road into a dozen small batches, each with a commit of its own. Nobody is passed over for long.
 */

interface Waiting {
  readonly lag: () => number;
  readonly go: () => void;
  passedOver: number;
}

/** How often somebody is passed over for a fuller one, at most. */
const passedOverMax = 8;

export class Turns {
  private active = 0;
  private readonly queue: Waiting[] = [];

  /** `max`: deliveries at one time, from 1. */
  constructor(private readonly max: number) {}

  /** Runs `deliver` when it is its turn; `lag` tells how much waits for it by then. */
  async run(lag: () => number, deliver: () => Promise<void>): Promise<void> {
    if (this.active >= this.max) await new Promise<void>((go) => this.queue.push({ lag, go, passedOver: 0 }));
    else this.active++;
    try {
      await deliver();
    } finally {
      const next = this.take();
      if (next === undefined) this.active--;
      else next.go();
    }
  }

  private take(): Waiting | undefined {
    const [oldest] = this.queue;
    if (oldest === undefined || oldest.passedOver >= passedOverMax) return this.queue.shift();
    let fullest = 0;
    let most = oldest.lag();
    for (let place = 1; place < this.queue.length; place++) {
      const lag = this.queue[place]!.lag();
      if (lag > most) [fullest, most] = [place, lag];
    }
    for (let place = 0; place < fullest; place++) this.queue[place]!.passedOver++;
    return this.queue.splice(fullest, 1)[0];
  }
}
