/**
 * Hybrid logical time (Kulkarni et al. 2014): an effect's stamp sorts after its cause's, and stays near wall time.
 * Messages carry it, so that logs and events of many hosts can be put in one order. Nothing durable is decided by it:
 * deadlines and leases belong to the store's clock (R15). One host with a wrong clock must not drag the others along.
 */
import assert from 'node:assert';

export interface HybridClockOptions {
  /** A remote stamp further ahead of this host's clock is refused, ms: the bound on how far hosts may disagree. */
  readonly maxDriftMs: number;
}

interface HybridTime {
  readonly ms: number;
  readonly counter: number;
}

// Four digits keep the text sortable; a millisecond with more events borrows from the next one.
const counterMax = 9_999;
const textForm = /^(\d{13,15})\.(\d{4})$/;

/** The clock of one host. Stamps are `<ms, at least 13 digits>.<counter, 4 digits>`, and sort as text. */
export class HybridClock {
  private last: HybridTime = { ms: 0, counter: 0 };
  private refusals = 0;

  constructor(
    private readonly physicalNow: () => number,
    private readonly options: HybridClockOptions,
  ) {
    assert(options.maxDriftMs >= 0, `a drift of at least 0 ms was wanted, found ${options.maxDriftMs}`);
  }

  /** A stamp for a new event: greater than every stamp given and every stamp observed, whatever the host's clock does. */
  tick(): string {
    const physical = this.physicalMs();
    this.last = physical > this.last.ms ? { ms: physical, counter: 0 } : next(this.last);
    return textOf(this.last);
  }

  /** Learns the stamp of a message received, so that what follows from it sorts after it. A stamp that does not read, or
   *  lies too far in the future, is ignored and counted: the message stays good, its order is lost. */
  observe(remote: string): void {
    const time = parse(remote);
    if (time === undefined || time.ms > this.physicalMs() + this.options.maxDriftMs) this.refusals += 1;
    else if (isAfter(time, this.last)) this.last = time;
  }

  /** How many observed stamps were refused. */
  get refused(): number {
    return this.refusals;
  }

  private physicalMs(): number {
    return Math.trunc(this.physicalNow());
  }
}

/** The wall-clock part of a stamp in ms, `undefined` when the text is no stamp. */
export function hybridMs(stamp: string): number | undefined {
  return parse(stamp)?.ms;
}

function parse(text: string): HybridTime | undefined {
  const [, ms, counter] = textForm.exec(text) ?? [];
  return ms === undefined || counter === undefined ? undefined : { ms: Number(ms), counter: Number(counter) };
}

function next({ ms, counter }: HybridTime): HybridTime {
  return counter < counterMax ? { ms, counter: counter + 1 } : { ms: ms + 1, counter: 0 };
}

function isAfter(left: HybridTime, right: HybridTime): boolean {
  return left.ms > right.ms || (left.ms === right.ms && left.counter > right.counter);
}

function textOf({ ms, counter }: HybridTime): string {
  return `${String(ms).padStart(13, '0')}.${String(counter).padStart(4, '0')}`;
}
