/**
 * Goal: groups, partial orders, branches, loops and local steps go forward and back as told.
 * Method: facts as data in, state and commands as data out.
 */
import { describe, expect, test } from '@jest/globals';
import { succeeded } from '../operation.js';
import { saga, type SagaOptions, type StepOptions } from './saga.definition.js';
import * as example from './saga.example.js';
import {
  busy,
  done,
  failedFor,
  failedForGood,
  operationOf,
  passed,
  refused,
  tell,
  undone,
} from './saga.example.js';
import { sagaMachine } from './saga.machine.js';
import { sagaProtocol } from './saga.protocol.js';

const named = operationOf;
const begin = (options: Partial<SagaOptions> = {}) =>
  saga<{ n: number }>('shape', { version: 1, ...options });
const seen = ({ results }: { readonly results: object }) => ({ seen: Object.keys(results).toSorted() });
const patient: StepOptions = { timeoutMs: 1_000, retry: { attemptsMax: 2 } };

/** first, then a and b and c at the same time, then last. */
const trio = (options: Partial<SagaOptions> = {}) =>
  begin(options)
    .step('first', named('first'), seen)
    .parallel((group) =>
      group
        .step('a', named('a'), seen, patient)
        .step('b', named('b'), seen, patient)
        .step('c', named('c'), seen, patient),
    )
    .step('last', named('last'), seen)
    .define();

/** a and b at the same time, c behind both. */
const join = (options: Partial<SagaOptions> = {}) =>
  begin(options)
    .parallel((group) =>
      group
        .step('a', named('a'), seen)
        .step('b', named('b'), seen)
        .step('c', named('c'), seen, { after: ['a', 'b'] }),
    )
    .define();

describe('a parallel group', () => {
  test('asks for all members at once, and for what follows behind the last of them, in whatever order', () => {
    expect(tell(trio(), done('first')).commands).toEqual(['do a', 'do b', 'do c']);
    const { all } = tell(trio(), done('first'), done('c'), done('a'), done('b'));
    expect(all.slice(4)).toEqual(['do last']);
  });

  test('shows a member only what stands before the group, and what follows all of it', () => {
    expect(tell(trio(), done('first')).raw.map((c) => 'payload' in c && c.payload)).toEqual(
      Array.from({ length: 3 }, () => ({ seen: ['first'] })),
    );
    const { raw } = tell(trio(), done('first'), done('c'), done('b'), done('a'));
    expect(raw).toMatchObject([{ branchId: 'last', payload: { seen: ['a', 'b', 'c', 'first'] } }]);
  });

  test('holds every branch by itself: attempts, instants and what is outstanding', () => {
    const { state } = tell(trio(), done('first'), failedFor('b', { retryAt: 700 }), busy('c'), done('a'));
    expect(sagaMachine.outstanding(trio(), state)).toEqual([]);
    expect(sagaMachine.dueAt(trio(), state)).toBe(700);
    const again = sagaMachine.transition(trio(), state, passed(700));
    expect(again.commands.map(example.inWords)).toEqual(['do b attempt 2']);
  });

  test('R15: one that falls due at the same instant as another is served by an event of its own', () => {
    const before = tell(trio(), done('first')).state;
    const protocol = sagaProtocol(trio());
    const due = passed(1_100, 1_300);
    expect(protocol.retryOf(before, due)).toMatchObject({ attempt: 1 });
    const once = protocol.transition(before, due).state;
    expect(protocol.dueAt(once)).toBe(1_100);
    const twice = protocol.transition(once, passed(1_100, 1_250)).state;
    const thrice = protocol.transition(twice, passed(1_100, 1_400)).state;
    expect(protocol.dueAt(thrice)).toBe(1_250);
    expect(thrice).toMatchObject({ active: [{ due: 1_300 }, { due: 1_250 }, { due: 1_400 }] });
  });
});

describe('S14: a refusal in a group', () => {
  test('begins nothing new, awaits what runs, and only then undoes, the last done first', () => {
    const turned = tell(trio(), done('first'), done('c'), refused('a'));
    expect(turned.commands).toEqual([]);
    expect(turned.state).toMatchObject({ status: 'compensating', reason: { branchId: 'a' } });
    const { all } = tell(
      trio(),
      done('first'),
      done('c'),
      refused('a'),
      done('b'),
      undone('b'),
      undone('c'),
      undone('first'),
    );
    expect(all.slice(4)).toEqual(['undo b', 'undo c', 'undo first', 'announce compensated']);
  });

  test('never sends what stood behind it', () => {
    const turned = tell(join(), refused('a'), done('b'), undone('b'));
    expect(turned.all).toEqual(['do a', 'do b', 'undo b', 'announce compensated']);
  });

  test('tries nothing again: what is awaited and fails is undone as unknown, first', () => {
    const { all, raw } = tell(trio(), done('first'), done('c'), refused('a'), failedFor('b'));
    expect(all.slice(4)).toEqual(['undo b']);
    expect(raw).toMatchObject([{ payload: { outcome: 'unknown' } }]);
    const waiting = tell(trio(), done('first'), done('c'), failedFor('b', { retryAt: 900 }), refused('a'));
    expect(waiting.commands).toEqual(['undo b']);
  });

  test('hears of a second refusal without a second reason, and undoes neither', () => {
    const { all, state } = tell(trio(), done('first'), refused('a'), refused('b'), done('c'));
    expect(all.slice(4)).toEqual(['undo c']);
    expect(state).toMatchObject({ reason: { branchId: 'a' } });
  });

  test.each([
    ['await', []],
    ['undo-at-once', ['announce parked']],
  ] as const)(
    'asks a person about what is unknown where the step says so, under %s too',
    (onRefusal, atOnce) => {
      const definition = begin({ onRefusal })
        .parallel((group) =>
          group
            .step('a', named('a'), seen, patient)
            .step('b', named('b'), seen, { ...patient, onUnknown: 'ask' }),
        )
        .define();
      expect(tell(definition, refused('a'), failedForGood('b')).commands).toEqual(['announce parked']);
      const silent = tell(definition, failedFor('b', { retryAt: 900 }), refused('a'));
      expect([silent.commands, sagaMachine.dueAt(definition, silent.state)]).toEqual([[], 100]);
      const asked = sagaMachine.transition(definition, silent.state, passed(100));
      expect(asked.state.status).toBe('parked');
      const running = tell(definition, refused('a'), passed(100));
      expect(running.commands).toEqual(atOnce);
    },
  );

  test('undoes what runs at once, as unknown, where that is the policy', () => {
    const { commands } = tell(trio({ onRefusal: 'undo-at-once' }), done('first'), done('b'), refused('a'));
    expect(commands).toEqual(['undo c']);
  });

  test('S17: the late success of one that was given up is covered by its undo', () => {
    const definition = trio({ onRefusal: 'undo-at-once' });
    const { state } = tell(definition, done('first'), done('b'), refused('a'));
    const late = done('c');
    expect(sagaMachine.transition(definition, state, late).state).toBe(state);
    expect(sagaProtocol(definition).classifyLate?.(state, late)).toBe('covered');
  });
});

describe('a partial order', () => {
  test('begins a member once those it names are done, and shows it their results alone', () => {
    expect(tell(join()).commands).toEqual(['do a', 'do b']);
    expect(tell(join(), done('b')).commands).toEqual([]);
    expect(tell(join(), done('b'), done('a')).raw).toMatchObject([
      { branchId: 'c', payload: { seen: ['a', 'b'] } },
    ]);
  });

  test('S15: the ambiguous undo comes before those of what it stood behind', () => {
    const { all } = tell(
      join(),
      done('a'),
      done('b'),
      failedForGood('c'),
      undone('c'),
      undone('b'),
      undone('a'),
    );
    expect(all.slice(3)).toEqual(['undo c', 'undo b', 'undo a', 'announce compensated']);
  });

  test('S15: by choice undoes at the same time whatever does not depend on each other', () => {
    const definition = join({ parallelUndo: true });
    const { all } = tell(
      definition,
      done('a'),
      done('b'),
      failedForGood('c'),
      undone('c'),
      undone('a'),
      undone('b'),
    );
    expect(all.slice(3)).toEqual(['undo c', 'undo b', 'undo a', 'announce compensated']);
    expect(tell(definition, done('a'), done('b'), failedForGood('c'), undone('c')).commands).toEqual([
      'undo b',
      'undo a',
    ]);
  });

  test('refuses a name that stands nowhere before it', () => {
    const wrong = () =>
      begin().parallel((group) =>
        // @ts-expect-error no member is named so
        group.step('a', named('a'), seen, { after: ['z'] }),
      );
    expect(wrong).toThrow('no step "z" stands before');
  });

  test('runs sequences side by side', () => {
    const definition = begin()
      .parallel((group) =>
        group
          .chain((one) => one.step('a', named('a'), seen).step('b', named('b'), seen))
          .chain((two) => two.step('c', named('c'), seen).step('d', named('d'), seen)),
      )
      .step('e', named('e'), seen)
      .define();
    const { all, raw } = tell(definition, done('c'), done('d'), done('a'), done('b'));
    expect(all).toEqual(['do a', 'do c', 'do d', 'do b', 'do e']);
    expect(raw).toMatchObject([{ payload: { seen: ['a', 'b', 'c', 'd'] } }]);
    expect(tell(definition, done('a'), done('c')).raw).toMatchObject([{ payload: { seen: ['c'] } }]);
  });
});

describe('a conditional branch', () => {
  const definition = begin()
    .step('a', named('a'), seen)
    .when(
      ({ input }) => input.n > 0,
      (branch) =>
        branch.step('b', named('b'), seen).when(
          ({ input }) => input.n > 1,
          (inner) => inner.step('c', named('c'), seen).step('d', named('d'), seen),
        ),
    )
    .step('e', named('e'), seen)
    .define();
  const withN = (n: number, ...events: Parameters<typeof tell> extends [unknown, ...infer E] ? E : never) =>
    example.tellFrom(definition, { ...example.start, input: { n } }, ...events);

  test.each([
    [0, ['a'], ['do a', 'do e']],
    [1, ['a', 'b'], ['do a', 'do b', 'do e']],
    [2, ['a', 'b', 'c', 'd'], ['do a', 'do b', 'do c', 'do d', 'do e']],
  ])('of which %d are taken asks for those alone, and goes on behind them', (n, answered, all) => {
    expect(withN(n, ...answered.map((name) => done(name))).all).toEqual(all);
  });

  test('shows what follows only the results that there are', () => {
    expect(withN(0, done('a')).raw).toMatchObject([{ payload: { seen: ['a'] } }]);
    expect(withN(1, done('a'), done('b')).raw).toMatchObject([{ payload: { seen: ['a', 'b'] } }]);
  });

  test('that was not taken is not undone', () => {
    const back = withN(1, done('a'), done('b'), refused('e'), undone('b'), undone('a'));
    expect(back.all.slice(3)).toEqual(['undo b', 'undo a', 'announce compensated']);
  });

  test('in a group leaves the other members alone, and two of them meet once', () => {
    const pair = begin()
      .parallel((group) =>
        group
          .chain((one) =>
            one.when(
              () => false,
              (no) => no.step('a', named('a'), seen),
            ),
          )
          .chain((two) =>
            two.when(
              () => false,
              (no) => no.step('b', named('b'), seen),
            ),
          )
          .step('c', named('c'), seen),
      )
      .step('d', named('d'), seen)
      .define();
    expect(tell(pair, done('c'), done('d')).all).toEqual(['do c', 'do d', 'announce completed']);
    const twice = begin()
      .when(
        () => false,
        (no) => no.step('a', named('a'), seen),
      )
      .when(
        () => false,
        (no) => no.step('b', named('b'), seen),
      )
      .step('c', named('c'), seen)
      .define();
    expect(tell(twice, done('c')).all).toEqual(['do c', 'announce completed']);
    const nobody = begin()
      .when(
        () => false,
        (no) => no.step('a', named('a'), seen),
      )
      .when(
        () => false,
        (no) => no,
      )
      .define();
    expect(tell(nobody).all).toEqual(['announce completed']);
  });
});

describe('a loop over data', () => {
  const pack = operationOf<{ sku: string }, { box: string }>('pack');
  const loop = (atOnce?: number) =>
    saga<{ skus: readonly string[] }>('loop', { version: 1 })
      .forEach(
        'pack',
        ({ input }) => input.skus,
        pack,
        (sku, index) => ({ sku: `${sku}${index}` }),
        {
          ...(atOnce !== undefined && { atOnce }),
          timeoutMs: 1_000,
          retry: { attemptsMax: 1 },
        },
      )
      .step('send', named('send'), ({ results }) => results.pack.map(({ box }) => box))
      .define();
  const skus = (...events: Parameters<typeof tell> extends [unknown, ...infer E] ? E : never) =>
    [{ ...example.start, input: { skus: ['x', 'y', 'z'] } }, ...events] as const;
  const packed = (index: number) =>
    example.replied(`pack#${index}`, 'action', succeeded({ box: `box-${index}` }));

  test('asks for one pass after the other, each with its own input, and gathers the outputs in order', () => {
    const [from, ...events] = skus(packed(0), packed(1), packed(2));
    const { all, raw } = example.tellFrom(loop(), from, ...events);
    expect(all).toEqual(['do pack#0', 'do pack#1', 'do pack#2', 'do send']);
    expect(raw).toMatchObject([{ payload: ['box-0', 'box-1', 'box-2'] }]);
  });

  test('runs as many passes at once as it may, and gathers in the order of the items', () => {
    const [from, ...events] = skus(packed(1), packed(2), packed(0));
    expect(example.tellFrom(loop(2), from).commands).toEqual(['do pack#0', 'do pack#1']);
    const { all, raw } = example.tellFrom(loop(2), from, ...events);
    expect(all).toEqual(['do pack#0', 'do pack#1', 'do pack#2', 'do send']);
    expect(raw).toMatchObject([{ payload: ['box-0', 'box-1', 'box-2'] }]);
  });

  test('S23: whose last pass is ambiguous undoes it first, then the others, each with its own input and output', () => {
    const back = ['pack#2', 'pack#1', 'pack#0'].map((id) => undone(id));
    const [from, ...events] = skus(packed(0), packed(1), passed(2_000), ...back);
    const { all } = example.tellFrom(loop(), from, ...events);
    expect(all.slice(3)).toEqual(['undo pack#2', 'undo pack#1', 'undo pack#0', 'announce compensated']);
    const payloads = [0, 1, 2].map((count) => {
      const told = example.tellFrom(loop(), from, ...events.slice(0, 3 + count));
      return told.raw.map((command) => 'payload' in command && command.payload);
    });
    expect(payloads).toEqual([
      [{ input: { sku: 'z2' }, outcome: 'unknown' }],
      [{ input: { sku: 'y1' }, outcome: 'succeeded', output: { box: 'box-1' } }],
      [{ input: { sku: 'x0' }, outcome: 'succeeded', output: { box: 'box-0' } }],
    ]);
  });

  test('over nothing is done at once', () => {
    const { all, raw } = example.tellFrom(loop(), { ...example.start, input: { skus: [] } });
    expect(all).toEqual(['do send']);
    expect(raw).toMatchObject([{ payload: [] }]);
  });

  test('that is refused begins no further pass', () => {
    const [from, ...events] = skus(refused('pack#0'), packed(1), undone('pack#1'));
    const { all } = example.tellFrom(loop(2), from, ...events);
    expect(all).toEqual(['do pack#0', 'do pack#1', 'undo pack#1', 'announce compensated']);
  });
});

describe('a local step', () => {
  const definition = begin()
    .local(
      'price',
      ({ input }) => ({ total: input.n * 2 }),
      ({ output }) => output?.total,
    )
    .step('charge', named('charge'), ({ results }) => results.price.total)
    .define();

  test('is run by the host, with the context as its payload; what it answered is its result', () => {
    const [command] = tell(definition).raw;
    expect(command).toEqual({
      type: 'run-local',
      step: 'price',
      timeoutMs: 10_000,
      branchId: 'price',
      operation: 'action',
      generation: 1,
      attempt: 1,
      payload: { input: example.start.input, results: {} },
    });
    const reply = example.replied('price', 'action', succeeded({ total: 6 }));
    expect(tell(definition, reply).raw).toMatchObject([{ type: 'send', branchId: 'charge', payload: 6 }]);
    expect(sagaProtocol(definition).participants).toEqual(['charge-service']);
  });

  test('runs the function that the command names, forth and back', () => {
    const protocol = sagaProtocol(definition);
    const command = { type: 'run-local', step: 'price', timeoutMs: 100 } as const;
    const asked = { ...command, branchId: 'price', generation: 1, attempt: 1 } as const;
    const forth = { ...asked, operation: 'action', payload: { input: { n: 4 }, results: {} } } as const;
    expect(protocol.runLocal?.(forth)).toEqual({ total: 8 });
    const undo = { input: {}, outcome: 'succeeded', output: { total: 8 } };
    expect(protocol.runLocal?.({ ...asked, operation: 'compensation', payload: undo })).toBe(8);
  });

  test('is undone like any other', () => {
    const reply = example.replied('price', 'action', succeeded({ total: 6 }));
    expect(tell(definition, reply, refused('charge')).raw).toMatchObject([
      {
        type: 'run-local',
        operation: 'compensation',
        payload: { outcome: 'succeeded', output: { total: 6 } },
      },
    ]);
  });
});

test('a step over HTTP says so in its command, and needs no topic', () => {
  const definition = begin()
    .step('call', { ...named('call'), transport: 'http' }, seen)
    .define();
  expect(tell(definition).raw).toMatchObject([
    { type: 'send', participant: 'call-service', transport: 'http' },
  ]);
  expect(sagaProtocol(definition).participants).toEqual([]);
});

test('a completed saga announces what it returns', () => {
  const definition = begin()
    .step('a', named('a'), seen)
    .returns(({ results }) => ({ got: results.a }))
    .define();
  expect(tell(definition, done('a')).raw).toEqual([
    { type: 'announce', outcome: 'completed', output: { got: 'a-output' } },
  ]);
});

test('the types run through every shape', () => {
  const price = operationOf<{ sku: string }, { total: number }>('price');
  // Compiled, never run: each refusal below is the compiler's.
  const neverRun = () => {
    const base = saga<{ skus: readonly string[] }>('typed', { version: 1 });
    base
      .when(
        ({ input }) => input.skus.length > 0,
        (branch) => branch.step('maybe', price, () => ({ sku: 'x' })),
      )
      // @ts-expect-error the branch may not have been taken
      .local('sum', ({ results }) => results.maybe.total);
    base
      .forEach(
        'each',
        ({ input }) => input.skus,
        price,
        (sku) => ({ sku }),
      )
      // @ts-expect-error a loop's result is a list
      .local('sum', ({ results }) => results.each.total);
    base.forEach(
      'each',
      ({ input }) => input.skus,
      price,
      (sku) => ({
        // @ts-expect-error an item is a string
        sku: sku.name,
      }),
    );
    base.parallel((group) =>
      group
        .step('a', price, () => ({ sku: 'x' }))
        // @ts-expect-error a sibling's result, which is not waited for
        .step('b', price, ({ results }) => ({ sku: String(results.a.total) }))
        .step('c', price, ({ results }) => ({ sku: String(results.a.total) }), { after: ['a'] }),
    );
    base
      .signal<{ name: string }, 'named', 'continue'>('named', { deadlineMs: 5, onDeadline: 'continue' })
      // @ts-expect-error nobody may have spoken
      .local('read', ({ results }) => results.named.name);
    const child = base.returns(() => ({ id: 'x' })).define();
    base
      // @ts-expect-error the child begins from another input
      .subSaga('child', child, () => ({ skus: 1 }));
    base
      .subSaga('child', child, ({ input }) => input)
      // @ts-expect-error the child returns no such field
      .local('read', ({ results }) => results.child.name);
  };
  expect(neverRun).toBeInstanceOf(Function);
});
