/**
 * Which topics a service needs before it can start, and how many partitions each has.
 * The two topics of the orchestrator are everybody's: whoever starts first creates them alike.
 */
import {
  commandTopic,
  deadLetterTopic,
  eventTopic,
  inboxTopic,
  transactionEventsTopic,
  type TopicSpecification,
} from '@sagamore/runtime';

/** The topics of `service`: its commands and events, the orchestrator's inbox and outcomes, and the dead letters of each.
 *  The inbox has a partition a shard (R14). */
export function topicsOf(
  service: string,
  { shards, partitions }: { readonly shards: number; readonly partitions: number },
): readonly TopicSpecification[] {
  const topics: readonly TopicSpecification[] = [
    { topic: commandTopic(service), partitions },
    { topic: eventTopic(service), partitions },
    { topic: transactionEventsTopic, partitions },
    { topic: inboxTopic, partitions: shards },
  ];
  return topics.flatMap((wanted) => [wanted, { topic: deadLetterTopic(wanted.topic), partitions }]);
}
