/**
 * The contract of `ConsumerPauses`: a pause stands from one word to the other, as the first who said it said it.
 */
import { describe, expect, test } from '@jest/globals';
import { freshPorts, type OpenPorts } from './open.js';

/** Registers the suite under `name`; `open` is called once for each test. */
export function describeConsumerPausesContract(name: string, open: OpenPorts): void {
  describe(`${name} keeps the contract of ConsumerPauses`, () => {
    const ports = freshPorts(open);
    const stock = { topic: 'stock.commands', group: 'stock' };
    const letters = { topic: 'stock.commands', group: 'letters' };
    const ada = { actor: 'ada', reason: 'the database is being moved' };
    const ben = { actor: 'ben', reason: 'so do I' };

    test('a pause stands with who, why and since when, for its topic and group alone', async () => {
      const { consumerPauses: pauses, database } = ports();
      expect(await pauses.standing()).toEqual([]);
      const pause = await pauses.pause({ ...stock, ...ada });
      expect(pause).toEqual({ ...stock, ...ada, since: expect.any(Number) });
      // The clock of the store is read once in a while, and carried on between.
      expect(Math.abs(pause.since - database.now())).toBeLessThan(5_000);
      expect(await pauses.standing()).toEqual([pause]);
      expect(await pauses.resume({ ...letters, ...ben })).toBeUndefined();
      expect(await pauses.standing()).toEqual([pause]);
    });

    test('of ten who pause at once the first counts, and who pauses what is paused changes nothing', async () => {
      const { consumerPauses: pauses } = ports();
      const wishes = Array.from({ length: 10 }, (_, at) => ({ ...stock, ...ada, reason: `reason ${at}` }));
      const told = await Promise.all(wishes.map((wish) => pauses.pause(wish)));
      const [standing] = await pauses.standing();
      expect(told).toEqual(wishes.map(() => standing));
      expect(await pauses.pause({ ...stock, ...ben })).toEqual(standing);
      expect(await pauses.standing()).toEqual([standing]);
    });

    test('who resumes learns what was paused, who resumes again that nothing was; it may be paused anew', async () => {
      const { consumerPauses: pauses } = ports();
      const pause = await pauses.pause({ ...stock, ...ada });
      const other = await pauses.pause({ ...letters, ...ada });
      const ended = await Promise.all([
        pauses.resume({ ...stock, ...ben }),
        pauses.resume({ ...stock, ...ada }),
      ]);
      expect(ended.filter((each) => each !== undefined)).toEqual([pause]);
      expect(await pauses.standing()).toEqual([other]);
      const again = await pauses.pause({ ...stock, ...ben });
      expect(again).toMatchObject({ ...stock, ...ben });
      expect(again.since).toBeGreaterThanOrEqual(pause.since);
    });
  });
}
