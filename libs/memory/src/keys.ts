/**
 * How branches and their rows are named in the in-process tables. What stands before `#` is the branch,
 * so that a branch's rows are found together, whatever their half and generation.
 */
import type { Half } from '@sagamore/engine';
import type { BranchKey } from '@sagamore/runtime';

/** Both stores of the branches know both tables: an intent keeps its branch's seat in the barrier. */
export const intentTable = 'intent';
export const barrierTable = 'barrier';
/** Has locks, and never a row. */
export const heldTable = 'held-branch';

/** The name of a branch. */
export function branchOf({ transactionId, branchId }: BranchKey): string {
  return `${transactionId}/${branchId}`.replaceAll('#', '%23');
}

/** The name of one row of a branch. */
export function rowKeyOf(row: BranchKey & { readonly operation: Half; readonly generation: number }): string {
  return `${branchOf(row)}#${row.operation}/${row.generation}`;
}
