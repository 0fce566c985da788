/**
 * Goal: whatever a saga's shape and whatever goes wrong, what really happened in the end is what was promised.
 * Method: fast-check draws a tree of shapes and a seed of accidents; the saga told from the tree runs in an unkind world
 * of real effects, which then heals. The reference reads the tree alone: which branches a completed saga has done, and
 * which of them comes before which. A failure prints its seed and shrinks to the smallest tree.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { saga, type SagaBuilder, type SagaDefinition, type SagaOptions } from './saga.definition.js';
import { operationOf } from './saga.example.js';
import { World } from './saga.world.example.js';

const numRuns = 2_000;

/** What is drawn. `group`: members side by side; `order`: for each step, the numbers of those it comes after. */
type Shape =
  | { readonly kind: 'step'; readonly probed: boolean; readonly local: boolean }
  | { readonly kind: 'wait' }
  | { readonly kind: 'loop'; readonly passes: number; readonly atOnce: number }
  | { readonly kind: 'when'; readonly taken: boolean; readonly inner: readonly Shape[] }
  | { readonly kind: 'group'; readonly members: readonly (readonly Shape[])[] }
  | { readonly kind: 'order'; readonly after: readonly (readonly number[])[] }
  | { readonly kind: 'child'; readonly inner: readonly Shape[] };

const { shapes } = fc.letrec<{ shapes: readonly Shape[]; shape: Shape }>((tie) => ({
  shapes: fc.array(tie('shape'), { minLength: 1, maxLength: 3, depthIdentifier: 'saga' }),
  shape: fc.oneof(
    { depthIdentifier: 'saga', maxDepth: 2, withCrossShrink: true },
    fc.record({ kind: fc.constant('step' as const), probed: fc.boolean(), local: fc.boolean() }),
    fc.record({ kind: fc.constant('wait' as const) }),
    fc.record({
      kind: fc.constant('loop' as const),
      passes: fc.nat({ max: 3 }),
      atOnce: fc.integer({ min: 1, max: 2 }),
    }),
    fc.record({
      kind: fc.constant('order' as const),
      after: fc
        .array(fc.array(fc.nat({ max: 3 }), { maxLength: 2 }), { minLength: 2, maxLength: 4 })
        .map((drawn) => drawn.map((after, index) => after.filter((earlier) => earlier < index))),
    }),
    fc.record({ kind: fc.constant('when' as const), taken: fc.boolean(), inner: tie('shapes') }),
    fc.record({
      kind: fc.constant('group' as const),
      members: fc.array(tie('shapes'), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('child' as const), inner: tie('shapes') }),
  ),
}));

const options = fc.record({
  version: fc.constant(1),
  onRefusal: fc.constantFrom('await' as const, 'undo-at-once' as const),
  onUndoFailure: fc.constantFrom('stop' as const, 'continue' as const),
  parallelUndo: fc.boolean(),
  deadlineMs: fc.constantFrom(Infinity, Infinity, 2_000),
});

/** What is promised of a saga, read from its tree. */
interface Promised {
  /** Every branch that a completed saga has done. */
  readonly branches: readonly string[];
  /** Pairs: the first is done before the second is asked for. */
  readonly order: readonly (readonly [string, string])[];
  /** What is promised of each child, by its branch. */
  readonly children: ReadonlyMap<string, Promised>;
}

const nothing: Promised = { branches: [], order: [], children: new Map() };

function all(parts: readonly Promised[]): Promised {
  return {
    branches: parts.flatMap(({ branches }) => branches),
    order: parts.flatMap(({ order }) => order),
    children: new Map(parts.flatMap(({ children }) => [...children])),
  };
}

function inSequence(parts: readonly Promised[]): Promised {
  const joined = all(parts);
  const between = parts.flatMap(({ branches }, index) =>
    parts
      .slice(index + 1)
      .flatMap((later) => branches.flatMap((a) => later.branches.map((b) => [a, b] as const))),
  );
  return { ...joined, order: [...joined.order, ...between] };
}

type Telling = SagaBuilder<unknown, object>;
const patience = {
  timeoutMs: 100,
  inProgressPollMs: 10,
  retry: { attemptsMax: 2 },
  undoRetry: { attemptsMax: 2 },
};
const payload = () => 1;

/** Tells a tree as a saga, and reads from the same tree what is promised of it. */
class Teller {
  private count = 0;

  constructor(private readonly policy: SagaOptions) {}

  name(word: string): string {
    return `${word}-${this.count++}`;
  }

  tellAll(told: Telling, drawn: readonly Shape[]): readonly [Telling, Promised] {
    const parts: Promised[] = [];
    let last = told;
    for (const shape of drawn) {
      const [next, promised] = this.tell(last, shape);
      last = next;
      parts.push(promised);
    }
    return [last, inSequence(parts)];
  }

  private tell(told: Telling, shape: Shape): readonly [Telling, Promised] {
    switch (shape.kind) {
      case 'step': {
        const name = this.name('s');
        if (shape.local)
          return [told.local(name, payload, payload, patience), { ...nothing, branches: [name] }];
        const onUnknown = shape.probed ? 'probe' : 'compensate';
        return [
          told.step(name, operationOf(name), payload, { ...patience, onUnknown }),
          { ...nothing, branches: [name] },
        ];
      }
      case 'wait':
        return [told.wait(this.name('w'), 50), nothing];
      case 'loop':
        return this.tellLoop(told, shape);
      case 'when':
        return this.tellWhen(told, shape);
      case 'group':
        return this.tellGroup(told, shape);
      case 'order':
        return this.tellOrder(told, shape);
      case 'child':
        return this.tellChild(told, shape);
    }
  }

  private tellLoop(
    told: Telling,
    { passes, atOnce }: Shape & { readonly kind: 'loop' },
  ): readonly [Telling, Promised] {
    const name = this.name('l');
    const items = () => Array.from({ length: passes }, (_, index) => index);
    const parts = items().map((index) => ({ ...nothing, branches: [`${name}#${index}`] }));
    const promised = atOnce === 1 ? inSequence(parts) : all(parts);
    return [told.forEach(name, items, operationOf(name), (item) => item, { ...patience, atOnce }), promised];
  }

  private tellWhen(
    told: Telling,
    { taken, inner }: Shape & { readonly kind: 'when' },
  ): readonly [Telling, Promised] {
    let promised = nothing;
    const next = told.when(
      () => taken,
      (branch) => {
        const [end, of] = this.tellAll(branch, inner);
        if (taken) promised = of;
        return end;
      },
    );
    return [next, promised];
  }

  private tellGroup(
    told: Telling,
    { members }: Shape & { readonly kind: 'group' },
  ): readonly [Telling, Promised] {
    const parts: Promised[] = [];
    const next = told.parallel((group) => {
      let last = group;
      for (const member of members)
        last = last.chain((sequence) => {
          const [end, promised] = this.tellAll(sequence, member);
          parts.push(promised);
          return end;
        });
      return last;
    });
    return [next, all(parts)];
  }

  private tellOrder(
    told: Telling,
    { after }: Shape & { readonly kind: 'order' },
  ): readonly [Telling, Promised] {
    const names = after.map(() => this.name('o'));
    const before = after.map((numbers) => [...new Set(numbers)].map((number) => names[number]!));
    const next = told.parallel((group) => {
      let last = group;
      for (const [index, name] of names.entries()) {
        // The names are drawn, so the compiler cannot know them; the builder checks them when it runs.
        const named = { ...patience, after: before[index]! as never[] };
        last = last.step(name, operationOf(name), payload, named);
      }
      return last;
    });
    const order = names.flatMap((name, index) => before[index]!.map((earlier) => [earlier, name] as const));
    return [next, { ...nothing, branches: names, order }];
  }

  private tellChild(
    told: Telling,
    { inner }: Shape & { readonly kind: 'child' },
  ): readonly [Telling, Promised] {
    const name = this.name('c');
    const [definition, promised] = new Teller(this.policy).define(`child-${name}`, inner);
    const next = told.subSaga(name, definition, payload, patience);
    return [next, { ...nothing, branches: [name], children: new Map([[name, promised]]) }];
  }

  /** `tail`: how many steps stand from the pivot on, the pivot included. */
  define(name: string, drawn: readonly Shape[], tail = 0): readonly [SagaDefinition, Promised] {
    let [told, promised] = this.tellAll(saga<unknown>(name, this.policy), drawn);
    for (let index = 0; index < tail; index++) {
      const step = index === 0 ? 'pivot' : this.name('t');
      const how = index === 0 ? { pivot: true, onUnknown: 'probe' as const } : { retriable: true };
      told = told.step(step, operationOf(step, false), payload, { ...patience, ...how });
      promised = inSequence([promised, { ...nothing, branches: [step] }]);
    }
    return [told.define(), promised];
  }
}

interface Story {
  readonly world: World;
  readonly promised: Promised;
  readonly isOver: boolean;
  readonly policy: SagaOptions;
}

function live(drawn: readonly Shape[], policy: SagaOptions, tail: number, seed: number): Story {
  const [definition, promised] = new Teller(policy).define('drawn', drawn, tail);
  const world = new World(seed);
  world.begin('tx', definition);
  world.rage(60);
  return { world, promised, isOver: world.heal(3_000), policy };
}

function forEveryStory(check: (story: Story) => void, runs = numRuns, seed?: number): void {
  const story = fc.tuple(shapes, options, fc.nat({ max: 3 }), fc.integer());
  fc.assert(
    fc.property(story, ([drawn, policy, tail, luck]) => check(live(drawn, policy, tail, luck))),
    { numRuns: runs, ...(seed !== undefined && { seed }) },
  );
}

const statusOf = ({ world }: Story, tx = 'tx') => world.runs.get(tx)?.state.status;

describe('for every shape of a saga and every accident', () => {
  test('it comes to an end once the world heals, and what stands is what the end says, children included', () => {
    forEveryStory((story) => {
      expect(story.isOver).toBe(true);
      checkEffects(story, 'tx', story.promised);
    });
  });

  test('the stories drawn here reach both ends, with all kinds of branches, or this would prove little', () => {
    const reached = new Set<string>();
    forEveryStory(
      (story) => {
        reached.add(statusOf(story) ?? 'none');
        for (const { what, half, branchId } of story.world.deeds)
          reached.add(`${what} ${half} ${branchId[0]}`);
        for (const { events } of story.world.runs.values()) for (const { type } of events) reached.add(type);
      },
      500,
      1,
    );
    const halves = ['s', 'l', 'o'].flatMap((k) => [`effect action ${k}`, `undone compensation ${k}`]);
    const events = ['probed', 'parent-asked', 'cancel-requested', 'operator-paused', 'operator-resumed'];
    expect([...reached]).toEqual(
      expect.arrayContaining([
        'completed',
        'compensated',
        ...halves,
        ...events,
        'ask compensation c',
        'effect action p',
      ]),
    );
  });

  test('I12, I13: each branch takes effect at most once and is undone at most once', () => {
    forEveryStory(({ world }) => {
      const effects = world.deeds.filter(({ what }) => what !== 'ask');
      const keys = effects.map(({ what, tx, branchId }) => `${what} ${tx} ${branchId}`);
      expect(keys).toEqual([...new Set(keys)]);
    });
  });

  test('I16, S13, S15: nothing is asked for before what it stands behind is done, nor undone before what stands behind it', () => {
    forEveryStory((story) => checkOrder(story, 'tx', story.promised));
  });

  test('I13, S14: no action is asked for once an undo of the same saga was', () => {
    forEveryStory(({ world }) => {
      for (const tx of world.runs.keys()) {
        const asked = world.deeds.filter((deed) => deed.tx === tx && deed.what === 'ask');
        const firstUndo = asked.findIndex(({ half }) => half === 'compensation');
        const later = firstUndo < 0 ? [] : asked.slice(firstUndo).filter(({ half }) => half === 'action');
        expect(later).toEqual([]);
      }
    });
  });
});

/** I15: a completed saga has done all that its tree promises, once and for all; a compensated one, nothing. */
function checkEffects(story: Story, tx: string, promised: Promised): void {
  const status = statusOf(story, tx);
  const standing = story.world.standing(tx).toSorted();
  const isChild = (branch: string) => promised.children.has(branch);
  if (status === 'completed') {
    expect(standing).toEqual(promised.branches.filter((branch) => !isChild(branch)).toSorted());
    for (const branch of promised.children.keys())
      expect(statusOf(story, `${tx}/${branch}`)).toBe('completed');
  } else {
    expect([status, standing]).toEqual(['compensated', []]);
    for (const branch of promised.children.keys())
      expect([undefined, 'compensated']).toContain(statusOf(story, `${tx}/${branch}`));
  }
  for (const [branch, of] of promised.children)
    if (story.world.runs.has(`${tx}/${branch}`)) checkEffects(story, `${tx}/${branch}`, of);
}

function checkOrder(story: Story, tx: string, promised: Promised): void {
  const { deeds } = story.world;
  const at = (what: string, branchId: string, half: string) =>
    deeds.findIndex(
      (deed) => deed.what === what && deed.tx === tx && deed.branchId === branchId && deed.half === half,
    );
  for (const [before, behind] of promised.order) {
    if (promised.children.has(before) || promised.children.has(behind)) continue;
    const asked = at('ask', behind, 'action');
    if (asked >= 0) expect(at('effect', before, 'action')).toBeLessThan(asked);
    if (asked >= 0) expect(at('effect', before, 'action')).toBeGreaterThanOrEqual(0);
    const undo = at('ask', before, 'compensation');
    if (undo < 0 || at('ask', behind, 'compensation') < 0 || story.policy.onUndoFailure === 'continue')
      continue;
    expect(at('undone', behind, 'compensation')).toBeLessThan(undo);
  }
  for (const [branch, of] of promised.children) checkOrder(story, `${tx}/${branch}`, of);
}
