/**
 * One simulated process: it can die at any commit or publish, or stand still and go on later as a stranger.
 * Whatever the process does with the world passes through here, and nothing passes once it is dead.
 */
import type { Clock } from '@sagamore/runtime';
import type { Faults } from './faults.js';
import type { Link } from './storm.js';

/** What a process is cut off from when it dies or is taken for dead. */
export interface Lifeline {
  /** The process is gone: nothing of it may have any influence any more. */
  crash(): void;
  /** The others take it for dead; its own promises stand still. */
  pause?(): void;
  /** It goes on, and finds out. */
  resume?(): void;
  /** A link of the process is cut; the process itself goes on. */
  cut?(link: Link): void;
  mend?(link: Link): void;
}

/** Shared by everything in one world. */
export interface WorldBase {
  readonly clock: Clock;
  readonly faults: Faults;
  /** Something happened: the world is not at rest. */
  touch(): void;
  /** A line for the trace. */
  note(line: string): void;
}

export class Host {
  private state: 'up' | 'paused' | 'dead' = 'up';
  private readonly lifelines: Lifeline[] = [];
  private readonly waiting: (() => void)[] = [];
  /** How many clogs lie on each link, and who waits for the last of them to go. */
  private readonly cuts = new Map<Link, { count: number; readonly waiting: (() => void)[] }>();

  constructor(
    /** Unique in its world: the owner name of a process that never comes back under it. */
    readonly name: string,
    readonly base: WorldBase,
    private readonly onDeath: (host: Host) => void,
  ) {}

  get isUp(): boolean {
    return this.state === 'up';
  }

  get isDead(): boolean {
    return this.state === 'dead';
  }

  attach(lifeline: Lifeline): void {
    this.lifelines.push(lifeline);
  }

  /** Lets a piece of the process run: at once, after the pause, or never. */
  run(work: () => void): void {
    this.base.touch();
    if (this.state === 'up') work();
    else if (this.state === 'paused') this.waiting.push(work);
  }

  /** Where every call to the outside stops while the process stands still. Undefined: nothing to wait for. */
  pass(): Promise<void> | undefined {
    this.base.touch();
    if (this.state === 'up') return undefined;
    if (this.state === 'dead') return never();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** A crash point. Resolves when the process survives it; of a dead process nothing resolves. */
  survives(where: string): Promise<void> | undefined {
    if (this.isDead) return never();
    if (!this.base.faults.kills(`${this.name} ${where}`)) return undefined;
    this.crash();
    return never();
  }

  crash(): void {
    if (this.state === 'dead') return;
    this.state = 'dead';
    this.waiting.length = 0;
    this.base.note(`${this.name} dies`);
    for (const lifeline of this.lifelines) lifeline.crash();
    this.onDeath(this);
  }

  pause(): void {
    if (this.state !== 'up') return;
    this.state = 'paused';
    this.base.note(`${this.name} stands still`);
    for (const lifeline of this.lifelines) lifeline.pause?.();
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'up';
    this.base.note(`${this.name} goes on`);
    for (const work of this.waiting.splice(0)) work();
    for (const lifeline of this.lifelines) lifeline.resume?.();
  }

  /** Whether that link of the process is whole. */
  reaches(link: Link): boolean {
    return (this.cuts.get(link)?.count ?? 0) === 0;
  }

  /** Resolves when that link is whole. */
  mended(link: Link): Promise<void> | undefined {
    const cut = this.cuts.get(link);
    if (cut === undefined || cut.count === 0) return undefined;
    return new Promise((resolve) => cut.waiting.push(resolve));
  }

  cut(link: Link): void {
    if (this.state === 'dead') return;
    const cut = this.cuts.get(link) ?? { count: 0, waiting: [] };
    this.cuts.set(link, cut);
    if (cut.count++ > 0) return;
    this.base.note(`${this.name} loses its ${link}`);
    for (const lifeline of this.lifelines) lifeline.cut?.(link);
  }

  /** Takes one clog from that link; the last one gone, it is whole again. */
  mend(link: Link): void {
    const cut = this.cuts.get(link);
    if (this.state === 'dead' || cut === undefined || cut.count === 0 || --cut.count > 0) return;
    this.base.note(`${this.name} has its ${link} again`);
    for (const work of cut.waiting.splice(0)) work();
    for (const lifeline of this.lifelines) lifeline.mend?.(link);
  }

  /** Everything that was cut is whole, and what stood still goes on. */
  heal(): void {
    for (const [link, cut] of this.cuts) {
      cut.count = Math.min(cut.count, 1);
      this.mend(link);
    }
    this.resume();
  }
}

export function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
