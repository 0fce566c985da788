/**
 * Goal: whatever arrives twice, too late, too early or under another generation, a branch has one effect at most.
 * Method: rows and a question in, a verdict out; then every row order and many histories, the branch's rows being
 * written the way a participant writes them.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Half } from '../operation.js';
import { answerTo, judge, seatGenerationOf, seatsTakenBy, type Asked, type BarrierRow } from './barrier.js';

const action = (generation = 1): Asked => ({ operation: 'action', generation });
const undo = (generation = 1): Asked => ({ operation: 'compensation', generation });
const row = (asked: Asked, outcome: BarrierRow['outcome']): BarrierRow => ({ ...asked, outcome });
const live: BarrierRow = { ...action(), outcome: 'claimed', claimIsLive: true };
const orphaned: BarrierRow = { ...action(), outcome: 'claimed', claimIsLive: false };

describe('an action', () => {
  test('runs on an untouched branch', () => {
    expect(judge(action(), [])).toBe('run');
  });

  test.each(['succeeded', 'refused'] as const)(
    'S1, S2: that has %s is answered again with the saved reply',
    (outcome) => {
      const found = [row(action(), outcome)];
      expect(judge(action(), found)).toBe('duplicate');
      expect(answerTo(action(), found)).toBe(found[0]);
    },
  );

  test('S4: that comes after its undo has found nothing is late', () => {
    expect(judge(action(), [row(undo(), 'empty'), row(action(), 'planted')])).toBe('late');
  });

  test('I14: of any generation is late once its undo was seen', () => {
    const refused = row(action(), 'refused');
    for (const outcome of ['succeeded', 'empty', 'claimed', 'refused'] as const) {
      expect(judge(action(2), [refused, row(undo(), outcome)])).toBe('late');
      expect(judge(action(2), [row(undo(), outcome)])).toBe('late');
    }
  });

  test('R4: of an earlier generation is late once a later one was refused', () => {
    expect(judge(action(1), [row(action(2), 'refused')])).toBe('late');
  });

  test('is told to come back while its call to the outside is not settled', () => {
    expect(judge(action(), [live])).toBe('in-progress');
    expect(judge(action(2), [live])).toBe('in-progress');
    expect(judge(action(2), [orphaned, { ...live, generation: 2 }])).toBe('in-progress');
  });

  test('R7: runs again, with the same key, where the claim of its call has run out', () => {
    expect(judge(action(), [orphaned])).toBe('run');
    expect(judge(action(2), [orphaned])).toBe('run');
  });

  test('R4: that took effect answers every generation; one that was refused answers its own', () => {
    expect(judge(action(2), [row(action(), 'succeeded')])).toBe('duplicate');
    expect(judge(action(2), [row(action(), 'refused')])).toBe('run');
  });

  test('R4: the generation that took effect answers also for the one that was refused', () => {
    const took = row(action(2), 'succeeded');
    expect(answerTo(action(1), [row(action(1), 'refused'), took])).toBe(took);
  });
});

describe('an undo', () => {
  test('runs over what took effect', () => {
    expect(judge(undo(), [row(action(), 'succeeded')])).toBe('run');
  });

  test('S3, S6: that comes first, or after an action that left no row, is empty', () => {
    expect(judge(undo(), [])).toBe('empty');
  });

  test('S7: runs over an intent whose caller is gone, for the call may have gone out', () => {
    expect(judge(undo(), [orphaned])).toBe('run');
    expect(judge(undo(), [row(action(), 'claimed')])).toBe('run');
  });

  test('R8: never overtakes a call that is still on its way', () => {
    expect(judge(undo(), [live])).toBe('in-progress');
    expect(judge(undo(), [row(action(2), 'succeeded'), live])).toBe('in-progress');
  });

  test.each(['succeeded', 'empty'] as const)(
    'S8: that has %s is answered again, whatever the generation',
    (outcome) => {
      const found = [row(action(), 'succeeded'), row(undo(), outcome)];
      expect(judge(undo(), found)).toBe('duplicate');
      expect(judge(undo(2), found)).toBe('duplicate');
    },
  );

  test('S11, R3: of a refused action is empty', () => {
    expect(judge(undo(), [row(action(), 'refused')])).toBe('empty');
  });

  test('R3: runs when any generation of the action took effect', () => {
    expect(judge(undo(), [row(action(1), 'refused'), row(action(2), 'succeeded')])).toBe('run');
  });

  test('R4: that was refused is asked anew under the next generation only', () => {
    const found = [row(action(), 'succeeded'), row(undo(), 'refused')];
    expect(judge(undo(), found)).toBe('duplicate');
    expect(judge(undo(2), found)).toBe('run');
  });
});

describe('for every history', () => {
  const halves: readonly Half[] = ['action', 'compensation'];
  const asked = fc.record({
    operation: fc.constantFrom(...halves),
    generation: fc.integer({ min: 1, max: 3 }),
  });
  const outcome = fc.constantFrom('succeeded', 'refused', 'empty', 'planted', 'claimed');
  const rows = fc.uniqueArray(
    fc.record({
      operation: fc.constantFrom(...halves),
      generation: fc.integer({ min: 1, max: 3 }),
      outcome,
      claimIsLive: fc.boolean(),
    }),
    { selector: (found) => `${found.operation}${found.generation}`, maxLength: 6 },
  );

  test('the order in which rows are found does not matter', () => {
    fc.assert(
      fc.property(asked, rows, fc.nat(), (question, found, seed) => {
        const turn = seed % Math.max(1, found.length);
        const shuffled = [...found.slice(turn).toReversed(), ...found.slice(0, turn)];
        // Of two rows that both answer either may, but whether it runs is one question with one answer.
        expect(judge(question, shuffled) === 'run').toBe(judge(question, found) === 'run');
      }),
      { numRuns: 2_000 },
    );
  });

  test('I12, I13, I14: one effect a half, no undo without a do, no do after an undo', () => {
    const commands = fc.array(fc.record({ asked, refuses: fc.boolean() }), { maxLength: 20 });
    fc.assert(
      fc.property(commands, (history) => {
        const effects = participate(history);
        expect([[], ['action'], ['action', 'compensation']]).toContainEqual(effects);
      }),
      { numRuns: 2_000 },
    );
  });

  test('S5, I12, I14: two that look at the same rows, whatever their generations, are never both recorded', () => {
    const commands = fc.array(fc.record({ asked, refuses: fc.boolean() }), { maxLength: 8 });
    fc.assert(
      fc.property(commands, asked, asked, (history, one, two) => {
        const found = rowsAfter(history);
        const isRecorded = (question: Asked) => ['run', 'empty'].includes(judge(question, found));
        fc.pre(isRecorded(one) && isRecorded(two));
        const taken = new Set(keysOf(one, found));
        expect(keysOf(two, found).some((key) => taken.has(key))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test('R4: a seat that only held an older generation back does not keep a later one from being asked', () => {
    const found = rowsAfter([{ asked: action(3), refuses: true }]);
    expect(found).toHaveLength(2);
    expect(
      ['action', 'compensation'].map((operation) =>
        judge({ operation: operation as Half, generation: 4 }, found),
      ),
    ).toEqual(['run', 'empty']);
    expect(judge(action(2), found)).toBe('late');
    expect(judge(action(1), found)).toBe('duplicate');
  });

  /** The primary keys that recording `question` takes. */
  function keysOf(question: Asked, found: readonly BarrierRow[]): readonly string[] {
    const own = { ...question, generation: seatGenerationOf(question) };
    return [own, ...seatsTakenBy(question, found)].map(
      ({ operation, generation }) => `${operation}/${generation}`,
    );
  }

  type History = readonly { readonly asked: Asked; readonly refuses: boolean }[];

  /** A participant in miniature: obeys the verdicts, keeps rows, and tells which halves took effect, in order. */
  function participate(history: History): readonly Half[] {
    return play(history).effects;
  }

  function rowsAfter(history: History): readonly BarrierRow[] {
    return play(history).found;
  }

  /** The refusal of an undo leaves no row (R4). */
  function play(history: History) {
    const found: BarrierRow[] = [];
    const effects: Half[] = [];
    for (const { asked: question, refuses } of history) {
      const verdict = judge(question, found);
      const isRefused = verdict === 'run' && refuses;
      if (verdict !== 'run' && verdict !== 'empty') continue;
      if (isRefused && question.operation === 'compensation') continue;
      const own = { ...question, generation: seatGenerationOf(question) };
      const seats = seatsTakenBy(question, found);
      found.push(row(own, verdict === 'empty' ? 'empty' : isRefused ? 'refused' : 'succeeded'), ...seats);
      if (verdict === 'run' && !isRefused) effects.push(question.operation);
    }
    return { found, effects };
  }
});
