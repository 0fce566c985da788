/**
 * Goal: what was tried, or prepared, is settled once: kept or undone, never both, and never kept where it is not held.
 * Method: rows and a question in, a verdict out; then many histories in which a faulty coordinator asks for anything in
 * any order, the branch's rows being written the way a participant writes them.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Half } from '../operation.js';
import {
  answerTo,
  isAlarming,
  judge,
  seatGenerationOf,
  seatsTakenBy,
  type Asked,
  type BarrierRow,
  type Seat,
} from './barrier.js';

const families = [
  { does: 'try', keeps: 'confirm', undoes: 'cancel' },
  { does: 'prepare', keeps: 'commit', undoes: 'rollback' },
] as const;

const ask = (operation: Half, generation = 1): Asked => ({ operation, generation });
const row = (operation: Half, outcome: BarrierRow['outcome'], generation = 1): BarrierRow => ({
  operation,
  generation,
  outcome,
});
const seat = (operation: Half, generation = 1): Seat => ({ operation, generation, outcome: 'planted' });
const claimed = (operation: Half, claimIsLive: boolean): BarrierRow => ({
  ...row(operation, 'claimed'),
  claimIsLive,
});

describe.each(families)('$does, $keeps and $undoes', ({ does, keeps, undoes }) => {
  test('the first half runs on an untouched branch, and is answered again when it comes again', () => {
    expect(judge(ask(does), [])).toBe('run');
    expect(judge(ask(does), [row(does, 'succeeded')])).toBe('duplicate');
    expect(judge(ask(does), [row(does, 'refused')])).toBe('duplicate');
  });

  test('what is held can be kept, and can be undone', () => {
    expect(judge(ask(keeps), [row(does, 'succeeded')])).toBe('run');
    expect(judge(ask(undoes), [row(does, 'succeeded')])).toBe('run');
  });

  test('S3: an undo of what never came is empty, and takes both other seats', () => {
    expect(judge(ask(undoes), [])).toBe('empty');
    expect(seatsTakenBy(ask(undoes), [])).toEqual([seat(does), seat(keeps)]);
  });

  test('S4: what comes after its empty undo is late', () => {
    const found = [row(undoes, 'empty'), row(does, 'planted'), row(keeps, 'planted')];
    expect(judge(ask(does), found)).toBe('late');
    expect(judge(ask(does, 2), found)).toBe('late');
  });

  test('S11, R3: an undo of what was refused is empty', () => {
    expect(judge(ask(undoes), [row(does, 'refused')])).toBe('empty');
    expect(seatsTakenBy(ask(undoes), [row(does, 'refused')])).toEqual([seat(does, 2), seat(keeps)]);
  });

  test.each(['succeeded', 'empty', 'claimed'] as const)(
    'S12: once the undo has %s, keeping is refused and alarms',
    (outcome) => {
      const found = [row(does, 'succeeded'), row(undoes, outcome)];
      expect(judge(ask(keeps), found)).toBe('late');
      expect(isAlarming(ask(keeps), 'late')).toBe(true);
    },
  );

  test.each(['succeeded', 'claimed'] as const)(
    'S12: once it is kept (%s), an undo is refused and alarms',
    (outcome) => {
      const found = [row(does, 'succeeded'), row(keeps, outcome)];
      expect(judge(ask(undoes), found)).toBe('late');
      expect(isAlarming(ask(undoes), 'late')).toBe(true);
    },
  );

  test('S12: a late first half is everyday, and alarms nobody', () => {
    expect(isAlarming(ask(does), 'late')).toBe(false);
    expect(isAlarming(ask(keeps), 'run')).toBe(false);
  });

  test('S12: keeping takes the seat of the undo, which then is late, and is itself not hindered by that seat', () => {
    expect(seatsTakenBy(ask(keeps), [row(does, 'succeeded')])).toEqual([seat(undoes)]);
    expect(judge(ask(undoes), [row(does, 'succeeded'), row(undoes, 'planted')])).toBe('late');
    expect(judge(ask(keeps, 2), [row(does, 'succeeded'), row(undoes, 'planted')])).toBe('run');
  });

  test('S12: settlements of all generations meet in one key', () => {
    expect([1, 2, 5].map((generation) => seatGenerationOf(ask(keeps, generation)))).toEqual([1, 1, 1]);
    expect([1, 2, 5].map((generation) => seatGenerationOf(ask(undoes, generation)))).toEqual([1, 1, 1]);
    expect(seatGenerationOf(ask(does, 3))).toBe(3);
  });

  test('S8: a settlement that has taken effect is answered again, whatever the generation', () => {
    for (const half of [keeps, undoes]) {
      const found = [row(does, 'succeeded'), row(half, 'succeeded')];
      expect([judge(ask(half), found), judge(ask(half, 2), found)]).toEqual(['duplicate', 'duplicate']);
    }
  });

  test('B98, R5: there is nothing to keep where nothing is held', () => {
    expect(judge(ask(keeps), [])).toBe('late');
    expect(judge(ask(keeps), [row(does, 'refused')])).toBe('late');
    expect(judge(ask(keeps), [row(does, 'planted')])).toBe('late');
  });

  test('R8: neither overtakes a call that is still on its way', () => {
    expect(judge(ask(undoes), [claimed(does, true)])).toBe('in-progress');
    expect(judge(ask(keeps), [claimed(does, true)])).toBe('in-progress');
    expect(judge(ask(keeps), [claimed(does, false)])).toBe('in-progress');
    expect(judge(ask(undoes), [claimed(does, false)])).toBe('run');
  });
});

test('a saga has no settlement: its undo takes the seat of a missing action alone', () => {
  expect(seatsTakenBy(ask('compensation'), [])).toEqual([seat('action')]);
  expect(seatsTakenBy(ask('compensation'), [row('action', 'succeeded')])).toEqual([]);
  expect(seatsTakenBy(ask('action'), [])).toEqual([]);
  expect(isAlarming(ask('compensation'), 'late')).toBe(false);
});

describe('for every history', () => {
  const numRuns = 2_000;

  test.each(families)(
    'I12, I14, I17: $does takes effect once at most, and then $keeps or $undoes, never both',
    ({ does, keeps, undoes }) => {
      const question = fc.record({
        operation: fc.constantFrom<Half[]>(does, keeps, undoes),
        generation: fc.integer({ min: 1, max: 3 }),
      });
      const commands = fc.array(fc.record({ asked: question, refuses: fc.boolean() }), { maxLength: 20 });
      const sound = [[], [does], [does, keeps], [does, undoes]];
      fc.assert(
        fc.property(commands, (history) => expect(sound).toContainEqual(participate(history))),
        { numRuns },
      );
    },
  );

  test('S12: no two settlements can both find their seats free', () => {
    const generation = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(
        fc.constantFrom(...families),
        generation,
        generation,
        ({ does, keeps, undoes }, one, two) => {
          const found = [row(does, 'succeeded')];
          const kept = seatsOf(ask(keeps, one), found);
          const undone = seatsOf(ask(undoes, two), found);
          expect(kept.filter((key) => undone.includes(key))).not.toEqual([]);
        },
      ),
      { numRuns },
    );
  });

  /** The primary keys that recording `asked` takes. */
  function seatsOf(asked: Asked, found: readonly BarrierRow[]): readonly string[] {
    const own = `${asked.operation}/${seatGenerationOf(asked)}`;
    return [own, ...seatsTakenBy(asked, found).map((taken) => `${taken.operation}/${taken.generation}`)];
  }

  /** A participant in miniature: obeys the verdicts, keeps rows, and tells which halves took effect, in order. A refused
   *  settlement leaves no row (R4). */
  function participate(
    history: readonly { readonly asked: Asked; readonly refuses: boolean }[],
  ): readonly Half[] {
    const found: BarrierRow[] = [];
    const effects: Half[] = [];
    for (const { asked, refuses } of history) {
      const verdict = judge(asked, found);
      const settles = asked.operation !== familyDoes(asked);
      if (verdict !== 'run' && verdict !== 'empty') continue;
      const isRefused = verdict === 'run' && refuses;
      if (isRefused && settles) continue;
      const outcome = verdict === 'empty' ? 'empty' : isRefused ? 'refused' : 'succeeded';
      const seats = seatsTakenBy(asked, found);
      found.push({ operation: asked.operation, generation: seatGenerationOf(asked), outcome });
      found.push(...seats);
      if (outcome === 'succeeded') effects.push(asked.operation);
    }
    for (const { operation, generation, outcome } of found) {
      if (outcome === 'succeeded')
        expect(answerTo({ operation, generation }, found)?.outcome).toBe('succeeded');
    }
    return effects;
  }

  function familyDoes({ operation }: Asked): Half {
    return operation === 'prepare' || operation === 'commit' || operation === 'rollback' ? 'prepare' : 'try';
  }
});
