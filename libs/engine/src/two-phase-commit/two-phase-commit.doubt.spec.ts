/**
 * Goal: whoever is in doubt is told what was decided and nothing else, and what was settled by hand against the decision
 * is seen by a person.
 * Method: facts as data in, state and commands as data out; the barrier's verdicts row by row.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { BarrierRow } from '../barrier/barrier.js';
import * as example from '../round/round.example.js';
import { askedBy, bug, decided, inWords, reported, resumed, says } from '../round/round.example.js';
import type { TransactionEvent } from '../transaction.js';
import {
  decisionOf,
  judgePrepared,
  presumedAbort,
  type AskedOfPrepared,
} from './two-phase-commit.decision.js';
import { sketch } from './two-phase-commit.example.js';
import { twoPhaseCommitMachine as machine } from './two-phase-commit.machine.js';
import { twoPhaseCommitProtocol } from './two-phase-commit.protocol.js';

const pair = sketch([
  { name: 'stock', timeoutMs: 1_000 },
  { name: 'order', timeoutMs: 1_000 },
]);
const tell = (...events: readonly TransactionEvent[]) => example.tell(machine, pair, ...events);
const voted = [says('prepare stock', 'done'), says('prepare order', 'done')];
const toCommit = [...voted, decided('commit')];
const toAbort = [says('prepare stock', 'done'), decided('abort')];
const committed = [says('commit stock', 'done'), says('commit order', 'done')];
const rolledBack = [says('rollback stock', 'done'), says('rollback order', 'done')];
const standing = (...events: readonly TransactionEvent[]) =>
  twoPhaseCommitProtocol(pair).standing(tell(...events).state);

describe('S69: a participant that asks', () => {
  test.each<[string, readonly TransactionEvent[], readonly string[]]>([
    ['while votes are missing is told nothing yet', [], []],
    ['while the decision is missing is told nothing yet', voted, []],
    ['after the decision to commit is told to commit', toCommit, ['commit stock']],
    [
      'after its acknowledgement is told again',
      [...toCommit, says('commit stock', 'done')],
      ['commit stock'],
    ],
    ['after the end is told still', [...toCommit, ...committed], ['commit stock']],
    ['after an abort is told to roll back', toAbort, ['rollback stock']],
    ['after the end of an abort is told still', [...toAbort, ...rolledBack], ['rollback stock']],
    ['R20: while it is parked is told what was decided', [...toCommit, bug()], ['commit stock']],
  ])('%s', (_when, events, commands) => {
    const { state } = tell(...events);
    const answer = machine.transition(pair, state, askedBy('stock'));
    expect(answer.state).toBe(state);
    expect(answer.commands.map(inWords)).toEqual(commands);
  });

  test.each<[string, readonly TransactionEvent[]]>([
    ['voted no', [says('prepare stock', 'refused'), says('rollback order', 'done')]],
    ['had left', [says('prepare stock', 'read-only'), says('prepare order', 'done'), decided('commit')]],
    [
      'had left with all the others',
      [says('prepare stock', 'read-only'), says('prepare order', 'read-only')],
    ],
  ])('I19: and %s is told to roll back what a repeat of its prepare has left', (_when, events) => {
    expect(tell(...events, askedBy('stock')).commands).toEqual(['rollback stock']);
  });

  test('and is no participant is told nothing', () => {
    expect(tell(...toAbort, askedBy('nobody')).commands).toEqual([]);
    expect(tell(...toCommit, askedBy('nobody')).commands).toEqual([]);
  });

  test('S67: presumed abort is the answer where nothing is known', () => {
    expect(decisionOf(undefined)).toBe('abort');
    expect(presumedAbort(pair, 'stock')).toMatchObject({
      messageType: 'stock-service.rollback-prepared',
      payload: { input: null, outcome: 'unknown' },
    });
    expect(presumedAbort(pair, 'nobody')).toBeUndefined();
  });

  test('alone was never in doubt', () => {
    const alone = sketch([{ name: 'stock' }]);
    const { state } = example.tell(machine, alone, askedBy('stock'));
    expect(decisionOf(state)).toBe('not-yet');
  });
});

describe('S71: an outcome that was forced', () => {
  test('with the decision counts as an acknowledgement', () => {
    const { state, commands } = tell(
      ...toCommit,
      reported('stock', 'committed'),
      says('commit order', 'done'),
    );
    expect(commands).toEqual(['announce committed']);
    expect(state).toMatchObject({ heuristics: [] });
  });

  test('against the decision to commit is flagged, and parks once the others have acknowledged', () => {
    const forced = [...toCommit, reported('stock', 'rolled-back')];
    expect(tell(...forced).state).toMatchObject({ status: 'committing', heuristics: ['stock'] });
    expect(standing(...forced, says('commit order', 'done'))).toMatchObject({
      phase: 'parked',
      reason: { kind: 'heuristic', branchId: 'stock', refusal: { code: 'rolled-back-by-hand' } },
    });
  });

  test('against the decision to abort is flagged too', () => {
    const forced = [...toAbort, reported('stock', 'committed'), says('rollback order', 'done')];
    expect(standing(...forced)).toMatchObject({
      phase: 'parked',
      reason: { kind: 'heuristic', branchId: 'stock' },
    });
  });

  test('is found out from the participant itself when it refuses', () => {
    const found = [...toCommit, says('commit stock', 'refused'), says('commit order', 'done')];
    expect(standing(...found)).toMatchObject({ reason: { kind: 'heuristic', branchId: 'stock' } });
  });

  test('and is then repaired by hand ends, and stays flagged', () => {
    const parked = [...toCommit, says('commit stock', 'refused'), says('commit order', 'done')];
    const repaired = tell(...parked, reported('stock', 'committed'));
    expect(repaired.raw).toEqual([
      { type: 'announce', outcome: 'committed', reason: { kind: 'heuristic', branchId: 'stock' } },
    ]);
    expect(standing(...parked, reported('stock', 'committed'))).toEqual({
      status: 'committed',
      phase: 'final',
      reason: { kind: 'heuristic', branchId: 'stock' },
    });
    const abortParked = [...toAbort, reported('stock', 'committed'), says('rollback order', 'done')];
    expect(standing(...abortParked, reported('stock', 'rolled-back'))).toMatchObject({
      status: 'aborted',
      reason: { kind: 'heuristic', branchId: 'stock' },
    });
  });

  test('may be asked for again by a person who put it right', () => {
    const parked = [...toCommit, says('commit stock', 'refused'), says('commit order', 'done')];
    expect(tell(...parked, resumed()).commands).toEqual(['commit stock generation 2']);
  });

  test('before the decision is a no when it was rolled back, and no vote when it was committed', () => {
    const { state, commands } = tell(...voted.slice(0, 1), reported('stock', 'rolled-back'));
    expect(commands).toEqual(['rollback order']);
    expect(state).toMatchObject({ status: 'aborting', reason: { kind: 'heuristic', branchId: 'stock' } });
    const before = tell(...voted.slice(0, 1));
    const after = machine.transition(pair, before.state, reported('order', 'committed'));
    expect(after).toEqual({ state: before.state, commands: [] });
  });

  test('that is told twice, or of nobody, changes nothing', () => {
    const { state } = tell(...toCommit, reported('stock', 'rolled-back'));
    for (const event of [reported('stock', 'rolled-back'), reported('nobody', 'committed')])
      expect(machine.transition(pair, state, event)).toEqual({ state, commands: [] });
  });

  test('leaves one that a bug has parked to a person', () => {
    const { state, commands } = tell(...toCommit, bug(), reported('stock', 'committed'));
    expect([state.status, commands]).toEqual(['parked', []]);
    expect(tell(...toCommit, bug(), reported('stock', 'committed'), resumed()).commands).toEqual([
      'commit order',
    ]);
  });
});

describe('R19: what the database itself has prepared', () => {
  const row = (
    operation: BarrierRow['operation'],
    outcome: BarrierRow['outcome'],
    generation = 1,
  ): BarrierRow => ({
    operation,
    generation,
    outcome,
  });
  const ask = (operation: AskedOfPrepared['operation'], generation = 1) => ({ operation, generation });
  const judge = (operation: AskedOfPrepared['operation'], isPrepared: boolean, ...found: BarrierRow[]) =>
    judgePrepared(ask(operation), { isPrepared, found });

  test('is looked up first: what is prepared votes again, and is settled as it is told', () => {
    const verdicts = [judge('prepare', true), judge('commit', true), judge('rollback', true)];
    expect(verdicts).toEqual(['duplicate', 'run', 'run']);
  });

  test('and is not there has been committed where its row is seen, and nowhere else', () => {
    const seen = row('prepare', 'succeeded');
    expect(judge('commit', false, seen)).toBe('duplicate');
    expect(judge('rollback', false, seen)).toBe('late');
    expect(judge('prepare', false, seen)).toBe('duplicate');
  });

  test('and has left no row cannot be committed any more', () => {
    expect(judge('commit', false)).toBe('late');
    expect(judge('commit', false, row('prepare', 'planted'), row('rollback', 'empty'))).toBe('late');
  });

  test('S3, S4: a rollback of what never came plants its seat, and what comes then is late', () => {
    expect(judge('rollback', false)).toBe('empty');
    expect(judge('prepare', false, row('prepare', 'planted'), row('rollback', 'empty'))).toBe('late');
    expect(judge('rollback', false, row('prepare', 'planted'), row('rollback', 'empty'))).toBe('duplicate');
  });

  test('a no is answered again; under a later generation it is asked anew', () => {
    const no = row('prepare', 'refused');
    expect(judge('prepare', false, no)).toBe('duplicate');
    expect(judge('rollback', false, no)).toBe('empty');
    expect(judgePrepared(ask('prepare', 2), { isPrepared: false, found: [no] })).toBe('run');
  });

  test('I12, I18: whatever is asked in whatever order, it is committed or rolled back, never both', () => {
    const question = fc.constantFrom<AskedOfPrepared['operation'][]>('prepare', 'commit', 'rollback');
    const history = fc.array(fc.record({ operation: question, no: fc.boolean() }), { maxLength: 20 });
    fc.assert(
      fc.property(history, (commands) => {
        const database = { isPrepared: false, found: [] as BarrierRow[] };
        const effects: string[] = [];
        for (const { operation, no } of commands) {
          const verdict = judgePrepared(ask(operation), database);
          if (verdict === 'empty') database.found.push(row('rollback', 'empty'), row('prepare', 'planted'));
          if (verdict !== 'run') continue;
          if (operation === 'prepare') {
            if (no) database.found.push(row('prepare', 'refused'));
            else database.isPrepared = true;
            continue;
          }
          database.isPrepared = false;
          if (operation === 'commit') database.found.push(row('prepare', 'succeeded'));
          else database.found.push(row('rollback', 'succeeded'), row('prepare', 'planted'));
          effects.push(operation);
        }
        expect([[], ['commit'], ['rollback']]).toContainEqual(effects);
      }),
      { numRuns: 2_000 },
    );
  });
});
