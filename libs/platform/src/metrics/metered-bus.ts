/**
 * A bus that counts what passes: by topic and group, a batch at a time. It changes nothing of what the inner one promises,
 * and whatever it counts it counts AFTER the fact.
 */
import {
  buriedTopicOf,
  PassingBus,
  type ActiveSubscription,
  type Bus,
  type Message,
  type Subscription,
} from '@sagamore/runtime';
import type { Metrics } from '@sagamore/telemetry';

type Open = Pick<Subscription, 'topic' | 'group'> & { readonly active: ActiveSubscription };

export class MeteredBus extends PassingBus {
  private readonly open = new Set<Open>();

  constructor(
    inner: Bus,
    private readonly metrics: Metrics,
  ) {
    super(inner);
    metrics.watch('consumerLag', () =>
      [...this.open].flatMap(({ topic, group, active }) => {
        const value = active.lag?.();
        return value === undefined ? [] : [{ labels: { topic, group }, value }];
      }),
    );
  }

  override async send(messages: readonly Message[]): Promise<void> {
    await this.inner.send(messages);
    const counts = new Map<string, number>();
    for (const { topic } of messages) counts.set(topic, (counts.get(topic) ?? 0) + 1);
    for (const [topic, count] of counts) {
      this.metrics.add('messagesSent', { topic }, count);
      const buried = buriedTopicOf(topic);
      if (buried !== undefined) this.metrics.add('deadLetters', { topic: buried }, count);
    }
  }

  override async subscribe(subscription: Subscription): Promise<ActiveSubscription> {
    const { topic, group } = subscription;
    const handle: Subscription['handle'] = (batch) => this.measured(subscription, batch);
    const active = await this.inner.subscribe({ ...subscription, handle });
    const entry = { topic, group, active };
    this.open.add(entry);
    return {
      pause: () => active.pause(),
      resume: () => active.resume(),
      isPaused: () => active.isPaused(),
      stop: async () => {
        this.open.delete(entry);
        await active.stop();
      },
      healthy: () => active.healthy(),
      ...(active.lag !== undefined && { lag: active.lag.bind(active) }),
    };
  }

  private async measured(
    { topic, group, handle }: Subscription,
    batch: Parameters<Subscription['handle']>[0],
  ): Promise<void> {
    const begunAt = performance.now();
    const tell = (outcome: 'handled' | 'failed'): void =>
      this.metrics.observe('batchDuration', { topic, group, outcome }, (performance.now() - begunAt) / 1_000);
    this.metrics.observe('batchSize', { topic, group }, batch.length);
    try {
      await handle(batch);
      tell('handled');
    } catch (error) {
      tell('failed');
      throw error;
    }
  }
}
