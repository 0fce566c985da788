/**
 * Goal: settings are read once, checked whole, and never repeated in a message. Method: environments in, configs out.
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { Fault } from '@sagamore/resilience';
import { participantUrlsOf, readConfig } from './config.js';
import { describeConfig } from './settings.js';

function problemsOf(env: Record<string, string>, services: readonly string[] = []): string {
  try {
    readConfig(env, { services });
  } catch (error) {
    if (error instanceof Fault && error.code === 'CONFIGURATION_INVALID') return error.message;
    throw error;
  }
  return '';
}

describe('settings', () => {
  test('an empty environment gives the defaults', () => {
    expect(readConfig({})).toEqual({
      databaseUrls: {},
      participantUrls: {},
      databasePoolSize: 10,
      databaseSsl: false,
      kafka: { topicPrefix: '', ssl: false },
      host: '127.0.0.1',
      port: 3000,
      tracing: { ratio: 0.1, slowMs: 5_000 },
      shards: 4,
      partitions: 2,
      evictAfterMs: 60_000,
      wakesPerSecond: 1_000,
      retention: {
        keepMs: 30 * 86_400_000,
        keyLifeMs: 90 * 86_400_000,
        auditMs: 730 * 86_400_000,
        redeliveryMs: 14 * 86_400_000,
      },
      operatorName: 'operator',
      metrics: true,
      logLevel: 'info',
      logPretty: false,
      catalogueSize: 24,
      initialStock: 10_000,
      providerTimeoutMs: 5_000,
      externalCallsMax: 10,
      prepares: { preparesMax: 32, lockTimeoutMs: 2_000 },
      circuit: { failuresToOpen: 5, resetMs: 60_000 },
      window: {
        failuresToOpen: 5,
        resetMs: 60_000,
        trialsMax: 3,
        rampPerSecond: 100,
        outstandingMax: 2_000,
        keptForUndo: 400,
        ageingMs: 1_000,
      },
    });
  });

  test('R18: everything can be set: a prefix for topics, TLS and SASL are plain settings too', () => {
    const config = readConfig({
      DATABASE_URL_ORDER: 'postgres://order@db/order',
      DATABASE_URL_CARD_DESK: 'postgresql://desk@db/desk',
      KAFKA_BROKERS: 'one:9092, two:9092',
      KAFKA_TOPIC_PREFIX: 'demo.',
      KAFKA_SSL: '1',
      KAFKA_SSL_CA: '-----BEGIN',
      KAFKA_SASL_MECHANISM: 'scram-sha-512',
      KAFKA_SASL_USERNAME: 'ann',
      KAFKA_SASL_PASSWORD: 'sesame',
      KAFKA_REPLICATION_FACTOR: '3',
      PORT: '0',
      OPERATOR_TOKEN: 'a-token-of-some-length',
      CARD_NETWORK_URL: 'http://127.0.0.1:4000',
      CARRIER_URL: 'https://carrier.example',
    });
    expect(config).toMatchObject({
      databaseUrls: { order: 'postgres://order@db/order', 'card-desk': 'postgresql://desk@db/desk' },
      kafka: {
        brokers: ['one:9092', 'two:9092'],
        topicPrefix: 'demo.',
        ssl: true,
        sslCa: '-----BEGIN',
        sasl: { mechanism: 'scram-sha-512', username: 'ann', password: 'sesame' },
        replicationFactor: 3,
      },
      port: 0,
      operatorToken: 'a-token-of-some-length',
      cardNetworkUrl: 'http://127.0.0.1:4000',
      carrierUrl: 'https://carrier.example',
    });
  });

  test('an empty value counts as absent', () => {
    expect(readConfig({ PORT: '', OPERATOR_TOKEN: '', DATABASE_URL_ORDER: '' })).toEqual(readConfig({}));
  });

  test('I45: every problem is named at once', () => {
    const message = problemsOf(
      {
        PORT: '70000',
        SHARDS: 'many',
        LOG_LEVEL: 'loud',
        KAFKA_SASL_USERNAME: 'ann',
        DATABASE_URL_ORDER: 'mysql://x',
      },
      ['order', 'payment'],
    );
    const named = [
      'PORT',
      'SHARDS',
      'LOG_LEVEL',
      'KAFKA_SASL_MECHANISM',
      'KAFKA_SASL_PASSWORD',
      'DATABASE_URL_ORDER',
      'DATABASE_URL_PAYMENT',
    ];
    for (const name of named) expect(message).toContain(`${name}: `);
  });

  test.each([
    [{ RETENTION_DAYS: '7' }, 'RETENTION_DAYS: must be more than REDELIVERY_DAYS'],
    [{ RETENTION_DAYS: '14' }, 'RETENTION_DAYS: must be more than REDELIVERY_DAYS'],
    [{ RETENTION_DAYS: '3', REDELIVERY_DAYS: '2', KEY_LIFE_DAYS: '2' }, 'KEY_LIFE_DAYS: must not be less'],
  ])('S10: an answer that would be forgotten before its question is: %j', (given, problem) => {
    expect(problemsOf(given)).toContain(problem);
    expect(
      readConfig({ RETENTION_DAYS: '3', REDELIVERY_DAYS: '2', KEY_LIFE_DAYS: '3' }).retention.keepMs,
    ).toBe(3 * 86_400_000);
  });

  test.each([
    { DATABASE_URL_ORDER: 'mysql://root:sesame@db/order' },
    { KAFKA_SASL_PASSWORD: 'sesame' },
    { OPERATOR_TOKEN: 'sesame' },
    { CARRIER_URL: 'ftp://sesame@carrier' },
    { PORT: 'sesame' },
    { LOG_LEVEL: 'sesame' },
    { KAFKA_TOPIC_PREFIX: 'sesame!' },
  ])('B86: the value of %j is not repeated', (env) => {
    const message = problemsOf(env);
    expect(message).toContain(
      Object.keys(env)[0] === 'KAFKA_SASL_PASSWORD' ? 'KAFKA_SASL_MECHANISM' : Object.keys(env)[0],
    );
    expect(message).not.toContain('sesame');
  });

  test.each(['-1', '1.5', '1e3', ' 3', '0x10', '99999999999999999999'])('the port %j is refused', (port) => {
    expect(problemsOf({ PORT: port })).toContain('PORT: expected a whole number from 0 to 65535');
  });

  test('the answer is frozen, whatever lies within', () => {
    const config = readConfig({ KAFKA_BROKERS: 'one:9092', DATABASE_URL_ORDER: 'postgres://db/order' });
    const parts = [config, config.kafka, config.kafka.brokers, config.databaseUrls, config.participantUrls];
    for (const part of parts) expect(Object.isFrozen(part)).toBe(true);
  });
});

test('I45: who is called over HTTP needs an address, and everybody without one is named', () => {
  const config = readConfig({ PARTICIPANT_URL_CAR_HIRE: 'https://cars.test/v1' });
  expect(participantUrlsOf(config, ['car-hire'])).toEqual({ 'car-hire': 'https://cars.test/v1' });
  expect(() => participantUrlsOf(config, ['hotel', 'car-hire', 'air-line'])).toThrow(
    /PARTICIPANT_URL_HOTEL: .*PARTICIPANT_URL_AIR_LINE: /,
  );
  expect(() => readConfig({ PARTICIPANT_URL_HOTEL: 'ftp://secret@hotel' })).toThrow(
    /^(?!.*secret).*PARTICIPANT_URL_HOTEL: expected an http or https URL/,
  );
});

test('the reference page lists every setting with its default, and no other', async () => {
  const page = await readFile(new URL('../../../docs/reference/configuration.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const wanted = describeConfig().map(({ name, meaning, default: value, bound }) => {
    const shown = value === undefined ? '–' : value === '' ? 'empty' : `\`${value}\``;
    return `| \`${name}\` | ${meaning} | ${shown} | ${bound} |`;
  });
  expect(rows).toEqual(wanted);
});
