/**
 * The Kafka of an integration suite: the broker that KAFKA_BROKERS_TEST names, else a real one started for the suite from
 * deploy/local/kafka, in a directory of its own. A suite whose broker cannot be had is reported skipped with the reason;
 * with CI=true it fails, because a green run must mean that it ran.
 */
import { afterAll, beforeAll, describe, test } from '@jest/globals';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBroker } from '../../deploy/local/kafka/broker.js';
import { missingForBroker } from '../../deploy/local/kafka/jars.js';

/** The first start on a machine fetches the jars; later ones take five to fifteen seconds. */
const startWaitMs = 600_000;
const stopWaitMs = 30_000;

export interface TestBroker {
  readonly brokers: string;
  /** Stops the broker and removes its data; leaves one that was given alone. Idempotent. */
  stop(): Promise<void>;
}

/** A broker to test against. Suites share nothing by it, but those given one by KAFKA_BROKERS_TEST must choose topic
 *  prefixes of their own. Throws with the reason when none can be had. */
export async function testBroker(): Promise<TestBroker> {
  const given = process.env['KAFKA_BROKERS_TEST'];
  if (given) return { brokers: given, stop: () => Promise.resolve() };
  const directory = await mkdtemp(join(tmpdir(), 'sagamore-kafka-'));
  try {
    const broker = await startBroker({ directory });
    const stop = async () => {
      await broker.stop();
      await rm(directory, { recursive: true, force: true });
    };
    return { brokers: broker.brokers, stop };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** A `describe` whose tests run against a broker, which `brokers()` names once a test or hook runs. */
export function describeWithBroker(name: string, define: (brokers: () => string) => void): void {
  const missing = process.env['KAFKA_BROKERS_TEST'] ? undefined : missingForBroker();
  if (missing !== undefined) return describeMissing(name, missing);
  describe(name, () => {
    let broker: TestBroker | undefined;
    beforeAll(async () => {
      broker = await testBroker();
    }, startWaitMs);
    afterAll(() => broker?.stop(), stopWaitMs);
    define(() => {
      assert(broker !== undefined, 'the broker is there once hooks and tests run');
      return broker.brokers;
    });
  });
}

/** A `describe` for a suite that starts, stops and kills brokers of its own; runs wherever one can be started. */
export function describeWithOwnBroker(name: string, define: () => void): void {
  const missing = missingForBroker();
  if (missing !== undefined) return describeMissing(name, missing);
  describe(name, define);
}

function describeMissing(name: string, reason: string): void {
  const title = `${name} (needs a broker: ${reason})`;
  if (process.env['CI'] === 'true') {
    test(title, () => {
      throw new Error(reason);
    });
    return;
  }
  describe(title, () => test.skip(reason, () => {}));
}
