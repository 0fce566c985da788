/**
 * A coordinator's bus as the audit sees it: no command goes to a participant whose breaker is open, and while it is half-open
 * no more than the allowed trials, which are granted anew when those before them brought no news (I36). It changes nothing.
 */
import { PassingBus, type Bus, type Message } from '@sagamore/runtime';

interface Watcher {
  readonly problems: string[];
  count(what: string, by?: number): void;
}

export interface WatchedBusOptions {
  readonly trialsMax: number;
  /** How long trials are waited for, ms. */
  readonly resetMs: number;
  /** ms of the store's clock. */
  readonly now: () => number;
  readonly watcher: Watcher;
}

type Phase = 'closed' | 'open' | 'half-open';

export class WatchedBus extends PassingBus {
  private readonly phases = new Map<
    string,
    { readonly phase: Phase; readonly since: number; sent: number }
  >();
  /** The latest that the store's clock has shown: it may be set back. */
  private latest = 0;

  constructor(
    inner: Bus,
    private readonly options: WatchedBusOptions,
  ) {
    super(inner);
  }

  /** The breaker of a participant has changed. */
  hear(participant: string, phase: Phase): void {
    this.options.watcher.count(`breakers ${phase}`);
    this.phases.set(participant, { phase, since: this.now(), sent: 0 });
  }

  override send(messages: readonly Message[]): Promise<void> {
    for (const message of messages) this.judge(message);
    return this.inner.send(messages);
  }

  private judge({ id, topic }: Message): void {
    const [participant = '', suffix] = topic.split('.');
    const state = suffix === 'commands' ? this.phases.get(participant) : undefined;
    if (state === undefined || state.phase === 'closed') return;
    const { trialsMax, resetMs, watcher } = this.options;
    const allowed = trialsMax * (1 + Math.floor((this.now() - state.since) / resetMs));
    if (state.phase === 'open') watcher.problems.push(`I36: ${id} is sent while its breaker is open`);
    else if (++state.sent > allowed) watcher.problems.push(`I36: ${id} is trial ${state.sent} of ${allowed}`);
  }

  private now(): number {
    return (this.latest = Math.max(this.latest, this.options.now()));
  }
}
