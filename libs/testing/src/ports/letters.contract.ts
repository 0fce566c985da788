/**
 * The contract of `KeptLetters`: what was buried is found, and who plays it again leaves a name and a reason.
 */
import { describe, expect, test } from '@jest/globals';
import { fact, freshPorts, type OpenPorts } from './open.js';

/** Registers the suite under `name`; `open` is called once for each test. */
export function describeLettersContract(name: string, open: OpenPorts): void {
  describe(`${name} keeps the contract of KeptLetters`, () => {
    const ports = freshPorts(open);
    const origin = { topic: 'stock.commands', partition: 2, offset: '41' };
    const letterOf = (n: number) => ({
      letterId: `m-${n}/dead-letter`,
      topic: 'stock.commands',
      reason: 'no handler',
      origin,
      message: fact(`key-${n}`, `m-${n}`),
    });
    const ada = { actor: 'ada', reason: 'the handler is deployed', owner: 'process-1' };

    test('I25: a letter is kept once, with why and whence, and the newest come first', async () => {
      const { letters } = ports();
      await letters.keep([letterOf(1), letterOf(2), letterOf(2)]);
      await letters.keep([{ ...letterOf(1), reason: 'still no handler' }]);
      const listed = await letters.list({ limit: 10 });
      expect(listed).toMatchObject([
        { letterId: 'm-2/dead-letter', reason: 'no handler', origin, replays: [] },
        { letterId: 'm-1/dead-letter', reason: 'still no handler', message: fact('key-1', 'm-1') },
      ]);
      expect(await letters.list({ limit: 1, before: listed[0]!.id })).toEqual([listed[1]]);
    });

    test('S58, I41: each of two replays at once saves the message and leaves who, why and what was before', async () => {
      const { letters, outbox } = ports();
      await letters.keep([letterOf(1)]);
      const [{ id } = { id: 'none' }] = await letters.list({ limit: 1 });
      const receipts = await Promise.all([
        letters.replay({ id, ...ada }),
        letters.replay({ id, ...ada, actor: 'ben' }),
      ]);
      const replayed = receipts.flatMap((each) => (each.outcome === 'replayed' ? [each] : []));
      expect(replayed.map(({ before }) => before).toSorted()).toEqual([0, 1]);
      expect(replayed.flatMap(({ rows }) => rows.map(({ message }) => message.id))).toEqual(['m-1', 'm-1']);
      const [kept] = await letters.list({ limit: 1 });
      expect(kept?.replays.map(({ actor }) => actor).toSorted()).toEqual(['ada', 'ben']);
      expect(kept?.replays[0]).toMatchObject({ reason: ada.reason, before: 0, at: expect.any(Number) });
      expect(await outbox.age()).toBeGreaterThanOrEqual(0);
    });

    test('S58, I25: a record that is no message is listed with the place where it lies, and cannot be played again', async () => {
      const { letters } = ports();
      const { message: _, ...bare } = letterOf(4);
      const unreadable = { topic: 'stock.commands.dead-letters', partition: 0, offset: '7' };
      await letters.keep([{ ...bare, unreadable }]);
      const [kept] = await letters.list({ limit: 1 });
      expect(kept).toMatchObject({ reason: 'no handler', origin, unreadable });
      expect(await letters.replay({ id: kept!.id, ...ada })).toEqual({
        outcome: 'unreadable',
        at: unreadable,
      });
      expect(await letters.list({ limit: 1 })).toMatchObject([{ replays: [] }]);
    });

    test('what nobody knows, and what the broker refused, cannot be played again', async () => {
      const { letters } = ports();
      const { message: _, ...bare } = letterOf(3);
      await letters.keep([bare]);
      const [kept] = await letters.list({ limit: 1 });
      expect(await letters.replay({ id: kept!.id, ...ada })).toEqual({ outcome: 'empty' });
      expect(await letters.replay({ id: '999999', ...ada })).toEqual({ outcome: 'unknown' });
      expect(await letters.list({ limit: 1 })).toMatchObject([{ replays: [] }]);
    });
  });
}
