/**
 * What goes wrong in a simulated world, drawn from its seed alone: how much of which fault, and when.
 * Every fault that really happens is written down here, so that a failure can tell what led to it.
 * It never reads the host's clock or luck.
 */
import type { Random } from '@sagamore/primitives';
import type { FaultPlan } from './fault-plan.js';
import type { Outage } from './storm.js';

/** Every kind of fault that a world may meet; each that happens is counted under its name. */
export const faultKinds = [
  'lost message',
  'repeated message',
  'late message',
  'overtaking message',
  'crash',
  'pause',
  'serialization conflict',
  'commit of unknown fate',
  'slow commit',
  'slow outside',
  'lost answer from outside',
  'outside away',
  'database away',
  'broker away',
  'dying store',
  'slow store',
  'clock step',
  'partition',
  'swizzle-clog',
  'poison message',
  'broken handler',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Decides, one question at a time, whether something goes wrong now. After `heal` nothing does. */
export class Faults {
  /** What happened, in words, with its instant. */
  readonly happened: string[] = [];
  /** How often each kind happened. */
  readonly tally = new Map<FaultKind, number>();
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
  strikes(share: number, kind: FaultKind, what: string): boolean {
    if (this.isHealed || share === 0 || this.luck.next() >= share) return false;
    this.note(kind, what);
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
    this.note('crash', `crash at point ${point}: ${where}`);
    return true;
  }

  /** Whether the database of that service is out of reach now: away, or dead. */
  isAway(service: string): boolean {
    const { outages, deaths } = this.plan;
    const isAway = this.current([...outages, ...deaths], service) !== undefined;
    if (isAway) this.count('database away');
    return isAway;
  }

  /** How often the database of that service has died so far: what was begun before its last death can not be committed. */
  deathsOf(service: string): number {
    return this.plan.deaths.filter(({ of, fromMs }) => of === service && fromMs <= this.now()).length;
  }

  /** Whether the database of that service is slow now. */
  isSlow(service: string): boolean {
    const isSlow = this.current(this.plan.slowStores, service) !== undefined;
    if (isSlow) this.count('slow store');
    return isSlow;
  }

  /** By how much the clock of that service's database has jumped so far, ms. It stays where it is when all is healed. */
  clockSkewOf(service: string): number {
    const own = this.plan.clockSteps.filter(({ of, atMs }) => of === service && atMs <= this.now());
    return own.reduce((sum, { byMs }) => sum + byMs, 0);
  }

  /** How long the broker stays away from now on, ms; 0 while it is there. */
  brokerAwayMs(): number {
    const outage = this.current(this.plan.outages, 'broker');
    if (outage === undefined) return 0;
    this.count('broker away');
    return outage.toMs - this.now();
  }

  /** A whole number of ms from `from` to `to`. */
  ms(from: number, to: number): number {
    return from + Math.floor(this.luck.next() * (to - from + 1));
  }

  note(kind: FaultKind, what: string): void {
    this.count(kind);
    this.happened.push(`${String(this.now()).padStart(6)} ms  ${what}`);
  }

  /** One that goes on for a while is counted whenever somebody meets it. */
  count(kind: FaultKind): void {
    this.tally.set(kind, (this.tally.get(kind) ?? 0) + 1);
  }

  private current(among: readonly Outage[], of: string): Outage | undefined {
    if (this.isHealed) return undefined;
    const at = this.now();
    return among.find((each) => each.of === of && each.fromMs <= at && at < each.toMs);
  }
}
