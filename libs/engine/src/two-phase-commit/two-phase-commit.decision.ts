/**
 * What a participant in doubt is told, and what it may conclude from what it finds in its own database.
 * Presumed abort: where nothing is known of a transaction it was aborted, because no commit was ever sent for it.
 * A participant never decides alone (S69); these functions only say what has been decided.
 */
import type { Asked, BarrierRow, Verdict } from '../barrier/barrier.js';
import type { Undo } from '../operation.js';
import { ask, commandOf } from '../round/round.lane.js';
import type { BranchId, SendCommand } from '../transaction.js';
import type { TwoPhaseCommitDefinition } from './two-phase-commit.definition.js';
import type { TwoPhaseCommitState } from './two-phase-commit.state.js';

/** The word for one who is in doubt. `not-yet`: ask again later, and keep what is prepared. */
export type Word = 'commit' | 'abort' | 'not-yet';

/** The decision on a transaction, `undefined` standing for one of which nothing is stored. */
export function decisionOf(state: TwoPhaseCommitState | undefined): Word {
  switch (state?.status) {
    case 'preparing':
      return 'not-yet';
    case 'committing':
      // A participant alone decides for itself; nothing of it is ever in doubt.
      return state.alone ? 'not-yet' : 'commit';
    case 'committed':
      return 'commit';
    case 'parked':
      return decisionOf(state.suspended);
    case 'aborting':
    case 'aborted':
    case undefined:
      return 'abort';
  }
}

/** The rollback for a branch of a transaction of which no more is known than that it was not committed. Undefined where
 *  the definition has no such branch. */
export function presumedAbort(
  definition: TwoPhaseCommitDefinition,
  branchId: BranchId,
): SendCommand | undefined {
  const branch = definition.branches.find(({ name }) => name === branchId);
  if (branch === undefined) return undefined;
  const payload: Undo = { input: null, outcome: 'unknown' };
  return commandOf(ask({ branch, half: 'rollback', payload, policy: branch.settleRetry }, 0));
}

export interface AskedOfPrepared extends Asked {
  readonly operation: 'prepare' | 'commit' | 'rollback';
}

/** The barrier's verdict where the database itself holds what was prepared. Its row travels inside the prepared
 *  transaction and is seen only once that is committed, so what is prepared is looked up first, by its gid (R19).
 *  For a prepare, `duplicate`: vote again as before. For a settlement, `run`: settle it now; `duplicate`: it was so
 *  settled; `empty`: there was nothing, plant the seat; `late`: it was settled otherwise, or lost, and is no success. */
export function judgePrepared(
  asked: AskedOfPrepared,
  { isPrepared, found }: { readonly isPrepared: boolean; readonly found: readonly BarrierRow[] },
): Verdict {
  const wasCommitted = found.some((row) => row.operation === 'prepare' && row.outcome === 'succeeded');
  switch (asked.operation) {
    case 'commit':
      if (isPrepared) return 'run';
      return wasCommitted ? 'duplicate' : 'late';
    case 'rollback':
      if (isPrepared) return 'run';
      if (wasCommitted) return 'late';
      return found.some((row) => row.operation === 'rollback') ? 'duplicate' : 'empty';
    case 'prepare':
      return isPrepared || wasCommitted ? 'duplicate' : judgeVote(asked.generation, found);
  }
}

/** A vote of no is a row of its own, committed BEFORE it is told: a slower repeat of the same prepare then finds the key
 *  taken, so nobody is left prepared who is not asked any more. */
function judgeVote(generation: number, found: readonly BarrierRow[]): Verdict {
  const own = found.filter((row) => row.operation === 'prepare');
  if (own.some((row) => row.outcome === 'refused' && row.generation >= generation)) return 'duplicate';
  return own.some((row) => row.outcome === 'planted') || found.some((row) => row.operation === 'rollback')
    ? 'late'
    : 'run';
}
