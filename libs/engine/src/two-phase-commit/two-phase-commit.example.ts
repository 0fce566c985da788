/**
 * Two-phase commits sketched as data, for the specs of this folder. No part of the library's face.
 */
import type { Operation } from '../operation.js';
import type { BranchOptions } from '../round/round.branch.js';
import { twoPhaseCommit, type TwoPhaseCommitDefinition } from './two-phase-commit.definition.js';

/** `external`: settled by handlers of its own, as a call to the outside must be. Default false. */
export interface SketchedBranch extends BranchOptions {
  readonly name: string;
  readonly external?: boolean;
}

/** A definition from data; a prepare's input tells its name. `closing` names the branch that tells of an abort. */
export function sketch(
  branches: readonly SketchedBranch[],
  closing?: SketchedBranch,
): TwoPhaseCommitDefinition {
  let told = twoPhaseCommit<unknown>('sketch', { version: 1 });
  for (const { name, external = false, ...options } of branches) {
    told = told.participant(name, operationOf(name, external), () => ({ of: name }), options);
  }
  if (closing === undefined) return told.define();
  const { name, external: _, ...options } = closing;
  return told
    .onAborted(name, operationOf(name, false), ({ reason }) => ({ of: name, reason }), options)
    .define();
}

export function operationOf(name: string, external: boolean): Operation {
  const local = { participant: `${name}-service`, action: `${name}.do`, effect: 'local' } as const;
  return external
    ? { ...local, effect: 'external', confirm: `${name}.take`, compensation: `${name}.let-go` }
    : local;
}
