/**
 * Goal: readiness names what is missing and nothing more. Method: checks that answer, fail and hang.
 */
import { describe, expect, test } from '@jest/globals';
import { HealthChecks } from './health.js';

describe('readiness', () => {
  test('is there when every check is up', async () => {
    const health = new HealthChecks();
    health.register('database', async () => true);
    health.register('broker', () => true);
    expect(await health.readiness()).toEqual({
      status: 'ready',
      checks: [
        { name: 'database', status: 'up' },
        { name: 'broker', status: 'up' },
      ],
    });
  });

  test('names each check that is down, with its own words', async () => {
    const health = new HealthChecks();
    health.register('catalogue', () => 'no product is known yet');
    health.register('broker', () => false);
    expect(await health.readiness()).toEqual({
      status: 'not-ready',
      checks: [
        { name: 'catalogue', status: 'down', detail: 'no product is known yet' },
        { name: 'broker', status: 'down' },
      ],
    });
  });

  test('B87: never repeats the error of a check', async () => {
    const health = new HealthChecks();
    health.register('database', () => Promise.reject(new Error('connect db.internal:5432')));
    health.register('consumers', () => {
      throw new Error('kafka.internal');
    });
    const readiness = await health.readiness();
    expect(readiness.status).toBe('not-ready');
    expect(JSON.stringify(readiness)).not.toContain('internal');
  });

  test('I40: is gone from the beginning of a stop', async () => {
    const health = new HealthChecks();
    health.register('database', () => true);
    health.stop();
    expect(await health.readiness()).toMatchObject({ status: 'stopping', checks: [{ status: 'up' }] });
  });
});
