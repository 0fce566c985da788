/**
 * The consumers of a process: those of every service it holds, each with its own store of pauses. One registry a process, as
 * for health; it knows where to look, and decides nothing.
 */
import type { ConsumerName, Consumers, ConsumerView } from '@sagamore/runtime';

/** A consumer with the service that it belongs to. */
export interface ServiceConsumer extends ConsumerView {
  readonly service: string;
}

export class ConsumerRegistry {
  private readonly services = new Map<string, Consumers>();

  /** Adds a service for as long as the process lives. */
  register(service: string, consumers: Consumers): void {
    this.services.set(service, consumers);
  }

  /** In order of service, topic and group. */
  list(): readonly ServiceConsumer[] {
    const services = [...this.services].toSorted(([left], [right]) => (left < right ? -1 : 1));
    return services.flatMap(([service, consumers]) => consumers.list().map((view) => ({ service, ...view })));
  }

  /** The service that reads a topic as a group, or has it paused; two services never share a group. */
  of(name: ConsumerName): { readonly service: string; readonly consumers: Consumers } | undefined {
    for (const [service, consumers] of this.services)
      if (consumers.find(name) !== undefined) return { service, consumers };
    return undefined;
  }
}
