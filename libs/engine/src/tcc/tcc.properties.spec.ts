/**
 * Goal: what must hold for every TCC transaction under every stream of facts, also those no network would produce, and
 * whatever moment its host dies at.
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
import type { TccDefinition } from './tcc.definition.js';
import { sketch } from './tcc.example.js';
import { tccMachine } from './tcc.machine.js';
import { tccProtocol } from './tcc.protocol.js';
import type { TccState } from './tcc.state.js';

const numRuns = 1_000;

const definitions = shapes.map(({ branches, closing }) =>
  sketch(
    branches.map((patience, index) => ({ name: branchNames[index] ?? 'x', ...patience })),
    closing ? { name: 'closing', timeoutMs: 100, retry: { attemptsMax: 2 } } : undefined,
  ),
);

function forEveryRun(check: (definition: TccDefinition, moments: readonly Moment<TccState>[]) => void): void {
  fc.assert(
    fc.property(definitions, fc.array(moves, { maxLength: 60 }), (definition, drawn) => {
      check(definition, live(tccMachine, definition, drawn));
    }),
    { numRuns },
  );
}

const finals = new Set(['confirmed', 'cancelled']);

describe('for every run', () => {
  test('most kinds of end are reached by it, so that the other properties are about something', () => {
    const seen = new Set<string>();
    forEveryRun((_definition, moments) => seen.add(moments.at(-1)!.state.status));
    expect([...seen].toSorted()).toEqual([
      'cancelled',
      'cancelling',
      'confirmed',
      'confirming',
      'parked',
      'trying',
    ]);
  });

  test('I17: no transaction is ever asked to confirm one branch and to cancel another', () => {
    forEveryRun((_definition, moments) => {
      const asked = new Set(allSends(moments).map(({ operation }) => operation));
      expect(asked.has('confirm') && asked.has('cancel')).toBe(false);
    });
  });

  test('I17: nothing is confirmed before every try has succeeded', () => {
    forEveryRun((definition, moments) => {
      const first = moments.findIndex(({ commands }) =>
        sendsOf(commands).some((c) => c.operation === 'confirm'),
      );
      if (first < 0) return;
      const succeeded = moments
        .slice(0, first + 1)
        .flatMap(({ event }) =>
          event?.type === 'replied' && event.operation === 'try' && event.reply.outcome === 'succeeded'
            ? [event.branchId]
            : [],
        );
      expect(definition.branches.every(({ name }) => succeeded.includes(name))).toBe(true);
    });
  });

  test('I17, S72: at the end every branch that was tried was told the same, confirm or cancel', () => {
    forEveryRun((definition, moments) => {
      const { status } = moments.at(-1)!.state;
      if (!finals.has(status)) return;
      const half = status === 'confirmed' ? 'confirm' : 'cancel';
      const told = new Set(allSends(moments).flatMap((c) => (c.operation === half ? [c.branchId] : [])));
      expect([...told].toSorted()).toEqual(definition.branches.map(({ name }) => name).toSorted());
    });
  });

  test('I31: an end is never left, and is announced once on each road to it', () => {
    forEveryRun((_definition, moments) => {
      const ends = moments.filter(({ state }) => finals.has(state.status)).map(({ state }) => state.status);
      expect(new Set(ends).size).toBeLessThanOrEqual(1);
      const first = moments.findIndex(({ state }) => finals.has(state.status));
      if (first >= 0) expect(moments.slice(first).every(({ state }) => finals.has(state.status))).toBe(true);
    });
  });

  test('I33: the attempts of one half in one generation never exceed its limit', () => {
    forEveryRun((definition, moments) => {
      for (const { branchId, operation, attempt } of allSends(moments)) {
        const branch = definition.branches.find(({ name }) => name === branchId) ?? definition.onCancelled!;
        const { attemptsMax } = operation === 'try' ? branch.retry : branch.settleRetry;
        expect(attempt).toBeLessThanOrEqual(attemptsMax);
      }
    });
  });

  test('S29: a host that takes over, at any moment, stands where the other stood and asks for nothing new', () => {
    forEveryRun((definition, moments) => {
      const stored = storedOf(moments);
      const state = replay(tccMachine, definition, start, stored);
      expect(state).toEqual(moments.at(-1)!.state);
      const asked = allSends(moments);
      for (const command of tccMachine.outstanding(definition, state)) expect(asked).toContainEqual(command);
    });
  });

  test('I10: each moment is final, parked with a reason, or has an instant at which it goes on by itself', () => {
    forEveryRun((definition, moments) => {
      const protocol = tccProtocol(definition);
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
      expect(['final', 'parked']).toContain(tccProtocol(definition).standing(state).phase);
    });
  });

  test('a host asks for luck exactly when a back-off follows', () => {
    forEveryRun((definition, moments) => {
      const protocol = tccProtocol(definition);
      moments.forEach(({ event, state }, index) => {
        if (event === undefined) return;
        const before = moments[index - 1]!.state;
        const waits = state !== before && retries(state) > retries(before);
        expect(protocol.retryOf(before, event) !== undefined).toBe(waits);
      });
    });
  });

  test('a timeline has one line for each half that was asked for', () => {
    forEveryRun((definition, moments) => {
      const asked = new Set(allSends(moments).map(({ operation, branchId }) => `${operation} ${branchId}`));
      const told = tccProtocol(definition).timeline(start, storedOf(moments));
      expect(told.map(({ operation, name }) => `${operation} ${name}`)).toEqual([...asked]);
      expect(told.every(({ attempts }) => attempts >= 1)).toBe(true);
    });
  });
});

function retries(state: TccState): number {
  return 'round' in state ? state.round.filter(({ waitingFor }) => waitingFor === 'retry').length : 0;
}

/** The state after the first command in hand has succeeded; a wait first ends. */
function answered(definition: TccDefinition, before: TccState): TccState {
  const [command] = sendsOf(tccMachine.outstanding(definition, before));
  const at = tccMachine.dueAt(definition, before) ?? 0;
  if (command === undefined)
    return tccMachine.transition(definition, before, { type: 'time-passed', at }).state;
  const { branchId, operation, generation } = command;
  const reply = { outcome: 'succeeded', output: 'o' } as const;
  return tccMachine.transition(definition, before, {
    type: 'replied',
    at,
    branchId,
    operation,
    generation,
    reply,
  }).state;
}
