/**
 * Goal: every event is legal in every state of every saga, and one that changes nothing is nothing to save.
 * Method: fast-check draws a tree of shapes and a stream of events, half of them about what is in hand and half of them
 * garbage no network would produce. A failure prints its seed.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { attentionOf } from '../attention.js';
import { replay } from '../machine.js';
import type { ProbeFinding, Reply } from '../operation.js';
import type { TransactionEvent } from '../transaction.js';
import type { SagaDefinition, SagaOptions } from './saga.definition.js';
import { sagaMachine } from './saga.machine.js';
import { sagaProtocol } from './saga.protocol.js';
import { movingOf, type SagaState } from './saga.state.js';
import { options, shapes, Teller, type Shape } from './saga.tree.example.js';

const numRuns = 2_000;
const failure = (retryable: boolean) => ({ code: 'X', message: 'x', retryable });
const refusal = { code: 'no' };
const granted = { outcome: 'granted', version: 1 } as const;
const replies = fc.constantFrom<Reply[]>(
  { outcome: 'succeeded', output: 'o' },
  { outcome: 'succeeded', output: 'o' },
  { outcome: 'succeeded', output: null, empty: true },
  { outcome: 'refused', refusal },
  { outcome: 'failed', failure: failure(true) },
  { outcome: 'failed', failure: failure(false) },
  { outcome: 'in-progress' },
);
const findings = fc.constantFrom<ProbeFinding[]>(
  { outcome: 'succeeded', output: 'o' },
  { outcome: 'refused', refusal },
  { outcome: 'not-done' },
  { outcome: 'not-yet' },
);
const kinds = fc.constantFrom<TransactionEvent['type'][]>(
  ...(['replied', 'replied', 'replied', 'probed', 'time-passed', 'time-passed', 'operator-resumed'] as const),
  ...(['operator-skipped', 'operator-set-result', 'signal-received', 'parent-asked', 'bug-found'] as const),
  'lock-answered' as const,
  ...(['cancel-requested', 'operator-paused', 'terminate-requested'] as const),
);
const moves = fc.record({
  kind: kinds,
  /** Which branch in hand it is about; beyond them, somebody else. */
  which: fc.nat({ max: 4 }),
  half: fc.constantFrom('action' as const, 'compensation' as const),
  isStray: fc.boolean(),
  generation: fc.integer({ min: 0, max: 3 }),
  ahead: fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(Number.NaN, Infinity)),
  reply: replies,
  finding: findings,
});
type Move = typeof moves extends fc.Arbitrary<infer M> ? M : never;

/** The event a move stands for, given where the saga stands. */
function eventOf(
  { state, now }: { readonly state: SagaState; readonly now: number },
  move: Move,
): TransactionEvent {
  const { kind: type, reply, finding } = move;
  const branch = movingOf(state)?.active[move.which];
  const meant = move.isStray ? undefined : branch;
  const branchId = branch?.id ?? 'nobody';
  const operation = meant?.half ?? move.half;
  const generation = meant?.generation ?? move.generation;
  const at = now + move.ahead;
  const person = { at, actor: 'ada', reason: 'drawn' };
  switch (type) {
    case 'replied':
      return { type, at, branchId, operation, generation, reply, retryAt: at + 5 };
    case 'probed':
      return { type, at, branchId, generation, finding };
    case 'time-passed':
      return { type, at: meant === undefined ? at : Math.max(meant.due, now), retryAt: at + 5 };
    case 'signal-received':
      return { type, at, name: branchId, id: String(move.which), payload: { approved: move.isStray } };
    case 'lock-answered':
      return { type, at, branchId, answer: move.isStray ? { outcome: 'held', by: ['b'] } : granted };
    case 'parent-asked':
      return { type, at, operation, generation };
    case 'operator-skipped':
      return { type, branchId, operation, ...person };
    case 'operator-set-result':
      return { type, branchId, operation, output: 1, ...person };
    case 'bug-found':
      return { type, at, message: 'x' };
    case 'definition-missing':
      return { type, at };
    case 'decided':
      return { type, at, decision: 'commit' };
    case 'decision-asked':
      return { type, at, branchId };
    case 'outcome-reported':
      return { type, branchId, outcome: 'committed', ...person };
    case 'cancel-requested':
    case 'terminate-requested':
    case 'operator-paused':
    case 'operator-resumed':
      return { type, ...person };
  }
}

interface Moment {
  readonly event: TransactionEvent;
  readonly before: SagaState;
  readonly after: SagaState;
  readonly asked: number;
}

interface Life {
  readonly definition: SagaDefinition;
  readonly moments: readonly Moment[];
}

const parent = { transactionId: 'p', branchId: 'b', operation: 'action', generation: 1 } as const;
const startOf = (isChild: boolean) =>
  ({ transactionId: 't', input: {}, at: 0, ...(isChild && { parent }) }) as const;

function live(
  drawn: readonly Shape[],
  policy: SagaOptions,
  drawnMoves: readonly Move[],
  isChild: boolean,
): Life {
  const [definition] = new Teller(policy).define('drawn', drawn, drawnMoves.length % 3);
  const moments: Moment[] = [];
  let { state } = sagaMachine.begin(definition, startOf(isChild));
  let now = 0;
  for (const move of drawnMoves) {
    const event = eventOf({ state, now }, move);
    const { state: after, commands } = sagaMachine.transition(definition, state, event);
    moments.push({ event, before: state, after, asked: commands.length });
    if (Number.isFinite(event.at)) now = event.at;
    state = after;
  }
  return { definition, moments };
}

function forEveryLife(check: (life: Life, isChild: boolean) => void): void {
  const story = fc.tuple(shapes, options, fc.array(moves, { maxLength: 40 }), fc.boolean());
  fc.assert(
    fc.property(story, ([drawn, policy, told, isChild]) =>
      check(live(drawn, policy, told, isChild), isChild),
    ),
    { numRuns },
  );
}

describe('for every shape of a saga and every stream of events', () => {
  test('no event throws, and one that changes nothing asks for nothing', () => {
    forEveryLife(({ moments }) => {
      const idle = moments.filter(({ before, after }) => before === after);
      expect(idle.filter(({ asked }) => asked > 0)).toEqual([]);
    });
  });

  test('I31: an end never changes, but for a child whose parent takes it back', () => {
    forEveryLife(({ definition, moments }) => {
      const { standing } = sagaProtocol(definition);
      for (const { before, after, event } of moments) {
        if (before === after || standing(before).phase === 'moving') continue;
        if (standing(before).phase === 'parked') continue;
        // A child repeats its answer, and is taken back; its own end is the same.
        expect(event.type).toBe('parent-asked');
        if (before.status !== 'completed') expect(after.status).toBe(before.status);
      }
    });
  });

  test('S29: replaying what changed anything reaches the same state as living through it', () => {
    forEveryLife(({ definition, moments }, isChild) => {
      const stored = moments.flatMap(({ event, before, after }) => (before === after ? [] : [event]));
      const last = moments.at(-1)?.after;
      if (last !== undefined) expect(replay(sagaMachine, definition, startOf(isChild), stored)).toEqual(last);
    });
  });

  test('I10: each moment is at rest, or held, or waits for an instant, or for a child, with nobody else to move it', () => {
    forEveryLife(({ definition, moments }) => {
      const protocol = sagaProtocol(definition);
      for (const { after } of moments) {
        const { phase, reason } = protocol.standing(after);
        if (phase === 'parked') expect(reason?.kind).toBeDefined();
        if (phase !== 'moving' || !('active' in after) || after.isPaused) continue;
        const waitsForChild = after.active.some(({ waitingFor }) => waitingFor === 'child');
        if (protocol.dueAt(after) === undefined) expect(waitsForChild).toBe(true);
        expect(after.active.length).toBeGreaterThan(0);
      }
    });
  });

  test('a watchdog finds each moment that moves in exactly one hand: an answer, an instant, a person or a lock', () => {
    forEveryLife(({ definition, moments }) => {
      const protocol = sagaProtocol(definition);
      for (const { after } of moments) {
        const attention = attentionOf(protocol, after);
        expect(attention).not.toBe('nobody');
        expect(attention === undefined).toBe(protocol.standing(after).phase !== 'moving');
      }
    });
  });

  test('R15: the host is asked for luck exactly when a branch begins to wait for its next attempt', () => {
    forEveryLife(({ definition, moments }) => {
      const protocol = sagaProtocol(definition);
      const retrying = (state: SagaState) =>
        new Set(movingOf(state)?.active.filter(({ waitingFor }) => waitingFor === 'retry'));
      for (const { before, after, event } of moments) {
        const known = retrying(before);
        const begun = before !== after && [...retrying(after)].some((branch) => !known.has(branch));
        const drawn = protocol.retryOf(before, event) !== undefined;
        // A probe that found nobody draws luck too.
        if (begun) expect(drawn).toBe(true);
        if (drawn) expect(after).not.toBe(before);
      }
    });
  });

  test('a timeline has a line for each half that was asked for, and no reply that changed something is late', () => {
    forEveryLife(({ definition, moments }, isChild) => {
      const protocol = sagaProtocol(definition);
      const events = moments.map(({ event }) => event);
      const keys = protocol
        .timeline(startOf(isChild), events)
        .map(({ operation, name }) => `${operation} ${name}`);
      expect(keys).toEqual([...new Set(keys)]);
      for (const { before, after, event } of moments)
        if (event.type === 'replied' && before !== after)
          expect(protocol.classifyLate?.(before, event)).toBeUndefined();
    });
  });
});
