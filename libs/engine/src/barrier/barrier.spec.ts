/**
 * Goal: whatever arrives twice, too late, too early or under another generation, a branch has one effect at most.
 * Method: rows and a question in, a verdict out; then every row order and many histories, the branch's rows being
 * written the way a participant writes them.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Half } from '../operation.js';
import { answerTo, judge, type Asked, type BarrierRow } from './barrier.js';

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

  /** A participant in miniature: obeys the verdicts, keeps rows, and tells which halves took effect, in order. */
  function participate(
    history: readonly { readonly asked: Asked; readonly refuses: boolean }[],
  ): readonly Half[] {
    const found: BarrierRow[] = [];
    const effects: Half[] = [];
    for (const { asked: question, refuses } of history) {
      const verdict = judge(question, found);
      if (verdict === 'run') {
        found.push(row(question, refuses ? 'refused' : 'succeeded'));
        if (!refuses) effects.push(question.operation);
      }
      if (verdict === 'empty') {
        found.push(row(question, 'empty'));
        if (answerTo(action(), found) === undefined) found.push(row(action(), 'planted'));
      }
    }
    return effects;
  }
});
