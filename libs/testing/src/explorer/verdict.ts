/**
 * Judges a run by its end alone: done or not done, never half. What "done" looks like a run without faults has shown; what
 * "not done" looks like are the books before the saga began.
 */
import { differences } from './differences.js';
import type { Exploration } from './exploration.js';
import type { Played } from './stage.js';

/** What the ends of a saga are compared with. */
export interface Measure {
  /** Absent where the saga without faults did not complete: then nothing shows what done looks like. */
  readonly done?: unknown;
  readonly undone: unknown;
}

/** The measure that a run without faults gives. */
export function measureOf({ status, books, before }: Played, exploration: Exploration): Measure {
  const undone = structuredClone(exploration.cast().undone?.(structuredClone(before)) ?? before);
  return status === 'completed' ? { done: books, undone } : { undone };
}

/** What is wrong with a run, in sentences. Empty: it ended well. */
export function findingsIn(played: Played, measure: Measure): readonly string[] {
  return [...played.problems, ...repeats(played), ...restOf(played), ...endOf(played, measure)];
}

function repeats({ effects }: Played): readonly string[] {
  const twice = effects.filter((name, index) => effects.indexOf(name) !== index);
  return [...new Set(twice)].map((name) => `${name} took effect more than once`);
}

function restOf({ isAtRest, status, reason }: Played): readonly string[] {
  if (!isAtRest) return [`the saga does not come to rest: it stands as ${status}`];
  if (status === 'completed' || status === 'compensated') return [];
  const why = reason === undefined ? '' : ` (${[reason.kind, reason.branchId].filter(Boolean).join(' at ')})`;
  return [`the saga ends ${status}${why}, although everything works again and a person let it go on`];
}

function endOf({ status, books }: Played, measure: Measure): readonly string[] {
  if (status === 'completed' && 'done' in measure)
    return differences(measure.done, books).map((line) => `it completed, but ${line}`);
  if (status === 'compensated')
    return differences(measure.undone, books).map((line) => `everything was undone, but ${line}`);
  return [];
}
