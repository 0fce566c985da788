/**
 * How old a record of a topic can become, as the broker is configured. An answer that is forgotten earlier than its question
 * dies would let the question be done twice, so a start with such topics is refused (S10).
 */
import { Fault } from '@sagamore/resilience';
import kafkajs, { type Admin } from 'kafkajs';

/** What is needed of the client. */
export type ConfigAdmin = Pick<Admin, 'describeConfigs'>;

const dayMs = 86_400_000;

/** Throws `TOPIC_INVALID` for the first of `topics` whose records can become older than `ageMsMax`. */
export async function checkAges(
  admin: ConfigAdmin,
  topics: readonly string[],
  ageMsMax: number,
): Promise<void> {
  const configNames = ['retention.ms', 'segment.ms'];
  const resources = topics.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames }));
  const { resources: found } = await admin.describeConfigs({ includeSynonyms: false, resources });
  for (const { resourceName, configEntries } of found) {
    const valueOf = (name: string) =>
      Number(configEntries.find((entry) => entry.configName === name)?.configValue);
    const ageMs = ageOf(valueOf('retention.ms'), valueOf('segment.ms'));
    if (ageMs <= ageMsMax) continue;
    const days = (ms: number) => (ms / dayMs).toFixed(1);
    const message = `topic ${resourceName}: wanted records that live ${days(ageMsMax)} days at most, found ${days(ageMs)}`;
    const fix = 'shorten retention.ms or segment.ms, or raise REDELIVERY_DAYS and RETENTION_DAYS';
    throw new Fault('TOPIC_INVALID', `${message}; ${fix}`, { retryable: false });
  }
}

/** A record goes with its segment, which must be closed and then old enough. What the broker does not tell is not judged. */
function ageOf(retentionMs: number, segmentMs: number): number {
  if (Number.isNaN(retentionMs)) return 0;
  return retentionMs < 0 ? Infinity : retentionMs + (Number.isNaN(segmentMs) ? 0 : segmentMs);
}
