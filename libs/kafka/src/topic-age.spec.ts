/**
 * Goal: topics that outlive the answers to what they hold are refused. Method: a client that answers as scripted.
 */
import { describe, expect, test } from '@jest/globals';
import { checkAges, type ConfigAdmin } from './topic-age.js';

const dayMs = 86_400_000;

function brokerWith(config: Readonly<Record<string, string>>): ConfigAdmin {
  return {
    describeConfigs: ({ resources }) => {
      const entries = Object.entries(config).map(([configName, configValue]) => ({
        configName,
        configValue,
        isDefault: true,
        configSource: 5,
        isSensitive: false,
        readOnly: false,
        configSynonyms: [],
      }));
      const found = resources.map(({ name, type }) => {
        return {
          resourceName: name,
          resourceType: type,
          configEntries: entries,
          errorCode: 0,
          errorMessage: '',
        };
      });
      return Promise.resolve({ resources: found, throttleTime: 0 });
    },
  };
}

const check = (config: Readonly<Record<string, string>>) =>
  checkAges(brokerWith(config), ['p.stock.commands'], 14 * dayMs);

describe('S10: records that outlive what is remembered of them', () => {
  test('are accepted where the broker lets them go in time, a whole segment late', async () => {
    const week = String(7 * dayMs);
    await expect(check({ 'retention.ms': week, 'segment.ms': week })).resolves.toBeUndefined();
  });

  test.each([
    ['kept for ever', { 'retention.ms': '-1', 'segment.ms': '1000' }],
    ['kept too long', { 'retention.ms': String(15 * dayMs), 'segment.ms': '0' }],
    [
      'kept too long by their segment',
      { 'retention.ms': String(8 * dayMs), 'segment.ms': String(7 * dayMs) },
    ],
  ])('are refused at start when %s', async (_, config) => {
    await expect(check(config)).rejects.toMatchObject({
      code: 'TOPIC_INVALID',
      retryable: false,
      message: expect.stringContaining('topic p.stock.commands: wanted records that live 14.0 days at most'),
    });
  });

  test('are not judged where the broker does not tell', async () => {
    await expect(check({})).resolves.toBeUndefined();
  });
});
