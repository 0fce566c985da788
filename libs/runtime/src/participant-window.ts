/**
 * What may be on its way to one participant at one time, from this process: a window of outstanding commands with a share
 * kept for undo (S88), shut while the breaker is open, opened slowly after it (S85). What has to wait, waits in fair queues.
 * It sends nothing and reads no clock; whether a command is still wanted is for its caller to say.
 */
import { FairQueue, type Place } from '@sagamore/primitives';
import {
  closedAt,
  closedBreaker,
  hear,
  rampAllowance,
  restUntil,
  trialSent,
  wantsTrials,
  withTrials,
  type Breaker,
  type BreakerPolicy,
  type News,
} from '@sagamore/resilience';
import type { TrialAnswer } from './trials.js';

export interface WindowPolicy extends BreakerPolicy {
  /** Commands to one participant that are sent and unanswered at one time. From 1. */
  readonly outstandingMax: number;
  /** Of these, how many only what undoes, keeps or inquires may use; fewer than all. */
  readonly keptForUndo: number;
  /** The time of waiting that one level of priority is worth, ms. */
  readonly ageingMs: number;
  /** Commands that find out whether a participant is back, in all processes together. From 1. */
  readonly trialsMax: number;
}

/** `back` is whatever settles or inquires. */
export type Direction = 'forward' | 'back';

/** Something to be sent once there is room; `isGone` when it is not wanted any more. */
export interface Waiting {
  readonly direction: Direction;
  readonly isGone: boolean;
}

export class ParticipantWindow<Errand extends Waiting> {
  private breaker: Breaker = closedBreaker;
  private outstanding = 0;
  private sentSinceClosed = 0;
  private readonly back: FairQueue<Errand>;
  private readonly forward: FairQueue<Errand>;

  constructor(
    readonly participant: string,
    private readonly policy: WindowPolicy,
  ) {
    this.back = new FairQueue(policy.ageingMs);
    this.forward = new FairQueue(policy.ageingMs);
  }

  get phase(): Breaker['phase'] {
    return this.breaker.phase;
  }

  get waiting(): number {
    return this.back.size + this.forward.size;
  }

  /** Nothing is under way and nothing waits. */
  get isIdle(): boolean {
    return this.waiting === 0 && this.outstanding === 0;
  }

  /** Counts one as sent, unless there is no room or others of its direction wait already. */
  tryEnter(direction: Direction, at: number): { readonly isTrial: boolean } | undefined {
    if (this.queueOf(direction).size > 0 || !this.hasRoom(direction, at)) return undefined;
    return this.enter();
  }

  wait(errand: Errand, place: Place): void {
    this.queueOf(errand.direction).put(errand, place);
  }

  /** The next that may go, counted as sent; what undoes goes first. */
  takeNext(at: number): { readonly errand: Errand; readonly isTrial: boolean } | undefined {
    for (const direction of ['back', 'forward'] as const) {
      while (this.queueOf(direction).size > 0 && this.hasRoom(direction, at)) {
        const errand = this.queueOf(direction).take();
        if (errand !== undefined && !errand.isGone) return { errand, ...this.enter() };
      }
    }
    return undefined;
  }

  /** One that was sent is outstanding no more; without news, nobody knows or cares what became of it. */
  leave(news?: News): void {
    this.outstanding--;
    if (news !== undefined) this.become(hear(this.breaker, news, this.policy));
  }

  /** Whether something waits that only trials could help. */
  wantsTrials(at: number): boolean {
    return this.waiting > 0 && wantsTrials(this.breaker, at);
  }

  get openedAt(): number {
    return this.breaker.since;
  }

  /** What became of asking for trials. */
  hearOfTrials(answer: TrialAnswer, at: number): void {
    if (!wantsTrials(this.breaker, at)) return;
    switch (answer.outcome) {
      case 'granted':
        return this.become(withTrials(this.breaker, this.policy.trialsMax, at, this.policy));
      case 'answered':
        return this.become(closedAt(at));
      case 'taken':
        return this.become(restUntil(this.breaker, Math.max(answer.until, at + 1)));
    }
  }

  private become(next: Breaker): void {
    if (next.phase === 'closed' && this.breaker.phase !== 'closed') this.sentSinceClosed = 0;
    this.breaker = next;
  }

  private enter(): { readonly isTrial: boolean } {
    const isTrial = this.breaker.phase === 'half-open';
    if (isTrial) this.breaker = trialSent(this.breaker);
    this.outstanding++;
    this.sentSinceClosed++;
    return { isTrial };
  }

  /** A trial needs no room in the window: that may be full of what was never answered. */
  private hasRoom(direction: Direction, at: number): boolean {
    const { breaker, policy } = this;
    if (breaker.phase !== 'closed') return breaker.phase === 'half-open' && breaker.trials > 0;
    const room = policy.outstandingMax - (direction === 'forward' ? policy.keptForUndo : 0);
    return this.outstanding < room && this.sentSinceClosed < rampAllowance(breaker, at, policy);
  }

  private queueOf(direction: Direction): FairQueue<Errand> {
    return direction === 'back' ? this.back : this.forward;
  }
}
