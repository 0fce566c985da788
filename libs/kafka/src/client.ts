/**
 * Makes the Kafka client from the settings, and knows whether the broker can be reached.
 * The one place where the client's own retries, logging and events are set; it must never write to the console.
 */
import { Kafka, logLevel, type Admin, type KafkaConfig, type LogEntry, type RetryOptions } from 'kafkajs';
import { encodeProduceRequests } from './produce-request.js';
import type { KafkaLogLevel, ResolvedSettings } from './settings.js';
import { socketsWithin } from './socket.js';

/** Few tries inside the client, because the bus itself tries without end and must be able to stop soon. */
export const clientRetry: RetryOptions = { initialRetryTime: 100, maxRetryTime: 2_000, retries: 3 };

/** Longer than a rebalance waits for busy members (10 s): the longest that any answer takes. */
const requestMsMax = 15_000;
/** A single lost connection is an everyday matter; one that stays lost this long is an outage. */
const outageMs = 1_000;
/** Namespaces of the client whose errors mean that a broker did not answer. */
const connectionNamespaces = new Set(['Connection', 'BrokerPool']);

/** Whether a broker answers, told by whoever talks to one. */
export class Reachability {
  private lostAt: number | undefined;

  readonly succeeded = (): void => {
    this.lostAt = undefined;
  };

  readonly failed = (): void => {
    this.lostAt ??= performance.now();
  };

  /** False when nothing has answered since an error of more than a second ago. */
  isReachable(): boolean {
    return this.lostAt === undefined || performance.now() - this.lostAt < outageMs;
  }
}

/** A client whose log goes to the `log` setting, and whose connection errors reach `reachability`. */
export function createClient(settings: ResolvedSettings, reachability: Reachability): Kafka {
  encodeProduceRequests();
  const config: KafkaConfig = {
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    retry: clientRetry,
    connectionTimeout: 3_000,
    requestTimeout: requestMsMax,
    socketFactory: socketsWithin(requestMsMax),
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => report(entry, settings, reachability),
  };
  if (settings.ssl !== undefined) config.ssl = settings.ssl;
  if (settings.sasl !== undefined) config.sasl = settings.sasl;
  return new Kafka(config);
}

/** Runs `work` with a connection of its own, which is closed AFTER it. */
export async function withAdmin<Client extends Pick<Admin, 'connect' | 'disconnect'>, T>(
  source: { admin(): Client },
  work: (admin: Client) => Promise<T>,
): Promise<T> {
  const admin = source.admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

function report(entry: LogEntry, { log }: ResolvedSettings, reachability: Reachability): void {
  // An error that a broker answered with: it can be reached, and whoever asked tells what it means.
  const isAnswer = 'correlationId' in entry.log;
  if (isAnswer) reachability.succeeded();
  else if (isConnectionError(entry)) reachability.failed();
  // The client warns that an idempotent producer must not stop trying; the sender tries on, with the same request.
  if (entry.level === logLevel.WARN && entry.namespace === 'Producer') return;
  log(isAnswer ? 'debug' : levelOf(entry.level), `${entry.namespace}: ${entry.log.message}`);
}

function isConnectionError({ level, namespace }: LogEntry): boolean {
  return level === logLevel.ERROR && connectionNamespaces.has(namespace);
}

function levelOf(level: logLevel): KafkaLogLevel {
  if (level === logLevel.ERROR) return 'error';
  if (level === logLevel.WARN) return 'warn';
  return level === logLevel.INFO ? 'info' : 'debug';
}
