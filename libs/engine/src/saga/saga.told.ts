/**
 * A saga half told, as the language keeps it: the nodes so far, and after which of them the next one comes.
 * It only numbers and connects; what a node does, and whether the whole is sound, is decided elsewhere.
 */
import assert from 'node:assert/strict';
import type { AnyContext, ClosingStep, Draft, SagaPolicy, Work } from './saga.plan.js';

/** Immutable. */
export interface Told {
  readonly name: string;
  readonly version: number;
  readonly policy: SagaPolicy;
  readonly drafts: readonly Draft[];
  /** The nodes that whatever is told next comes after. */
  readonly frontier: readonly number[];
  /** The decision that whatever is told next hangs on. */
  readonly gate: number | undefined;
  /** Set while the members of a parallel group are told: those so far by name, and where each of them ends. */
  readonly group?: { readonly members: ReadonlyMap<string, number>; readonly ends: readonly number[] };
  readonly onCompensated?: ClosingStep;
  returns?(context: AnyContext): unknown;
}

/** The beginning of every saga. */
export const nothingTold = { drafts: [], frontier: [], gate: undefined } as const;

/** Adds a node. In a sequence the next one comes after it; in a group it comes after the named members, or first. */
export function addWork(told: Told, name: string, work: Work, after: readonly string[] = []): Told {
  const { drafts, gate, group } = told;
  const index = drafts.length;
  if (group === undefined) {
    const draft: Draft = { ...work, index, name, after: told.frontier, gate };
    return { ...told, drafts: [...drafts, draft], frontier: [index] };
  }
  const named = after.map((member) => indexOf(told, member));
  const draft: Draft = { ...work, index, name, after: named.length > 0 ? named : told.frontier, gate };
  const members = new Map([...group.members, [name, index]]);
  return { ...told, drafts: [...drafts, draft], group: { members, ends: [...group.ends, index] } };
}

function indexOf({ name, group }: Told, member: string): number {
  const index = group?.members.get(member);
  assert(index !== undefined, `${name}: no step "${member}" stands before, in the same group`);
  return index;
}

/** What is told next hangs on the decision that was told last. */
export function within(told: Told): Told {
  return { ...told, gate: told.drafts.length - 1 };
}

/** What is told next are the members of a group. */
export function beside(told: Told): Told {
  return { ...told, group: { members: new Map(), ends: [] } };
}

/** The group is told; what follows comes after every one of its members. */
export function joined({ told }: { readonly told: Told }): Told {
  const { group, ...rest } = told;
  const ends = group?.ends ?? [];
  return ends.length === 0 ? rest : { ...rest, frontier: ends };
}
