/**
 * The one schema of a process's settings: each by the name the environment gives it, with its meaning, default and bound.
 * `config.ts` reads it; the reference page lists it. Messages of this schema must never repeat a value.
 */
import { z } from 'zod';

interface Described {
  readonly meaning: string;
  /** Unit and bound, in words. */
  readonly bound: string;
}

const descriptions = z.registry<Described>();

const text = z.string().min(1).max(4_096);
const flag = z.enum(['true', 'false', '1', '0']).transform((value) => value === 'true' || value === '1');
const list = text
  .transform((value) => value.split(',').map((item) => item.trim()))
  .pipe(z.array(text).min(1));
/** Also that of a participant which is called; checked for every `PARTICIPANT_URL_<PARTICIPANT>` that is set. */
export const httpUrl = z.url({ protocol: /^https?$/, message: 'expected an http or https URL' });

function whole(least: number, most: number) {
  const message = `expected a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .pipe(z.number().min(least, message).max(most, message));
}

function described<Schema extends z.ZodType>(schema: Schema, meaning: string, bound: string): Schema {
  descriptions.add(schema, { meaning, bound });
  return schema;
}

/** A service's own database; checked for every `DATABASE_URL_<SERVICE>` that is set. */
export const databaseUrl = z.url({ protocol: /^postgres(ql)?$/, message: 'expected a postgres:// URL' });

/** Every setting but the databases', by its name in the environment. */
export const settings = z.object({
  DATABASE_POOL_SIZE: described(
    whole(1, 200).prefault('10'),
    'Connections a service keeps to its database',
    '1 to 200 connections',
  ),
  DATABASE_SSL: described(flag.prefault('false'), 'Speak TLS to every database', '`true` or `false`'),
  DATABASE_SSL_CA: described(
    z.string().min(1).max(100_000).optional(),
    'The authority to trust for databases instead of those the system trusts',
    'a certificate as PEM text',
  ),
  KAFKA_BROKERS: described(
    list.optional(),
    'Brokers to begin with; a process without them needs a bus of its own',
    '`host:port`, separated by commas',
  ),
  KAFKA_TOPIC_PREFIX: described(
    z
      .string()
      .regex(/^[A-Za-z0-9._-]{0,100}$/, 'expected up to 100 letters, digits, dots, dashes and underscores')
      .prefault(''),
    'Stands before every topic and group, so that several stacks can share a cluster',
    'up to 100 of `A-Z a-z 0-9 . _ -`',
  ),
  KAFKA_SSL: described(flag.prefault('false'), 'Speak TLS to the brokers', '`true` or `false`'),
  KAFKA_SSL_CA: described(
    z.string().min(1).max(100_000).optional(),
    'The authority to trust instead of those the system trusts',
    'a certificate as PEM text',
  ),
  KAFKA_SASL_MECHANISM: described(
    z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
    'How to log in to the brokers; goes with a username and a password',
    '`plain`, `scram-sha-256` or `scram-sha-512`',
  ),
  KAFKA_SASL_USERNAME: described(text.optional(), 'Who logs in to the brokers', '1 to 4096 characters'),
  KAFKA_SASL_PASSWORD: described(text.optional(), 'Their password', '1 to 4096 characters, secret'),
  KAFKA_REPLICATION_FACTOR: described(
    whole(1, 9).optional(),
    "Copies of each topic that has to be created; without it the broker's own default",
    '1 to 9 copies',
  ),
  HOST: described(text.prefault('127.0.0.1'), 'The address HTTP listens on', 'an address of this machine'),
  PORT: described(
    whole(0, 65_535).prefault('3000'),
    'The port HTTP listens on',
    '0 to 65535; 0 takes a free one',
  ),
  SHARDS: described(
    whole(1, 1_024).prefault('4'),
    "Partitions of the orchestrator's inbox; must stay what it was when the orchestrator first started",
    '1 to 1024 partitions',
  ),
  PARTITIONS: described(
    whole(1, 1_024).prefault('2'),
    'Partitions of every other topic',
    '1 to 1024 partitions',
  ),
  EVICT_AFTER_MS: described(
    whole(10_000, 86_400_000).prefault('60000'),
    'What only waits, and for longer than this, leaves the memory of its orchestrator until it falls due',
    '10000 to 86400000 ms',
  ),
  WAKES_PER_SECOND: described(
    whole(1, 100_000).prefault('1000'),
    'Of those that left memory, how many one orchestrator brings back when many fall due at once',
    '1 to 100000 transactions a second',
  ),
  RETENTION_DAYS: described(
    whole(1, 3_650).prefault('30'),
    'How long a transaction that ended is kept, with its events and its rows at the participants',
    '1 to 3650 days, more than `REDELIVERY_DAYS`',
  ),
  REDELIVERY_DAYS: described(
    whole(0, 3_649).prefault('14'),
    'How old a message can be that is still delivered: the longest retention of a topic, or the age at which dead letters are replayed',
    '0 to 3649 days',
  ),
  KEY_LIFE_DAYS: described(
    whole(1, 3_650).prefault('90'),
    'How long the id or key of a transaction answers "already done", whether it is still kept or not',
    '1 to 3650 days, no less than `RETENTION_DAYS`',
  ),
  AUDIT_DAYS: described(
    whole(1, 36_500).prefault('730'),
    'How long is kept what people did to transactions that ended since',
    '1 to 36500 days',
  ),
  OPERATOR_TOKEN: described(
    z
      .string()
      .regex(/^[\x21-\x7e]{16,512}$/, 'expected 16 to 512 printable characters without spaces')
      .optional(),
    'What an operator shows as bearer token; without it only callers on the same machine may operate',
    '16 to 512 printable characters, secret',
  ),
  OPERATOR_NAME: described(
    z.string().min(1).max(100).prefault('operator'),
    'The actor whom the audit names for an operator',
    '1 to 100 characters',
  ),
  CARD_NETWORK_URL: described(
    httpUrl.optional(),
    'Where the card network answers; payment needs it',
    'an http or https URL',
  ),
  CARRIER_URL: described(
    httpUrl.optional(),
    'Where the carrier answers; shipping needs it',
    'an http or https URL',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: described(
    httpUrl.optional(),
    'Where an OpenTelemetry collector takes spans and metrics over OTLP/HTTP; without it nothing is traced',
    'an http or https URL, e.g. `http://127.0.0.1:4318`',
  ),
  TRACE_PERCENT: described(
    whole(0, 100).prefault('10'),
    'Of the transactions that simply complete, how many are traced; every other process must be told the same',
    '0 to 100 %',
  ),
  TRACE_SLOW_MS: described(
    whole(1, 3_600_000).prefault('5000'),
    'A transaction that takes longer is traced whatever the percentage',
    '1 to 3600000 ms',
  ),
  METRICS: described(
    flag.prefault('true'),
    'Count what happens, at `/metrics` and, where a collector is named, over OTLP',
    '`true` or `false`',
  ),
  LOG_LEVEL: described(
    z.enum(['debug', 'info', 'warn', 'error', 'silent']).prefault('info'),
    'The least that is logged',
    '`debug`, `info`, `warn`, `error` or `silent`',
  ),
  LOG_PRETTY: described(flag.prefault('false'), 'Log lines for people instead of JSON', '`true` or `false`'),
  CATALOGUE_SIZE: described(
    whole(1, 10_000).prefault('24'),
    "Products that the example's inventory begins with",
    '1 to 10000 products',
  ),
  INITIAL_STOCK: described(
    whole(0, 1_000_000_000).prefault('10000'),
    'Stock of each product at the first start; a few are scarce whatever it says',
    '0 to 1000000000 pieces',
  ),
  PROVIDER_TIMEOUT_MS: described(
    whole(10, 120_000).prefault('5000'),
    'How long one call to an external provider may take',
    '10 to 120000 ms',
  ),
  BREAKER_FAILURES: described(
    whole(1, 1_000).prefault('5'),
    'Failures that open a breaker: of a provider so many calls within ten seconds, more than half of them failed; of a participant so many in a row',
    '1 to 1000 failures',
  ),
  BREAKER_RESET_MS: described(
    whole(100, 3_600_000).prefault('60000'),
    'How long an open breaker refuses before it is tried again',
    '100 to 3600000 ms',
  ),
  PARTICIPANT_TRIALS: described(
    whole(1, 100).prefault('3'),
    'Commands that find out whether a participant is back, of all orchestrators together',
    '1 to 100 commands',
  ),
  PARTICIPANT_RAMP: described(
    whole(1, 100_000).prefault('100'),
    'With how many commands a second one orchestrator begins to release what waited for a participant that is back; each second twice as many, for ten seconds',
    '1 to 100000 commands a second',
  ),
  PARTICIPANT_WINDOW: described(
    whole(10, 1_000_000).prefault('2000'),
    'Commands that one orchestrator has under way to one participant at the same time; a fifth of them is kept for undo',
    '10 to 1000000 commands',
  ),
  AGEING_MS: described(
    whole(0, 3_600_000).prefault('1000'),
    'Where commands have to wait, how much waiting one level of priority is worth',
    '0 to 3600000 ms',
  ),
  PREPARES_MAX: described(
    whole(1, 100).prefault('32'),
    'Transactions a service prepares for two-phase commit at the same time, each on a connection of its own; the server ' +
      'must keep twice as many (`max_prepared_transactions`)',
    '1 to 100 transactions',
  ),
  PREPARE_LOCK_TIMEOUT_MS: described(
    whole(10, 60_000).prefault('2000'),
    'How long a prepare waits for a lock before it gives up, to be asked again',
    '10 to 60000 ms',
  ),
  EXTERNAL_CALLS_MAX: described(
    whole(1, 1_000).prefault('10'),
    'External calls a service has under way at the same time',
    '1 to 1000 calls',
  ),
});

/** The settings as read, by their names in the environment. */
export type Settings = z.output<typeof settings>;

/** One line of the reference page. */
export interface SettingEntry extends Described {
  readonly name: string;
  /** As the environment would say it; absent where there is none. */
  readonly default?: string;
}

/** Every setting there is, in the order of the reference page (docs/reference/configuration.md). */
export function describeConfig(): readonly SettingEntry[] {
  const databases = {
    name: 'DATABASE_URL_<SERVICE>',
    meaning:
      "A service's own database, e.g. `DATABASE_URL_ORDER`; every service of the process needs its own",
    bound: 'a `postgres://` URL, secret',
  };
  const participants = {
    name: 'PARTICIPANT_URL_<PARTICIPANT>',
    meaning:
      'Where a participant answers that the orchestrator calls over HTTP, e.g. `PARTICIPANT_URL_HOTEL`; each one needs its own',
    bound: 'an http or https URL',
  };
  return [
    databases,
    participants,
    ...Object.entries(settings.shape).map(([name, schema]) => entryOf(name, schema)),
  ];
}

function entryOf(name: string, schema: z.ZodType): SettingEntry {
  const { meaning, bound } = descriptions.get(schema) ?? { meaning: '', bound: '' };
  const absent = schema.safeParse(undefined);
  if (!absent.success || absent.data === undefined) return { name, meaning, bound };
  return { name, meaning, bound, default: `${absent.data as string | number | boolean}` };
}
