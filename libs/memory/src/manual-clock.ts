/**
 * Time that moves only when told to: the clock of unit tests and of the simulated world.
 * It must never read the host's time, so that one order of calls gives one order of timers.
 */
import assert from 'node:assert/strict';
import { Clock } from '@sagamore/runtime';

/** Far beyond any honest use; a timer that sets itself again for the same instant is found out by it. */
const firedMax = 1_000_000;

interface Timer {
  readonly dueAt: number;
  callback: (() => void) | undefined;
}

/** A clock that stands still between two calls of `advance`. Timers fire in order of due time, then of creation. */
export class ManualClock extends Clock {
  /** Sorted by due time; equal ones in order of creation. Called-off timers stay until they are reached. */
  private readonly timers: Timer[] = [];
  private calledOff = 0;

  /** Begins at `nowMs`, 0 unless told. */
  constructor(private nowMs = 0) {
    super();
  }

  override now(): number {
    return this.nowMs;
  }

  override after(ms: number, callback: () => void): () => void {
    const timer: Timer = { dueAt: this.nowMs + Math.max(0, ms), callback };
    this.timers.splice(this.placeOf(timer.dueAt), 0, timer);
    return () => {
      if (timer.callback === undefined) return;
      timer.callback = undefined;
      this.calledOff++;
    };
  }

  /** The timers that wait. */
  get pending(): number {
    return this.timers.length - this.calledOff;
  }

  /** The instant of the next timer, or undefined when none waits. */
  get nextDueAt(): number | undefined {
    this.dropCalledOff();
    return this.timers[0]?.dueAt;
  }

  /** Moves by `ms`, firing on the way all that falls due, timers made on the way included. */
  advance(ms: number): void {
    const target = this.targetOf(ms);
    let fired = 0;
    for (let fire = this.next(target); fire !== undefined; fire = this.next(target)) {
      assert(fired++ < firedMax, `more than ${firedMax} timers fell due within ${ms} ms`);
      fire();
    }
    this.nowMs = target;
  }

  /** As `advance`, but lets what each instant's timers set off run first: `settle` is awaited BEFORE the first timer
   *  and AFTER all timers of one instant. Unless told, it gives the event loop one turn. */
  async advanceAsync(ms: number, settle: () => Promise<void> = oneTurn): Promise<void> {
    const target = this.targetOf(ms);
    await settle();
    for (let dueAt = this.nextDueAt; dueAt !== undefined && dueAt <= target; dueAt = this.nextDueAt) {
      this.advance(Math.max(0, dueAt - this.nowMs));
      await settle();
    }
    this.nowMs = Math.max(this.nowMs, target);
  }

  private targetOf(ms: number): number {
    assert(ms >= 0, `time goes forward, found ${ms} ms`);
    return this.nowMs + ms;
  }

  private next(target: number): (() => void) | undefined {
    const dueAt = this.nextDueAt;
    if (dueAt === undefined || dueAt > target) return undefined;
    const timer = this.timers.shift()!;
    this.nowMs = Math.max(this.nowMs, timer.dueAt);
    const { callback } = timer;
    timer.callback = undefined;
    return callback;
  }

  private dropCalledOff(): void {
    while (this.timers.length > 0 && this.timers[0]!.callback === undefined) {
      this.timers.shift();
      this.calledOff--;
    }
  }

  private placeOf(dueAt: number): number {
    let low = 0;
    let high = this.timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timers[middle]!.dueAt <= dueAt) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function oneTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
