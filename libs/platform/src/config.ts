/**
 * The settings of a process: read once at start and handed out frozen.
 * Every problem is listed at once (I45), so that nobody repairs a deployment one restart at a time.
 * It must never put a value into a message: what was set may be a secret.
 */
import { Fault } from '@sagamore/resilience';
import type { WindowPolicy } from '@sagamore/runtime';
import { databaseUrl, httpUrl, settings, type Settings } from './settings.js';

/** How the brokers are logged in to. */
export interface SaslConfig {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

/** The settings of a process. Frozen; units come last in a name. */
export interface Config {
  /** By the service's name: `DATABASE_URL_ORDER` is `databaseUrls.order`. */
  readonly databaseUrls: Readonly<Record<string, string>>;
  /** Where participants answer that are called over HTTP, by name: `PARTICIPANT_URL_HOTEL` is `participantUrls.hotel`. */
  readonly participantUrls: Readonly<Record<string, string>>;
  readonly databasePoolSize: number;
  readonly databaseSsl: boolean;
  readonly databaseSslCa?: string;
  readonly kafka: KafkaConfig;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Partitions of `orchestrator.inbox`. */
  readonly shards: number;
  /** Partitions of every other topic. */
  readonly partitions: number;
  /** What only waits, and longer, leaves memory. */
  readonly evictAfterMs: number;
  readonly wakesPerSecond: number;
  /** How long what ended is kept, ms. */
  readonly retention: RetentionConfig;
  readonly operatorToken?: string;
  readonly operatorName: string;
  readonly cardNetworkUrl?: string;
  readonly carrierUrl?: string;
  readonly tracing: TracingConfig;
  /** Whether anything is counted. */
  readonly metrics: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly logPretty: boolean;
  readonly catalogueSize: number;
  readonly initialStock: number;
  readonly providerTimeoutMs: number;
  readonly externalCallsMax: number;
  /** How transactions are prepared for two-phase commit, each on a connection of its own (R19). */
  readonly prepares: { readonly preparesMax: number; readonly lockTimeoutMs: number };
  /** When the circuit of a provider opens, and for how long. */
  readonly circuit: { readonly failuresToOpen: number; readonly resetMs: number };
  /** What may be on its way to each participant that is sent messages. */
  readonly window: Partial<WindowPolicy>;
}

export interface TracingConfig {
  /** Absent: nothing is traced. */
  readonly endpoint?: string;
  /** Of the transactions that simply complete, from 0 to 1. */
  readonly ratio: number;
  /** What takes longer, ms, is traced whatever the ratio. */
  readonly slowMs: number;
}

export interface RetentionConfig {
  readonly keepMs: number;
  readonly keyLifeMs: number;
  readonly auditMs: number;
  /** The age up to which a message may still be delivered. */
  readonly redeliveryMs: number;
}

export interface KafkaConfig {
  /** Absent when the process is given a bus of its own. */
  readonly brokers?: readonly string[];
  readonly topicPrefix: string;
  readonly ssl: boolean;
  readonly sslCa?: string;
  readonly sasl?: SaslConfig;
  /** Absent: the broker's own default. */
  readonly replicationFactor?: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const dayMs = 86_400_000;
const databasePrefix = 'DATABASE_URL_';
const participantPrefix = 'PARTICIPANT_URL_';

/** The environment's name of a service's database URL: `DATABASE_URL_ORDER` for `order`. */
export function databaseUrlName(service: string): string {
  return databasePrefix + service.toUpperCase().replaceAll('-', '_');
}

/** Reads and checks every setting; an empty value counts as absent. `services` of this process must each have a
 *  database URL. Throws one `CONFIGURATION_INVALID` that names every problem by its setting, never by its value. */
export function readConfig(
  env: Environment,
  { services = [] }: { readonly services?: readonly string[] } = {},
): Config {
  const problems: string[] = [];
  const named = {
    databaseUrls: readNamed(env, { prefix: databasePrefix, schema: databaseUrl }, problems),
    participantUrls: readNamed(env, { prefix: participantPrefix, schema: httpUrl }, problems),
  };
  for (const service of services) {
    if (!env[databaseUrlName(service)])
      problems.push(`${databaseUrlName(service)}: ${service} needs it, found nothing`);
  }
  problems.push(...saslProblems(env));
  const read = settings.safeParse(withoutEmpty(env));
  problems.push(...(read.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`));
  if (read.success) problems.push(...retentionProblems(read.data));
  if (!read.success || problems.length > 0) throw invalid(problems);
  return freeze(configOf(read.data, named));
}

/** The URL of `service`'s database. Throws `CONFIGURATION_INVALID` when it was not set. */
export function databaseUrlOf(config: Config, service: string): string {
  const url = config.databaseUrls[service];
  if (url === undefined) throw invalid([`${databaseUrlName(service)}: ${service} needs it, found nothing`]);
  return url;
}

/** Where each of `participants` answers over HTTP. Throws one `CONFIGURATION_INVALID` that names all that were not set. */
export function participantUrlsOf(
  { participantUrls }: Config,
  participants: readonly string[],
): Readonly<Record<string, string>> {
  const missing = participants.filter((name) => participantUrls[name] === undefined);
  if (missing.length === 0) return participantUrls;
  const settingOf = (name: string): string => participantPrefix + name.toUpperCase().replaceAll('-', '_');
  throw invalid(missing.map((name) => `${settingOf(name)}: ${name} is called over HTTP, found nothing`));
}

/** How a service's database is spoken to, from the settings of its process (R18). */
export function databaseTlsOf({ databaseSsl, databaseSslCa }: Config): boolean | { readonly ca: string } {
  return databaseSsl && databaseSslCa !== undefined ? { ca: databaseSslCa } : databaseSsl;
}

function invalid(problems: readonly string[]): Fault {
  return new Fault('CONFIGURATION_INVALID', `the settings do not fit: ${problems.join('; ')}`, {
    retryable: false,
  });
}

function withoutEmpty(env: Environment): Record<string, string> {
  const set = Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return Object.fromEntries(set);
}

/** Settings whose names end in that of a service: by that name. */
function readNamed(
  env: Environment,
  { prefix, schema }: { readonly prefix: string; readonly schema: typeof databaseUrl },
  problems: string[],
): Record<string, string> {
  const urls: Record<string, string> = {};
  for (const [name, url] of Object.entries(withoutEmpty(env))) {
    if (!name.startsWith(prefix)) continue;
    const { error } = schema.safeParse(url);
    problems.push(...(error?.issues ?? []).map(({ message }) => `${name}: ${message}`));
    urls[name.slice(prefix.length).toLowerCase().replaceAll('_', '-')] = url;
  }
  return urls;
}

/** The three belong together: one without the others would log in as nobody, or not at all. */
function saslProblems(env: Environment): readonly string[] {
  const names = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'];
  const missing = names.filter((name) => !env[name]);
  return missing.length === names.length
    ? []
    : missing.map((name) => `${name}: goes with the other two, found nothing`);
}

/** A message that is delivered after its answer was forgotten is done twice, so such settings are refused (S10). */
function retentionProblems({ RETENTION_DAYS, REDELIVERY_DAYS, KEY_LIFE_DAYS }: Settings): readonly string[] {
  return [
    ...(RETENTION_DAYS > REDELIVERY_DAYS ? [] : ['RETENTION_DAYS: must be more than REDELIVERY_DAYS']),
    ...(KEY_LIFE_DAYS >= RETENTION_DAYS ? [] : ['KEY_LIFE_DAYS: must not be less than RETENTION_DAYS']),
  ];
}

function configOf(read: Settings, named: Pick<Config, 'databaseUrls' | 'participantUrls'>): Config {
  return {
    ...named,
    databasePoolSize: read.DATABASE_POOL_SIZE,
    databaseSsl: read.DATABASE_SSL,
    ...(read.DATABASE_SSL_CA && { databaseSslCa: read.DATABASE_SSL_CA }),
    kafka: kafkaOf(read),
    host: read.HOST,
    port: read.PORT,
    shards: read.SHARDS,
    partitions: read.PARTITIONS,
    evictAfterMs: read.EVICT_AFTER_MS,
    wakesPerSecond: read.WAKES_PER_SECOND,
    retention: {
      keepMs: read.RETENTION_DAYS * dayMs,
      keyLifeMs: read.KEY_LIFE_DAYS * dayMs,
      auditMs: read.AUDIT_DAYS * dayMs,
      redeliveryMs: read.REDELIVERY_DAYS * dayMs,
    },
    operatorName: read.OPERATOR_NAME,
    ...(read.OPERATOR_TOKEN && { operatorToken: read.OPERATOR_TOKEN }),
    ...(read.CARD_NETWORK_URL && { cardNetworkUrl: read.CARD_NETWORK_URL }),
    ...(read.CARRIER_URL && { carrierUrl: read.CARRIER_URL }),
    tracing: {
      ...(read.OTEL_EXPORTER_OTLP_ENDPOINT && { endpoint: read.OTEL_EXPORTER_OTLP_ENDPOINT }),
      ratio: read.TRACE_PERCENT / 100,
      slowMs: read.TRACE_SLOW_MS,
    },
    metrics: read.METRICS,
    logLevel: read.LOG_LEVEL,
    logPretty: read.LOG_PRETTY,
    catalogueSize: read.CATALOGUE_SIZE,
    initialStock: read.INITIAL_STOCK,
    providerTimeoutMs: read.PROVIDER_TIMEOUT_MS,
    externalCallsMax: read.EXTERNAL_CALLS_MAX,
    prepares: { preparesMax: read.PREPARES_MAX, lockTimeoutMs: read.PREPARE_LOCK_TIMEOUT_MS },
    circuit: { failuresToOpen: read.BREAKER_FAILURES, resetMs: read.BREAKER_RESET_MS },
    window: {
      failuresToOpen: read.BREAKER_FAILURES,
      resetMs: read.BREAKER_RESET_MS,
      trialsMax: read.PARTICIPANT_TRIALS,
      rampPerSecond: read.PARTICIPANT_RAMP,
      outstandingMax: read.PARTICIPANT_WINDOW,
      keptForUndo: Math.floor(read.PARTICIPANT_WINDOW / 5),
      ageingMs: read.AGEING_MS,
    },
  };
}

function kafkaOf(read: Settings): KafkaConfig {
  const {
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: username,
    KAFKA_SASL_PASSWORD: password,
  } = read;
  return {
    ...(read.KAFKA_BROKERS && { brokers: read.KAFKA_BROKERS }),
    topicPrefix: read.KAFKA_TOPIC_PREFIX,
    ssl: read.KAFKA_SSL,
    ...(read.KAFKA_SSL_CA && { sslCa: read.KAFKA_SSL_CA }),
    ...(mechanism && username && password && { sasl: { mechanism, username, password } }),
    ...(read.KAFKA_REPLICATION_FACTOR && { replicationFactor: read.KAFKA_REPLICATION_FACTOR }),
  };
}

function freeze(config: Config): Config {
  const { databaseUrls, participantUrls, retention, kafka, circuit, prepares, window } = config;
  const nested = [
    databaseUrls,
    participantUrls,
    retention,
    circuit,
    prepares,
    window,
    kafka,
    kafka.brokers,
    kafka.sasl,
  ];
  for (const part of nested) Object.freeze(part);
  return Object.freeze(config);
}
