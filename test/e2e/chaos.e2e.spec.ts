/**
 * The short form of `npm run test:chaos`: two orchestrators over a real Kafka, a few hundred orders, a fault every few
 * seconds, drawn from the seed. CHAOS_SEED draws another run.
 */
import { describe, expect, jest, test } from '@jest/globals';
import { missingForBroker } from '../../deploy/local/kafka/jars.js';
import { chaos } from '../chaos/chaos.js';

jest.setTimeout(600_000);
const seed = Number(process.env['CHAOS_SEED'] ?? 20_260_101);
const missing = missingForBroker();
const orders = 250;

describe('two orchestrators over Kafka while things break', () => {
  const declare = missing === undefined || process.env['CI'] === 'true' ? test : test.skip;
  declare(
    missing === undefined
      ? 'S52, S60, S61, S62, I26, I38: every order ends as it must, and no row contradicts another'
      : `is not tried (needs a broker: ${missing})`,
    async () => {
      if (missing !== undefined) throw new Error(missing);
      const said: string[] = [`seed ${seed}`];
      const verdict = await chaos({
        seed,
        orders,
        orchestrators: 2,
        atOnce: 24,
        gapMs: { least: 2_000, most: 5_000 },
        smallDisk: false,
        say: (text) => void said.push(text),
      });
      if (verdict.problems.length > 0) process.stdout.write(`${said.join('\n')}\n`);
      expect(verdict).toEqual({ problems: [], ended: orders, faults: expect.any(Number) });
      expect(verdict.faults).toBeGreaterThan(0);
    },
  );
});
