/**
 * What goes wrong in a simulated world, drawn from its seed alone: how much of which fault, and when.
 * Every fault that really happens is written down here, so that a failure can tell what led to it.
 * It never reads the host's clock or luck.
 */
import type { Random } from '@sagamore/primitives';
import type { FaultPlan } from './fault-plan.js';

/** Decides, one question at a time, whether something goes wrong now. After `heal` nothing does. */
export class Faults {
  /** What happened, in words, with its instant. */
  readonly happened: string[] = [];
  private isHealed = false;
  private crashes = 0;
  private points = 0;

  constructor(
    readonly plan: FaultPlan,
    private readonly luck: Random,
    private readonly now: () => number,
  ) {}

  heal(): void {
    this.isHealed = true;
  }

  get healed(): boolean {
    return this.isHealed;
  }

  /** Crash points passed so far: `crashAt` of another run names one of them. */
  get pointsPassed(): number {
    return this.points;
  }

  /** Whether a fault of this share strikes; told to the log as `what`. */
  strikes(share: number, what: string): boolean {
    if (this.isHealed || share === 0 || this.luck.next() >= share) return false;
    this.note(what);
    return true;
  }

  /** Whether the process dies at this point: before or after a commit, a publish, a call to the outside. */
  kills(where: string): boolean {
    const point = this.points++;
    const { crashAt, crashShare, crashesMax } = this.plan;
    const isChosen = crashAt === point;
    const strikes = !this.isHealed && this.crashes < crashesMax && this.luck.next() < crashShare;
    if (!isChosen && !strikes) return false;
    this.crashes++;
    this.note(`crash at point ${point}: ${where}`);
    return true;
  }

  /** Whether the database of that service is out of reach now. */
  isAway(service: string): boolean {
    if (this.isHealed) return false;
    const at = this.now();
    return this.plan.outages.some((each) => each.of === service && each.fromMs <= at && at < each.toMs);
  }

  /** How long the broker stays away from now on, ms; 0 while it is there. */
  brokerAwayMs(): number {
    if (this.isHealed) return 0;
    const at = this.now();
    const outage = this.plan.outages.find(
      (each) => each.of === 'broker' && each.fromMs <= at && at < each.toMs,
    );
    return outage === undefined ? 0 : outage.toMs - at;
  }

  /** A whole number of ms from `from` to `to`. */
  ms(from: number, to: number): number {
    return from + Math.floor(this.luck.next() * (to - from + 1));
  }

  note(what: string): void {
    this.happened.push(`${String(this.now()).padStart(6)} ms  ${what}`);
  }
}
