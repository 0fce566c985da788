/**
 * Which schedules are tried, in which order: the plain courses of the saga, then one fault at each point of each course, then
 * pairs. Pure; what a run has shown decides what is tried behind it.
 */
import type { SagaDefinition } from '@sagamore/engine';
import { movesAt, type Schedule } from './move.js';
import type { Played } from './stage.js';

/** The ways a saga can go when nothing fails: everybody says yes, or one of those who may say no says it. */
export function coursesOf(definition: SagaDefinition): readonly Schedule[] {
  return [[], ...refusable(definition, '').map((step): Schedule => [{ kind: 'no', step }])];
}

/** What must be repeated until done cannot be refused, and a function of the host is not asked over any wire. */
function refusable({ steps }: SagaDefinition, prefix: string): readonly string[] {
  return steps.flatMap(({ name, via, retriable }) => {
    if (via.type === 'child') return refusable(via.definition, `${via.definition.name}/`);
    return via.type === 'participant' && !retriable ? [prefix + name] : [];
  });
}

/** The schedules of one fault more than a run had: one for each thing that can go wrong behind its last. */
export function behind({ schedule, chances, lastStruck }: Played): readonly Schedule[] {
  return chances
    .slice(lastStruck + 1)
    .flatMap((chance) => movesAt(chance).map((move) => [...schedule, move]));
}

/** The schedules of one fault: anywhere in a course, also before its no. */
export function within({ schedule, chances }: Played): readonly Schedule[] {
  return chances.flatMap((chance) => movesAt(chance).map((move) => [...schedule, move]));
}

/** At most `most` of them, evenly from the first to the last. */
export function sample<Item>(items: readonly Item[], most: number): readonly Item[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, index) => items[Math.floor((index * items.length) / most)]!);
}

/** Keeps some of many, evenly, without ever holding more than twice as many as are wanted: a long saga has more schedules of
 *  two faults than fit into memory. The same ones every time. */
export class Thinned<Item> {
  private items: Item[] = [];
  private stride = 1;
  private seen = 0;

  constructor(private readonly most: number) {}

  /** How many were put in. */
  get of(): number {
    return this.seen;
  }

  put(items: readonly Item[]): void {
    for (const item of items) {
      if (this.seen++ % this.stride === 0 && this.most > 0) this.items.push(item);
      if (this.items.length <= 2 * this.most) continue;
      this.items = this.items.filter((_, index) => index % 2 === 0);
      this.stride *= 2;
    }
  }

  /** At most `most` of them, evenly from the first to the last. */
  chosen(): readonly Item[] {
    return sample(this.items, this.most);
  }
}

/** Schedules that are smaller than a failing one, the smallest first: without one of its moves, or with a plainer one. The
 *  one without any move is not among them: it was played first of all. */
export function smallerThan(schedule: Schedule): readonly Schedule[] {
  const without = schedule.length > 1 ? schedule.map((_, index) => schedule.toSpliced(index, 1)) : [];
  const plainer = schedule.flatMap((move, index) => {
    if (move.kind !== 'silence') return [];
    return (['repeat', 'delay'] as const).map((kind) =>
      schedule.with(
        index,
        kind === 'repeat'
          ? { kind, message: move.message, when: 'at-the-end' }
          : { kind, message: move.message },
      ),
    );
  });
  return [...without, ...plainer];
}
