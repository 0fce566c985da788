/**
 * Which topics a service needs before it can start, and how many partitions each has.
 * The topics of the orchestrator are everybody's: whoever starts first creates them alike.
 */
import {
  BarrierRetention,
  commandTopic,
  eventTopic,
  inboxTopic,
  settlementTopic,
  transactionEventsTopic,
  type TopicSpecification,
} from '@sagamore/runtime';

/** As configured. */
interface PartitionCounts {
  readonly shards: number;
  readonly partitions: number;
}

/** The topics of `service`: its commands, decisions and events, the orchestrator's inbox, outcomes and horizon. The inbox
 *  has a partition a shard (R14). The bus makes the dead letters of each by itself. */
export function topicsOf(
  service: string,
  { shards, partitions }: PartitionCounts,
): readonly TopicSpecification[] {
  return [
    { topic: commandTopic(service), partitions },
    { topic: settlementTopic(service), partitions },
    { topic: eventTopic(service), partitions },
    { topic: transactionEventsTopic, partitions },
    { topic: inboxTopic, partitions: shards },
    { topic: BarrierRetention.topic, partitions: 1 },
  ];
}

/** The command topics of those whom an orchestrator will ask: it must be able to send before they have ever started. */
export function commandTopicsOf(
  participants: readonly string[],
  { partitions }: PartitionCounts,
): readonly TopicSpecification[] {
  return participants
    .flatMap((participant) => [commandTopic(participant), settlementTopic(participant)])
    .map((topic) => ({ topic, partitions }));
}
