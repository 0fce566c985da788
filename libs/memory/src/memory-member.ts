/**
 * One member of a group: it runs rounds of delivery, one at a time, as long as something waits for it.
 * The position moves AFTER the handler's success alone; a handler that rejects gets the same messages after a pause.
 */
import type { Clock, Delivery, Subscription } from '@sagamore/runtime';
import type { MemoryGroup } from './memory-group.js';

export interface MemberOptions {
  readonly clock: Clock;
  readonly retryPauseMs: number;
  readonly defer: (round: () => void) => void;
  /** Runs a delivery when it is its turn. */
  readonly inTurn: (lag: () => number, deliver: () => Promise<void>) => Promise<void>;
}

/** A subscription at work. `resting` awaits a wake-up, `due` has a round before it, `busy` is in one, `failed` is
 *  about to try it again. */
export class MemoryMember {
  private state: 'resting' | 'due' | 'busy' | 'failed' | 'left' = 'resting';
  private isStopping = false;
  private isReassigned = false;
  /** Somebody called `wake` while a round was running. */
  private isCalled = false;
  private inHand: readonly Delivery[] = [];
  private roundInHand: Promise<void> = Promise.resolve();
  private callOffRetry: () => void = () => undefined;
  private mayTake: boolean;

  constructor(
    private readonly group: MemoryGroup,
    private readonly subscription: Subscription,
    private readonly options: MemberOptions,
  ) {
    this.mayTake = subscription.startsPaused !== true;
  }

  get isPaused(): boolean {
    return !this.mayTake;
  }

  async pause(): Promise<void> {
    this.mayTake = false;
    await this.roundInHand;
  }

  resume(): void {
    this.mayTake = true;
    this.wake();
  }

  healthy(): boolean {
    return this.state !== 'left';
  }

  lag(): number {
    return this.inHand.length + this.group.waitingFor(this);
  }

  /** Something may wait: a round follows unless one is due or running. */
  wake(): void {
    if (this.state === 'busy') this.isCalled = true;
    if (this.state !== 'resting' || this.isStopping || !this.hasWork()) return;
    this.state = 'due';
    this.options.defer(this.begin);
  }

  /** The partitions changed; the subscriber is told BEFORE the next batch. */
  reassign(): void {
    this.isReassigned = true;
    this.wake();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    this.callOffRetry();
    await this.roundInHand;
    if (this.state === 'left') return;
    this.state = 'left';
    this.group.leave(this);
  }

  crash(): void {
    if (this.state === 'left') return;
    this.state = 'left';
    this.callOffRetry();
    this.group.leave(this);
    this.group.settle(this, this.inHand);
  }

  private readonly begin = (): void => {
    if (this.state !== 'due' || this.isStopping) return;
    this.state = 'busy';
    this.isCalled = false;
    this.roundInHand = this.round();
  };

  private async round(): Promise<void> {
    const isDone = await this.deliver().then(
      () => true,
      () => false,
    );
    if (this.hasLeft()) return;
    const again = isDone ? [] : this.inHand;
    this.inHand = [];
    if (!isDone && !this.isStopping) this.retryLater();
    else this.state = 'resting';
    this.group.settle(this, again);
    if (this.isCalled) this.wake();
  }

  private async deliver(): Promise<void> {
    if (this.isReassigned) await this.announce();
    await this.options.inTurn(
      () => this.lag(),
      async () => {
        if (this.hasLeft() || this.isStopping || this.isPaused) return;
        // Cut only now: whatever came while others had their turn belongs to this batch.
        this.inHand = this.group.take(this);
        if (this.inHand.length > 0) await this.subscription.handle(this.inHand);
      },
    );
  }

  private async announce(): Promise<void> {
    this.isReassigned = false;
    try {
      await this.subscription.onAssigned?.(this.group.heldBy(this));
    } catch (error) {
      this.isReassigned = true;
      throw error;
    }
  }

  private retryLater(): void {
    this.state = 'failed';
    this.callOffRetry = this.options.clock.after(this.options.retryPauseMs, () => {
      if (this.state !== 'failed') return;
      this.state = 'resting';
      this.wake();
    });
  }

  /** Paused, only news of the partitions is worth a round. */
  private hasWork(): boolean {
    return this.mayTake || this.isReassigned;
  }

  private hasLeft(): boolean {
    return this.state === 'left';
  }
}
