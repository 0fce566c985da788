/**
 * The contract of `Trials`: of many that would try a participant one does, and all hear when it has answered.
 */
import { describe, expect, test } from '@jest/globals';
import { freshPorts, type OpenPorts } from './open.js';

/** Registers the suite under `name`; `open` is called once for each test. */
export function describeTrialsContract(name: string, open: OpenPorts): void {
  describe(`${name} keeps the contract of Trials`, () => {
    const ports = freshPorts(open);

    test('S84: of ten that ask at once one is granted, and the others learn until when', async () => {
      const { trials, database } = ports();
      const openedAt = database.now();
      const request = { participant: 'stock', openedAt, claimMs: 60_000 };
      const answers = await Promise.all(Array.from({ length: 10 }, () => trials.ask(request)));
      expect(answers.filter(({ outcome }) => outcome === 'granted')).toHaveLength(1);
      const untils = answers.flatMap((each) => (each.outcome === 'taken' ? [each.until] : []));
      expect(untils).toHaveLength(9);
      // The clock of the store is read once in a while, and carried on between.
      for (const until of untils) expect(Math.abs(until - openedAt - 60_000)).toBeLessThan(5_000);
      expect(await trials.ask({ ...request, participant: 'payment' })).toEqual({ outcome: 'granted' });
    });

    test('S84: a claim that has ended is for whoever asks first', async () => {
      const { trials, database, expireClaims } = ports();
      const request = { participant: 'stock', openedAt: database.now(), claimMs: 60_000 };
      await trials.ask(request);
      await expireClaims();
      expect(await trials.ask(request)).toEqual({ outcome: 'granted' });
      expect(await trials.ask(request)).toMatchObject({ outcome: 'taken' });
    });

    test('an answer is heard by those who were shut out before it, and by nobody who was after', async () => {
      const { trials, database } = ports();
      const openedAt = database.now() - 1_000;
      await trials.ask({ participant: 'stock', openedAt, claimMs: 60_000 });
      await trials.tellAnswered('stock');
      await trials.tellAnswered('stock');
      expect(await trials.ask({ participant: 'stock', openedAt, claimMs: 60_000 })).toEqual({
        outcome: 'answered',
      });
      const later = database.now() + 10_000;
      expect(await trials.ask({ participant: 'stock', openedAt: later, claimMs: 60_000 })).toEqual({
        outcome: 'granted',
      });
    });
  });
}
