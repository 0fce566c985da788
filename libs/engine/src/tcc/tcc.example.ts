/**
 * TCC transactions sketched as data, for the specs of this folder. No part of the library's face.
 */
import type { BranchOptions } from '../round/round.branch.js';
import { tcc, type TccDefinition, type TccOperation } from './tcc.definition.js';

export interface SketchedBranch extends BranchOptions {
  readonly name: string;
}

/** A definition from data. A try's input tells its name; the details of its confirm tell whose results it was shown.
 *  `closing` names the branch that tells of the end. */
export function sketch(branches: readonly SketchedBranch[], closing?: SketchedBranch): TccDefinition {
  let told = tcc<unknown>('sketch', { version: 1 });
  for (const { name, ...options } of branches) {
    told = told.branch(name, operationOf(name), () => ({ of: name }), {
      ...options,
      confirm: ({ results }) => ({ seen: Object.keys(results).toSorted() }),
    });
  }
  if (closing === undefined) return told.define();
  const { name, ...options } = closing;
  return told.onCancelled(name, operationOf(name), ({ reason }) => ({ of: name, reason }), options).define();
}

export function operationOf(name: string): TccOperation {
  return {
    participant: `${name}-service`,
    action: `${name}.hold`,
    confirm: `${name}.keep`,
    compensation: `${name}.let-go`,
    effect: 'local',
  };
}
