/**
 * The contract of `Schedules`: a place in a timetable that several may look at and one moves.
 */
import { describe, expect, test } from '@jest/globals';
import { freshPorts, nextId, type OpenPorts } from './open.js';

/** Registers the suite under `name`; `open` is called once for each test. */
export function describeSchedulesContract(name: string, open: OpenPorts): void {
  describe(`${name} keeps the contract of Schedules`, () => {
    const ports = freshPorts(open);
    const nightly = { name: 'nightly', timetableName: '30 2 * * *', nextAt: 1_700_000_000_000 };

    test('S103: what was kept is there, and is kept again without losing its place', async () => {
      const { schedules } = ports();
      const ended = { name: 'ended', timetableName: 'never', nextAt: Infinity };
      await schedules.keep([nightly, ended]);
      const last = { tickAt: nightly.nextAt, transactionId: nextId() };
      expect(
        await schedules.move({ name: 'nightly', from: nightly.nextAt, to: 1_700_000_060_000, last }),
      ).toBe(true);
      await schedules.keep([nightly]);
      expect(await schedules.read(['nightly', 'ended', 'unknown'])).toEqual([
        ended,
        {
          ...nightly,
          nextAt: 1_700_000_060_000,
          lastTickAt: last.tickAt,
          lastTransactionId: last.transactionId,
        },
      ]);
    });

    test('a timetable under another name begins anew, and what was started last is still known', async () => {
      const { schedules } = ports();
      await schedules.keep([nightly]);
      const last = { tickAt: nightly.nextAt, transactionId: nextId() };
      await schedules.move({ name: 'nightly', from: nightly.nextAt, to: 1_700_000_060_000, last });
      await schedules.keep([{ ...nightly, timetableName: '0 4 * * *', nextAt: 1_700_000_001_000 }]);
      expect(await schedules.read(['nightly'])).toMatchObject([
        { timetableName: '0 4 * * *', nextAt: 1_700_000_001_000, lastTransactionId: last.transactionId },
      ]);
    });

    test('S103: of two that move it from the same place one does', async () => {
      const { schedules } = ports();
      await schedules.keep([nightly]);
      const move = { name: 'nightly', from: nightly.nextAt, to: 1_700_000_060_000 };
      const moved = await Promise.all([schedules.move(move), schedules.move(move)]);
      expect(moved.toSorted()).toEqual([false, true]);
    });
  });
}
