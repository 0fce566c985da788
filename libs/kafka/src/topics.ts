/**
 * The broker's topics: making those that are missing, refusing those that are wrong (I45), and knowing how many
 * partitions each has, so that a key or an explicit partition is placed BEFORE a request is built.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@sagamore/resilience';
import { deadLetterTopic, type TopicSpecification } from '@sagamore/runtime';
import type { Admin } from 'kafkajs';
import { withAdmin } from './client.js';
import { isDeadLetterTopic } from './dead-letter.js';
import { isRefusal, toFault, typeOf } from './faults.js';
import type { ResolvedSettings } from './settings.js';
import { checkAges, type ConfigAdmin } from './topic-age.js';

/** News of a topic that was just made needs a moment to reach every broker. */
const spreadMs = 2_000;
const pauseMs = 200;

type Counts = ReadonlyMap<string, number>;

type TopicAdmin = ConfigAdmin & Pick<Admin, 'connect' | 'disconnect' | 'fetchTopicMetadata' | 'createTopics'>;

/** What is needed of the client. */
export interface AdminSource {
  admin(): TopicAdmin;
}

export class Topics {
  private readonly counts = new Map<string, number>();

  constructor(
    private readonly kafka: AdminSource,
    private readonly settings: ResolvedSettings,
    private readonly stopped: AbortSignal,
  ) {}

  /** The partitions of `topic` (with prefix), undefined while it is not known here. */
  partitionsOf(topic: string): number | undefined {
    return this.counts.get(topic);
  }

  /** Asks the broker for the topics that are not known yet; keeps asking while it is away. Throws `TOPIC_INVALID` for
   *  one that does not exist and `STOPPED` when the bus stops. */
  async learn(topics: readonly string[]): Promise<void> {
    const missing = () => topics.filter((topic) => !this.counts.has(topic));
    let giveUpAt: number | undefined;
    while (missing().length > 0) {
      if (this.stopped.aborted) throw new Fault('STOPPED', 'the bus has stopped', { retryable: false });
      const answered = await this.tryLearn(missing());
      giveUpAt ??= answered ? performance.now() + spreadMs : undefined;
      if (missing().length === 0) return;
      if (giveUpAt !== undefined && performance.now() > giveUpAt)
        throw absent(missing(), { retryable: false });
      await pause(pauseMs);
    }
  }

  /** Forgets a topic that the broker says is gone. */
  forget(topic: string): void {
    this.counts.delete(topic);
  }

  /** Creates what is missing, dead-letter topics included. Throws `TOPIC_INVALID` when a topic exists with another
   *  partition count, and `BROKER_UNAVAILABLE` after the connect time-out. Idempotent, and safe beside another instance
   *  that does the same. */
  async ensure(wanted: readonly TopicSpecification[]): Promise<void> {
    const specifications = withDeadLetters(wanted, this.settings.topicPrefix);
    const deadline = performance.now() + this.settings.connectTimeoutMs;
    for (;;) {
      try {
        return await withAdmin(this.kafka, (admin) => this.ensureOnce(admin, specifications));
      } catch (error) {
        const fault = toFault(error, 'wanted to create the topics');
        const final = !fault.retryable || performance.now() > deadline || this.stopped.aborted;
        if (final) throw fault;
        await pause(pauseMs);
      }
    }
  }

  private async ensureOnce(admin: TopicAdmin, specifications: Counts): Promise<void> {
    const before = await existing(admin);
    checkCounts(specifications, before);
    const missing = [...specifications].filter(([topic]) => !before.has(topic));
    if (missing.length > 0) await this.create(admin, missing);
    const after = missing.length > 0 ? await existing(admin) : before;
    // Another instance may have made them meanwhile, by other figures.
    checkCounts(specifications, after);
    const absentTopics = [...specifications.keys()].filter((topic) => !after.has(topic));
    // A broker may tell of a topic a moment after it was made, so this is asked again until the time-out.
    if (absentTopics.length > 0) throw absent(absentTopics, { retryable: true });
    const kept = [...specifications.keys()].filter((topic) => !isDeadLetterTopic(topic));
    await this.checkAges(admin, kept);
    for (const topic of specifications.keys()) this.counts.set(topic, after.get(topic)!);
  }

  /** Who may not read the broker's configuration is on their own, and is told so. */
  private async checkAges(admin: TopicAdmin, topics: readonly string[]): Promise<void> {
    const { recordAgeMsMax, log } = this.settings;
    if (recordAgeMsMax === undefined || topics.length === 0) return;
    try {
      await checkAges(admin, topics, recordAgeMsMax);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      log('warn', `the broker does not tell how long it keeps records: ${typeOf(error) ?? String(error)}`);
    }
  }

  private async create(admin: TopicAdmin, missing: readonly (readonly [string, number])[]): Promise<void> {
    const { replicationFactor } = this.settings;
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map(([topic, numPartitions]) => ({ topic, numPartitions, replicationFactor })),
    });
  }

  /** Whether the broker answered, be it that a topic is unknown. */
  private async tryLearn(topics: readonly string[]): Promise<boolean> {
    try {
      const found = await withAdmin(this.kafka, existing);
      for (const topic of topics) if (found.has(topic)) this.counts.set(topic, found.get(topic)!);
      return true;
    } catch (error) {
      if (isRefusal(error)) throw toFault(error, 'wanted the partitions of a topic');
      this.settings.log('warn', `the broker did not tell its topics: ${typeOf(error) ?? String(error)}`);
      return false;
    }
  }
}

async function existing(admin: TopicAdmin): Promise<Counts> {
  const { topics } = await admin.fetchTopicMetadata();
  return new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
}

/** A dead-letter topic has no figure to keep: any count holds dead letters. */
function checkCounts(specifications: Counts, found: Counts): void {
  for (const [topic, wanted] of specifications) {
    const count = found.get(topic);
    if (count === undefined || count === wanted || isDeadLetterTopic(topic)) continue;
    const fix = `configure ${count} partitions, or use another topic prefix; adding partitions would move keys`;
    throw new Fault('TOPIC_INVALID', `topic ${topic}: wanted ${wanted} partitions, found ${count}; ${fix}`, {
      retryable: false,
    });
  }
}

function withDeadLetters(wanted: readonly TopicSpecification[], prefix: string): Counts {
  const specifications = new Map<string, number>();
  for (const { topic, partitions } of wanted) {
    const known = specifications.get(prefix + topic);
    if (known !== undefined && known !== partitions) {
      const message = `topic ${prefix + topic}: wanted ${known} partitions and also ${partitions}`;
      throw new Fault('TOPIC_INVALID', message, { retryable: false });
    }
    specifications.set(prefix + topic, partitions);
    if (!isDeadLetterTopic(topic)) specifications.set(prefix + deadLetterTopic(topic), 1);
  }
  return specifications;
}

function absent(topics: readonly string[], options: { readonly retryable: boolean }): Fault {
  return new Fault('TOPIC_INVALID', `wanted the topics ${topics.join(', ')}, found none`, options);
}
