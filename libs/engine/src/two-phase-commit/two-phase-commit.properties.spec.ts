/**
 * Goal: what must hold for every two-phase commit under every stream of facts, also those no network would produce, and
 * whatever moment its host dies at, the one between the last vote and the decision included.
 * Method: fast-check draws a definition and the moves of a world, steps the machine, and looks at the whole run. A
 * failure prints its seed.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { replay } from '../machine.js';
import {
  allSends,
  branchNames,
  live,
  moves,
  sendsOf,
  shapes,
  start,
  storedOf,
  type Moment,
} from '../round/round.example.js';
import { isOpen } from '../round/round.lane.js';
import type { TwoPhaseCommitDefinition } from './two-phase-commit.definition.js';
import { decisionOf } from './two-phase-commit.decision.js';
import { sketch } from './two-phase-commit.example.js';
import { twoPhaseCommitMachine as machine } from './two-phase-commit.machine.js';
import { twoPhaseCommitProtocol } from './two-phase-commit.protocol.js';
import type { TwoPhaseCommitState } from './two-phase-commit.state.js';

const numRuns = 1_000;
type Run = readonly Moment<TwoPhaseCommitState>[];

const definitions = fc
  .tuple(shapes, fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }))
  .map(([{ branches, closing }, external]) =>
    sketch(
      branches.map((patience, index) => ({
        name: branchNames[index] ?? 'x',
        external: external[index] ?? false,
        ...patience,
      })),
      closing ? { name: 'closing', timeoutMs: 100, retry: { attemptsMax: 2 } } : undefined,
    ),
  );

function forEveryRun(check: (definition: TwoPhaseCommitDefinition, moments: Run) => void): void {
  fc.assert(
    fc.property(definitions, fc.array(moves, { maxLength: 60 }), (definition, drawn) => {
      check(definition, live(machine, definition, drawn));
    }),
    { numRuns },
  );
}

const isFinal = ({ state }: { readonly state: TwoPhaseCommitState }) =>
  state.status === 'committed' || state.status === 'aborted';

describe('for every run', () => {
  test('all kinds of standing are reached by it, so that the other properties are about something', () => {
    const seen = new Set<string>();
    let overtaken = 0;
    forEveryRun((_definition, moments) => {
      for (const { state } of moments) seen.add(state.status);
      if (moments.some(({ state }) => state.status === 'aborting' && state.reason.kind === 'undecided'))
        overtaken++;
    });
    expect([...seen].toSorted()).toEqual([
      'aborted',
      'aborting',
      'committed',
      'committing',
      'parked',
      'preparing',
    ]);
    expect(overtaken).toBeGreaterThan(0);
  });

  test('I18: agreement: nobody is told to commit where another, who has a part in the decision, is told to roll back', () => {
    forEveryRun((_definition, moments) => {
      const left = leftWithTheirVote(moments);
      const told = moments.flatMap(({ commands }) => sendsOf(commands));
      const isCommitted = told.some(({ operation }) => operation === 'commit');
      const rolledBack = told.filter(({ operation }) => operation === 'rollback');
      if (isCommitted) expect(rolledBack.filter(({ branchId }) => !left.has(branchId))).toEqual([]);
    });
  });

  test('I19: whoever asks for a commit is told to commit if it is part of it, and to roll back if it left with its vote', () => {
    let asked = 0;
    forEveryRun((definition, moments) => {
      // A participant alone prepares nothing, so it is never in doubt and has nothing to ask.
      if (moments[0]?.state.status !== 'preparing') return;
      const left = leftWithTheirVote(moments);
      for (const { state } of moments.filter((moment) => decisionOf(moment.state) === 'commit'))
        for (const { name: branchId } of definition.branches) {
          const answer = machine.transition(definition, state, { type: 'decision-asked', at: 1, branchId });
          const told = sendsOf(answer.commands).map(({ operation }) => operation);
          expect([answer.state === state, ...told]).toEqual([
            true,
            left.has(branchId) ? 'rollback' : 'commit',
          ]);
          asked += left.has(branchId) ? 1 : 0;
        }
    });
    expect(asked).toBeGreaterThan(0);
  });

  test('I18: validity: nobody commits unless everybody has voted yes', () => {
    forEveryRun((definition, moments) => {
      const first = moments.findIndex(({ commands }) =>
        sendsOf(commands).some((c) => c.operation === 'commit'),
      );
      if (first < 0) return;
      const yes = moments
        .slice(0, first + 1)
        .flatMap(({ event }) =>
          event?.type === 'replied' && event.operation === 'prepare' && event.reply.outcome === 'succeeded'
            ? [event.branchId]
            : [],
        );
      expect(definition.branches.every(({ name }) => yes.includes(name))).toBe(true);
    });
  });

  test('I20: the decision is stored before the first commit is sent', () => {
    forEveryRun((_definition, moments) => {
      const first = moments.findIndex(({ commands }) =>
        sendsOf(commands).some((c) => c.operation === 'commit'),
      );
      if (first < 0) return;
      const stored = storedOf(moments.slice(0, first + 1));
      expect(stored).toContainEqual(expect.objectContaining({ type: 'decided', decision: 'commit' }));
    });
  });

  test('S67: what is replayed without its decision is in doubt for nobody but itself, and its next step is to abort', () => {
    forEveryRun((definition, moments) => {
      for (const { state } of moments) {
        if (state.status !== 'preparing' || state.votedAt === undefined) continue;
        const at = machine.dueAt(definition, state) ?? Number.NaN;
        expect([machine.outstanding(definition, state), at]).toEqual([[], state.votedAt]);
        const next = machine.transition(definition, state, { type: 'time-passed', at });
        expect(decisionOf(next.state)).toBe('abort');
      }
    });
  });

  test('the decision never changes, once it is known', () => {
    forEveryRun((_definition, moments) => {
      const words = moments.map(({ state }) => decisionOf(state)).filter((word) => word !== 'not-yet');
      expect(new Set(words).size).toBeLessThanOrEqual(1);
    });
  });

  test('R20: an end comes only after everybody who was told has acknowledged', () => {
    forEveryRun((_definition, moments) => {
      const end = moments.findIndex(isFinal);
      if (end < 0) return;
      const until = moments.slice(0, end + 1);
      // Who merely asked is answered by presumption: nobody waits for the acknowledgement of one that had already left.
      const unasked = until.filter(({ event }) => event?.type !== 'decision-asked');
      const told = new Set(
        allSends(unasked).flatMap((c) => (['commit', 'rollback'].includes(c.operation) ? [c.branchId] : [])),
      );
      const acknowledged = new Set(
        until.flatMap(({ event }) =>
          event?.type === 'replied' &&
          (event.operation === 'commit' || event.operation === 'rollback') &&
          event.reply.outcome === 'succeeded'
            ? [event.branchId]
            : [],
        ),
      );
      expect([...told].filter((name) => !acknowledged.has(name))).toEqual([]);
    });
  });

  test('I31: an end is never left', () => {
    forEveryRun((_definition, moments) => {
      const first = moments.findIndex(isFinal);
      if (first < 0) return;
      const { state } = moments[first]!;
      expect(moments.slice(first).every((later) => later.state.status === state.status)).toBe(true);
    });
  });

  test('S29: a host that takes over, at any moment, stands where the other stood and asks for nothing new', () => {
    forEveryRun((definition, moments) => {
      const state = replay(machine, definition, start, storedOf(moments));
      expect(state).toEqual(moments.at(-1)!.state);
      const asked = allSends(moments);
      for (const command of machine.outstanding(definition, state)) expect(asked).toContainEqual(command);
    });
  });

  test('I10: each moment is final, parked with a reason, or has an instant at which it goes on by itself', () => {
    forEveryRun((definition, moments) => {
      const protocol = twoPhaseCommitProtocol(definition);
      for (const { state } of moments) {
        const { phase, reason } = protocol.standing(state);
        const due = protocol.dueAt(state);
        if (phase === 'moving') expect(Number.isFinite(due)).toBe(true);
        else expect(due).toBeUndefined();
        if (phase === 'parked') expect(reason?.kind).toBeDefined();
      }
    });
  });

  test('I38: where everybody answers, every transaction that moves comes to an end', () => {
    forEveryRun((definition, moments) => {
      let { state } = moments.at(-1)!;
      for (let left = 40; left > 0; left--) state = answered(definition, state);
      expect(['final', 'parked']).toContain(twoPhaseCommitProtocol(definition).standing(state).phase);
    });
  });

  test('I33: the attempts of one half in one generation never exceed its limit', () => {
    forEveryRun((definition, moments) => {
      for (const { branchId, operation, attempt } of allSends(moments)) {
        const branch = definition.branches.find(({ name }) => name === branchId) ?? definition.onAborted!;
        const { attemptsMax } = operation === 'prepare' ? branch.retry : branch.settleRetry;
        expect(attempt).toBeLessThanOrEqual(attemptsMax);
      }
    });
  });

  test('a timeline has one line for each half that was asked for', () => {
    forEveryRun((definition, moments) => {
      const asked = moments
        .filter(({ event }) => event?.type !== 'decision-asked')
        .flatMap(({ commands }) => sendsOf(commands));
      const names = new Set(asked.map(({ operation, branchId }) => `${operation} ${branchId}`));
      const told = twoPhaseCommitProtocol(definition).timeline(start, storedOf(moments));
      expect(told.map(({ operation, name }) => `${operation} ${name}`)).toEqual([...names]);
    });
  });
});

/** The branches whose vote said that they have written nothing. What such a one holds all the same is the work of a
 *  repeat whose vote was not counted. */
function leftWithTheirVote(moments: Run): ReadonlySet<string> {
  // Read off the states, not off the replies: a reply may be a repeat, or about another generation.
  const lanes = moments.flatMap(({ state }) =>
    state.status === 'preparing' || state.status === 'committed' ? state.round : [],
  );
  const left = lanes.filter(
    (lane) =>
      lane.half === 'prepare' &&
      !isOpen(lane) &&
      lane.ending.outcome === 'succeeded' &&
      lane.ending.readOnly === true,
  );
  return new Set(left.map(({ branch }) => branch.name));
}

/** The state after the first command in hand has succeeded; a wait first ends. */
function answered(definition: TwoPhaseCommitDefinition, before: TwoPhaseCommitState): TwoPhaseCommitState {
  const [command] = sendsOf(machine.outstanding(definition, before));
  const at = machine.dueAt(definition, before) ?? 0;
  if (command === undefined) {
    const { state } = machine.transition(definition, before, { type: 'time-passed', at });
    return state;
  }
  const { branchId, operation, generation } = command;
  const reply = { outcome: 'succeeded', output: 'o' } as const;
  const next = machine.transition(definition, before, {
    type: 'replied',
    at,
    branchId,
    operation,
    generation,
    reply,
  });
  const decides = next.commands.some(({ type }) => type === 'decide');
  return decides
    ? machine.transition(definition, next.state, { type: 'decided', at, decision: 'commit' }).state
    : next.state;
}
