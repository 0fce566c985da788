/**
 * Goal: nobody mistakes three-phase commit for safe.
 * Method: every moment at which its coordinator can be lost, first with a whole network, then with a split one.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { receive, simulate, terminate, type Letter, type ParticipantState } from './three-phase-commit.js';

const votes = fc.array(fc.boolean(), { minLength: 1, maxLength: 6 });
const lettersSent = fc.nat({ max: 20 });
const numRuns = 2_000;

describe('S77: three-phase commit', () => {
  test('commits where everybody votes yes and nobody is lost', () => {
    expect(simulate({ votes: [true, true, true] })).toEqual(['committed', 'committed', 'committed']);
    expect(simulate({ votes: [true, false, true] })).toEqual(['aborted', 'aborted', 'aborted']);
  });

  test('whose coordinator is lost after the pre-commit commits: its participants time out, and do not wait', () => {
    expect(simulate({ votes: [true, true, true], lettersSent: 6 })).toEqual([
      'committed',
      'committed',
      'committed',
    ]);
  });

  test('whose coordinator is lost before the pre-commit aborts', () => {
    expect(simulate({ votes: [true, true], lettersSent: 2 })).toEqual(['aborted', 'aborted']);
  });

  test('agrees whenever the coordinator is lost, as long as the network is whole', () => {
    fc.assert(
      fc.property(votes, lettersSent, (drawn, sent) => {
        const ends = simulate({ votes: drawn, lettersSent: sent });
        expect(new Set(ends).size).toBe(1);
        if (ends[0] === 'committed') expect(drawn.every(Boolean)).toBe(true);
      }),
      { numRuns },
    );
  });

  test('is broken by a split: the side that heard the pre-commit commits, the other one aborts', () => {
    const torn = simulate({ votes: [true, true, true], lettersSent: 4, sides: [0, 1, 1] });
    expect(torn).toEqual(['committed', 'aborted', 'aborted']);
  });

  test('can be torn by every split that runs between those who heard the pre-commit and those who did not', () => {
    const heard = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(heard, heard, (some, others) => {
        const size = some + others;
        const sides = Array.from({ length: size }, (_, index) => (index < some ? 0 : 1));
        const ends = simulate({ votes: sides.map(() => true), lettersSent: size + some, sides });
        expect(new Set(ends)).toEqual(new Set(['committed', 'aborted']));
      }),
      { numRuns },
    );
  });

  test('S35: a participant that has ended is changed by no letter', () => {
    const letters: readonly Letter[] = ['can-commit', 'pre-commit', 'do-commit', 'abort'];
    const states: readonly ParticipantState[] = ['committed', 'aborted'];
    for (const state of states) for (const letter of letters) expect(receive(state, letter)).toBe(state);
  });

  test('survivors follow whoever knows the end', () => {
    expect(terminate(['ready', 'committed', 'pre-committed'])).toBe('committed');
    expect(terminate(['ready', 'aborted'])).toBe('aborted');
  });
});
