/**
 * The outside world of the simulation: a card network or a carrier. It keeps an idempotency key's first answer for
 * ever, and an undo that finds nothing leaves a tombstone that refuses what comes later (R8).
 * Its answers may be slow, may be lost after the effect, or may not come at all.
 */
import { refused, succeeded, type Reply } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import type { Host } from './host.js';

/** What stands in the provider's own books under one key. */
export interface ProviderEntry {
  readonly state: 'done' | 'undone' | 'refused' | 'tombstone';
  readonly units: number;
}

export interface ProviderRequest {
  readonly key: string;
  readonly units: number;
  /** The provider's "no", when it will say no. */
  readonly refusal?: string | undefined;
}

export class Provider {
  readonly books = new Map<string, ProviderEntry>();
  /** Times an effect was had, by key: more than once is a double charge. */
  readonly effects = new Map<string, number>();
  /** The most calls that one process had under way at the same time. */
  mostAtOnce = 0;
  private readonly underWay = new Map<Host, number>();

  constructor(private readonly name: string) {}

  /** The action under a key: the same answer whenever the key comes again. */
  act(host: Host, { key, units, refusal }: ProviderRequest): Promise<Reply> {
    return this.call(host, () => {
      const known = this.books.get(key);
      if (known !== undefined) return answerOf(key, known);
      const entry: ProviderEntry = { state: refusal === undefined ? 'done' : 'refused', units };
      this.books.set(key, entry);
      if (refusal !== undefined) return refused(refusal);
      this.effects.set(key, (this.effects.get(key) ?? 0) + 1);
      return answerOf(key, entry);
    });
  }

  /** The undo of whatever the key stands for. `isStuck`: it fails until the world is healed. */
  undo(host: Host, { key, isStuck }: { readonly key: string; readonly isStuck: boolean }): Promise<Reply> {
    return this.call(host, () => {
      if (isStuck && !host.base.faults.healed) throw this.away('cannot undo');
      const known = this.books.get(key);
      if (known?.state === 'done' || known?.state === 'undone') {
        this.books.set(key, { ...known, state: 'undone' });
        return succeeded({});
      }
      if (known === undefined) this.books.set(key, { state: 'tombstone', units: 0 });
      return { outcome: 'succeeded', output: {}, empty: true };
    });
  }

  /** The request travels, takes effect, and its answer travels back: any of the three may go wrong. */
  private async call(host: Host, effect: () => Reply): Promise<Reply> {
    const count = (this.underWay.get(host) ?? 0) + 1;
    this.underWay.set(host, count);
    this.mostAtOnce = Math.max(this.mostAtOnce, count);
    try {
      return await this.exchange(host, effect);
    } finally {
      this.underWay.set(host, (this.underWay.get(host) ?? 1) - 1);
    }
  }

  private async exchange(host: Host, effect: () => Reply): Promise<Reply> {
    const { faults } = host.base;
    const { providerSlowShare, providerLostShare, providerAwayShare } = faults.plan;
    await host.pass();
    await this.travel(host, providerSlowShare);
    if (!host.reaches('outside')) throw this.away('cannot be reached');
    if (faults.strikes(providerAwayShare, 'outside away', `${this.name} is away`))
      throw this.away('answers 503');
    const reply = effect();
    host.base.note(`${this.name} answers ${reply.outcome}`);
    await host.survives('after a call to the outside');
    const isLost = faults.strikes(
      providerLostShare,
      'lost answer from outside',
      `${this.name} loses an answer`,
    );
    if (isLost || !host.reaches('outside')) throw this.away('does not answer');
    await this.travel(host, providerSlowShare);
    await host.pass();
    return reply;
  }

  private async travel(host: Host, slowShare: number): Promise<void> {
    const { faults, clock } = host.base;
    const isSlow = faults.strikes(slowShare, 'slow outside', `${this.name} is slow`);
    const ms = isSlow ? faults.ms(300, 4_000) : faults.ms(1, 10);
    await new Promise<void>((resolve) => void clock.after(ms, resolve));
    host.base.touch();
  }

  private away(how: string): Fault {
    return new Fault('PROVIDER_UNAVAILABLE', `${this.name} ${how}`, { retryable: true });
  }
}

function answerOf(key: string, { state }: ProviderEntry): Reply {
  return state === 'done' || state === 'undone'
    ? succeeded({ reference: key })
    : refused(state === 'tombstone' ? 'cancelled-before' : 'refused-before');
}
