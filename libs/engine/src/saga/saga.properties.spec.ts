/**
 * Goal: what must hold for every saga under every stream of facts, also those no network would produce.
 * Method: fast-check draws a definition and events (plausible answers for what is in hand, and repeats, strays and
 * garbage between them), steps the machine, and looks at the whole run. A failure prints its seed.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { replay } from '../machine.js';
import type { Reply } from '../operation.js';
import type { SendCommand, TransactionCommand, TransactionEvent } from '../transaction.js';
import type { SagaDefinition } from './saga.definition.js';
import { refusal, sketch, start, type SketchedStep } from './saga.example.js';
import { sagaMachine } from './saga.machine.js';
import { sagaProtocol } from './saga.protocol.js';
import type { SagaState } from './saga.state.js';

const names = ['a', 'b', 'c', 'd', 'e'] as const;
const numRuns = 1_000;

const policy = fc.record({ attemptsMax: fc.integer({ min: 1, max: 3 }) });
const patience = {
  timeoutMs: fc.integer({ min: 1, max: 500 }),
  inProgressPollMs: fc.integer({ min: 1, max: 50 }),
};
const shape = fc.record({
  ...patience,
  retry: policy,
  undoRetry: policy,
  retriable: fc.boolean(),
  undoable: fc.boolean(),
});

/** Sound by construction: before the pivot all can be undone or need not be, behind it all is retriable. */
const definitions = fc
  .record({
    shapes: fc.array(shape, { minLength: 1, maxLength: names.length }),
    pivot: fc.integer({ min: 0, max: names.length }),
    closing: fc.option(shape, { nil: undefined }),
  })
  .map(({ shapes, pivot, closing }) => {
    const steps = shapes.map((drawn, index): SketchedStep => {
      const before = { nothingToUndo: !drawn.undoable && index < Math.min(pivot, shapes.length) };
      const retriable = drawn.retriable || index > pivot;
      return { name: names[index] ?? 'x', ...drawn, ...before, retriable, pivot: index === pivot };
    });
    return sketch(steps, closing && { name: 'closing', ...closing });
  });

const failure = (retryable: boolean) => ({ code: 'X', message: 'x', retryable });
const replies: fc.Arbitrary<Reply> = fc.constantFrom<Reply[]>(
  { outcome: 'succeeded', output: 'o' },
  { outcome: 'succeeded', output: 'o' },
  { outcome: 'succeeded', output: 'o' },
  { outcome: 'succeeded', output: null, empty: true },
  { outcome: 'refused', refusal },
  { outcome: 'failed', failure: failure(true) },
  { outcome: 'failed', failure: failure(false) },
  { outcome: 'in-progress' },
);

const instants = fc.oneof(fc.nat({ max: 20_000 }), fc.constantFrom(-1, Number.NaN, Infinity, 1e15));
const half = fc.constantFrom('action' as const, 'compensation' as const);
const garbage: fc.Arbitrary<TransactionEvent> = fc.oneof(
  fc.record({
    type: fc.constant('replied' as const),
    at: instants,
    branchId: fc.constantFrom(...names, 'closing', 'nobody', ''),
    operation: half,
    generation: fc.integer({ min: 0, max: 3 }),
    attempt: fc.integer({ min: 0, max: 4 }),
    reply: replies,
  }),
  fc.record({ type: fc.constant('time-passed' as const), at: instants, retryAt: instants }),
  fc.record({
    type: fc.constant('operator-resumed' as const),
    at: instants,
    actor: fc.string(),
    reason: fc.string(),
  }),
  fc.record({ type: fc.constant('bug-found' as const), at: instants, message: fc.string() }),
  fc.record({ type: fc.constant('definition-missing' as const), at: instants }),
);

/** What the world does next: answers what is in hand, says an earlier thing again, lets time pass, or raves. */
const moves = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('answer' as const), reply: replies }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), late: fc.nat({ max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('repeat' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rave' as const), event: garbage }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resume' as const) }) },
);
type Move = typeof moves extends fc.Arbitrary<infer M> ? M : never;

interface Moment {
  readonly event: TransactionEvent | undefined;
  readonly state: SagaState;
  readonly commands: readonly TransactionCommand[];
}

/** Every moment of one run, the beginning first. */
function run(definition: SagaDefinition, drawn: readonly Move[]): readonly Moment[] {
  const moments: Moment[] = [{ event: undefined, ...sagaMachine.begin(definition, start) }];
  const said: TransactionEvent[] = [];
  let asked = lastSend(moments[0]!.commands);
  let now = 0;
  for (const move of drawn) {
    const before = moments.at(-1)!.state;
    const due = sagaMachine.dueAt(definition, before);
    now =
      move.kind === 'wait' && due !== undefined && Number.isFinite(due)
        ? Math.max(now, due) + move.late
        : now + 1;
    const event = eventOf(move, { asked, said, now });
    said.push(event);
    const after = sagaMachine.transition(definition, before, event);
    asked = lastSend(after.commands) ?? asked;
    moments.push({ event, ...after });
  }
  return moments;
}

function eventOf(
  move: Move,
  given: {
    readonly asked: SendCommand | undefined;
    readonly said: readonly TransactionEvent[];
    readonly now: number;
  },
): TransactionEvent {
  const { asked, said, now: at } = given;
  const wait: TransactionEvent = { type: 'time-passed', at, retryAt: at + 7 };
  switch (move.kind) {
    case 'answer': {
      if (asked === undefined) return wait;
      const { branchId, operation, generation, attempt } = asked;
      return {
        type: 'replied',
        at,
        retryAt: at + 5,
        branchId,
        operation,
        generation,
        attempt,
        reply: move.reply,
      };
    }
    case 'wait':
      return wait;
    case 'repeat':
      return said[move.which % Math.max(1, said.length)] ?? wait;
    case 'rave':
      return move.event;
    case 'resume':
      return { type: 'operator-resumed', at, actor: 'ada', reason: 'repaired' };
  }
}

function sendsOf(commands: readonly TransactionCommand[]): readonly SendCommand[] {
  return commands.filter((command) => command.type === 'send');
}

function lastSend(commands: readonly TransactionCommand[]): SendCommand | undefined {
  return sendsOf(commands).at(-1);
}

const indexOf = (definition: SagaDefinition, { branchId }: SendCommand) =>
  definition.steps.findIndex((step) => step.name === branchId);

/** Draws runs and hands each to `check`. */
function forEveryRun(
  check: (definition: SagaDefinition, moments: readonly Moment[]) => void,
  options: { readonly seed?: number } = {},
): void {
  const story = fc.tuple(definitions, fc.array(moves, { maxLength: 40 }));
  fc.assert(
    fc.property(story, ([definition, drawn]) => check(definition, run(definition, drawn))),
    { numRuns, ...options },
  );
}

describe('for every saga and every stream of facts', () => {
  test('the runs drawn here reach every status and every reason, or these properties would prove little', () => {
    const reached = new Set<string>();
    // A seed of its own: the other properties may draw what they like, but this one counts.
    const seed = 1;
    forEveryRun(
      (_definition, moments) => {
        for (const { state } of moments) {
          reached.add(state.status === 'parked' ? `parked: ${state.reason.kind}` : state.status);
        }
      },
      { seed },
    );
    const kinds = [
      'bug',
      'failed',
      'no-handler',
      'refused',
      'timed-out',
      'undo-failed',
      'undo-lost',
      'undo-refused',
    ];
    const parked = kinds.map((kind) => `parked: ${kind}`);
    expect([...reached].toSorted()).toEqual([
      'compensated',
      'compensating',
      'completed',
      'executing',
      ...parked,
    ]);
  });

  test('no event throws in any state, and no one is asked two things at once', () => {
    forEveryRun((definition, moments) => {
      const atOnce = moments.flatMap(({ state, commands }) => [
        sendsOf(commands).length,
        sagaMachine.outstanding(definition, state).length,
      ]);
      expect(Math.max(...atOnce)).toBe(1);
    });
  });

  test('an event that changes nothing asks for nothing', () => {
    forEveryRun((_definition, moments) => {
      const idle = moments.filter(({ state }, index) => index > 0 && moments[index - 1]!.state === state);
      expect(idle.flatMap(({ commands }) => commands)).toEqual([]);
    });
  });

  test('I31: a final state never changes, and is announced once', () => {
    forEveryRun((_definition, moments) => {
      const end = moments.findIndex(
        ({ state }) => state.status === 'completed' || state.status === 'compensated',
      );
      if (end < 0) return;
      expect(new Set(moments.slice(end).map(({ state }) => state)).size).toBe(1);
      const announced = moments
        .flatMap(({ commands }) => commands)
        .filter((c) => c.type === 'announce' && c.outcome !== 'parked');
      expect(announced).toMatchObject([{ outcome: moments[end]!.state.status }]);
    });
  });

  test('I16, S13: the undo order is exactly the reverse of the order of doing', () => {
    forEveryRun((definition, moments) => {
      const undos = sendsOf(moments.flatMap(({ commands }) => commands)).filter(
        (c) => c.operation === 'compensation',
      );
      const order = undos.map((command) => indexOf(definition, command));
      expect(order).toEqual(order.toSorted((a, b) => b - a));
    });
  });

  test('I13: nothing is undone that was not asked for before, and nothing is done after an undo', () => {
    forEveryRun((definition, moments) => {
      const asked = new Set<string>();
      let turned = false;
      for (const command of sendsOf(moments.flatMap(({ commands }) => commands))) {
        if (command.operation === 'compensation') {
          expect(asked).toContain(command.branchId);
          turned = true;
        } else {
          expect(turned && indexOf(definition, command) >= 0).toBe(false);
          asked.add(command.branchId);
        }
      }
    });
  });

  test('I15: what ended compensated has undone every step that succeeded or is unknown, and no refused one', () => {
    forEveryRun((definition, moments) => {
      const final = moments.at(-1)!.state;
      if (final.status !== 'compensated') return;
      const sends = sendsOf(moments.flatMap(({ commands }) => commands));
      const asked = new Set(sends.filter((c) => c.operation === 'action').map((c) => c.branchId));
      if (final.reason.kind === 'refused' && final.reason.branchId !== undefined)
        asked.delete(final.reason.branchId);
      const undoable = definition.steps.filter(
        (step) => asked.has(step.name) && step.operation.compensation !== undefined,
      );
      const undone = new Set(sends.filter((c) => c.operation === 'compensation').map((c) => c.branchId));
      expect([...undone].toSorted()).toEqual(undoable.map((step) => step.name).toSorted());
    });
  });

  test('S26: once the pivot has succeeded nothing is ever undone, and an unknown pivot is neither undone nor passed', () => {
    forEveryRun((definition, moments) => {
      const pivot = definition.steps.findIndex((step) => step.pivot);
      if (pivot < 0) return;
      const sends = sendsOf(moments.flatMap(({ commands }) => commands));
      const undos = sends.filter((command) => command.operation === 'compensation');
      const beyond = sends.some(
        (command) => command.operation === 'action' && indexOf(definition, command) > pivot,
      );
      if (beyond || moments.at(-1)!.state.status === 'completed') expect(undos).toEqual([]);
      for (const command of undos) expect(indexOf(definition, command)).toBeLessThan(pivot);
    });
  });

  test('I33: the attempts of one half in one generation never exceed its limit', () => {
    forEveryRun((definition, moments) => {
      const beyond = sendsOf(moments.flatMap(({ commands }) => commands)).filter((command) => {
        const step = definition.steps[indexOf(definition, command)] ?? definition.onCompensated!;
        const { attemptsMax } = command.operation === 'action' ? step.retry : step.undoRetry;
        return command.attempt < 1 || command.attempt > attemptsMax;
      });
      expect(beyond).toEqual([]);
    });
  });

  test('R4: only a person raises a generation, by one, and only of what was parked', () => {
    forEveryRun((_definition, moments) => {
      const generations = new Map<string, number>();
      for (const { event, commands } of moments) {
        for (const { operation, branchId, generation } of sendsOf(commands)) {
          const key = `${operation} ${branchId}`;
          const before = generations.get(key);
          if (before === undefined) expect(generation).toBe(1);
          else if (generation !== before)
            expect([generation, event?.type]).toEqual([before + 1, 'operator-resumed']);
          generations.set(key, generation);
        }
      }
    });
  });

  test('replaying the events reaches the same state as living through them', () => {
    forEveryRun((definition, moments) => {
      const events = moments.flatMap(({ event }) => event ?? []);
      expect(replay(sagaMachine, definition, start, events)).toEqual(moments.at(-1)!.state);
    });
  });

  test('what changed nothing need not be stored: without it the replay reaches the same state', () => {
    forEveryRun((definition, moments) => {
      const stored = moments.flatMap(({ event, state }, index) =>
        event !== undefined && moments[index - 1]!.state !== state ? [event] : [],
      );
      expect(replay(sagaMachine, definition, start, stored)).toEqual(moments.at(-1)!.state);
    });
  });

  test('S29: what is outstanding is the command sent last, word for word, until it is answered or timed out', () => {
    forEveryRun((definition, moments) => {
      let open: readonly SendCommand[] = [];
      // Every change is an answer, a time-out, a decision or a bug: what was open is closed, what is sent is open.
      const expected = moments.map(({ state, commands }, index) => {
        if (index === 0 || moments[index - 1]!.state !== state) open = sendsOf(commands);
        return open;
      });
      expect(moments.map(({ state }) => sagaMachine.outstanding(definition, state))).toEqual(expected);
    });
  });

  test('I10: each moment is final, parked with a reason, or has an instant at which it goes on by itself', () => {
    forEveryRun((definition, moments) => {
      const protocol = sagaProtocol(definition);
      const stuck = moments.filter(({ state }) => {
        const { phase, reason } = protocol.standing(state);
        const due = protocol.dueAt(state);
        if (phase === 'parked') return reason?.kind === undefined || due !== undefined;
        return phase === 'moving' ? !Number.isFinite(due) : due !== undefined;
      });
      expect(stuck).toEqual([]);
    });
  });

  test('I38: where everybody answers, every saga that moves comes to an end', () => {
    forEveryRun((definition, moments) => {
      let { state } = moments.at(-1)!;
      const { steps } = definition;
      for (let left = 4 * steps.length + 4; left > 0; left--) state = answered(definition, state);
      expect(['final', 'parked']).toContain(sagaProtocol(definition).standing(state).phase);
    });
  });

  test('a host asks for luck exactly when a back-off follows', () => {
    forEveryRun((definition, moments) => {
      const protocol = sagaProtocol(definition);
      const wrong = moments.filter(({ event, state }, index) => {
        if (event === undefined) return false;
        const before = moments[index - 1]!.state;
        const waits = state !== before && 'active' in state && state.active[0]?.waitingFor === 'retry';
        return waits !== (protocol.retryOf(before, event) !== undefined);
      });
      expect(wrong).toEqual([]);
    });
  });

  test('a timeline has one line for each half that was asked for, in the order of asking', () => {
    forEveryRun((definition, moments) => {
      const events = moments.flatMap(({ event }) => event ?? []);
      const sends = sendsOf(moments.flatMap(({ commands }) => commands));
      const asked = new Set(sends.map(({ operation, branchId }) => `${operation} ${branchId}`));
      const told = sagaProtocol(definition).timeline(start, events);
      expect(told.map(({ operation, name }) => `${operation} ${name}`)).toEqual([...asked]);
    });
  });
});

/** The state after whatever is in hand has succeeded; its wait first ends, if it waits to be sent again. */
function answered(definition: SagaDefinition, before: SagaState): SagaState {
  const [command] = sagaMachine.outstanding(definition, before);
  const at = sagaMachine.dueAt(definition, before) ?? 0;
  if (command?.type !== 'send')
    return sagaMachine.transition(definition, before, { type: 'time-passed', at }).state;
  const { branchId, operation, generation } = command;
  const reply: Reply = { outcome: 'succeeded', output: 'o' };
  return sagaMachine.transition(definition, before, {
    type: 'replied',
    at,
    branchId,
    operation,
    generation,
    reply,
  }).state;
}
