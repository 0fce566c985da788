/**
 * A bus that passes everything on: what a bus is made of that looks at, counts or bends one thing and leaves the rest alone.
 */
import { Bus, type ActiveSubscription, type Subscription, type TopicSpecification } from './bus.js';
import type { Message } from './message.js';

/** Keeps what `inner` promises, in everything that is not overridden. */
export abstract class PassingBus extends Bus {
  constructor(protected readonly inner: Bus) {
    super();
  }

  override ensureTopics(topics: readonly TopicSpecification[]): Promise<void> {
    return this.inner.ensureTopics(topics);
  }

  override send(messages: readonly Message[]): Promise<void> {
    return this.inner.send(messages);
  }

  override subscribe(subscription: Subscription): Promise<ActiveSubscription> {
    return this.inner.subscribe(subscription);
  }

  override start(): Promise<void> {
    return this.inner.start();
  }

  override stop(): Promise<void> {
    return this.inner.stop();
  }

  override healthy(): boolean {
    return this.inner.healthy();
  }
}
