/**
 * Sagas drawn as trees of shapes, for the specs that must hold for every one: the saga told from a tree, and what is
 * promised of it, read from the same tree alone. No part of the library's face; it knows nothing of nodes or states.
 */
import fc from 'fast-check';
import type { LockPolicy } from '../locks/lock.js';
import { saga, type SagaBuilder, type SagaDefinition, type SagaOptions } from './saga.definition.js';
import { operationOf } from './saga.example.js';

/** What is drawn. `group`: members side by side; `order`: for each step, the numbers of those it comes after. */
export type Shape =
  | { readonly kind: 'step'; readonly probed: boolean; readonly local: boolean }
  | { readonly kind: 'wait' }
  | { readonly kind: 'lock'; readonly policy: LockPolicy }
  | { readonly kind: 'loop'; readonly passes: number; readonly atOnce: number }
  | { readonly kind: 'when'; readonly taken: boolean; readonly inner: readonly Shape[] }
  | { readonly kind: 'group'; readonly members: readonly (readonly Shape[])[] }
  | { readonly kind: 'order'; readonly after: readonly (readonly number[])[] }
  | { readonly kind: 'child'; readonly inner: readonly Shape[] };

/** Small trees, two levels deep at most. */
export const { shapes } = fc.letrec<{ shapes: readonly Shape[]; shape: Shape }>((tie) => ({
  shapes: fc.array(tie('shape'), { minLength: 1, maxLength: 3, depthIdentifier: 'saga' }),
  shape: fc.oneof(
    { depthIdentifier: 'saga', maxDepth: 2, withCrossShrink: true },
    fc.record({ kind: fc.constant('step' as const), probed: fc.boolean(), local: fc.boolean() }),
    fc.record({ kind: fc.constant('wait' as const) }),
    fc.record({
      kind: fc.constant('lock' as const),
      policy: fc.constantFrom<LockPolicy[]>('wait', 'fail', 'commutative', 'reread'),
    }),
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

/** What a drawn saga says about itself as a whole. */
export const options = fc.record({
  version: fc.constant(1),
  onRefusal: fc.constantFrom('await' as const, 'undo-at-once' as const),
  onUndoFailure: fc.constantFrom('stop' as const, 'continue' as const),
  parallelUndo: fc.boolean(),
  deadlineMs: fc.constantFrom(Infinity, Infinity, 2_000),
});

/** What is promised of a saga, read from its tree. */
export interface Promised {
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
export class Teller {
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
      case 'lock': {
        const { policy } = shape;
        return [told.lock(this.name('k'), () => 'a-key', { policy, deadlineMs: 60 }), nothing];
      }
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
