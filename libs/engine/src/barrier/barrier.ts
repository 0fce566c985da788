/**
 * The participant barrier as a pure decision: given every row of a branch, what does a command for it deserve?
 * It makes duplicate, empty and late calls safe (sub-transaction barrier of DTM, TCC fence of Seata).
 * The rows live in the participant's own transaction; this file never sees them being read or written.
 */
import type { Half, Reply } from '../operation.js';

/** One row of a branch. `claimed` stands for a call to the outside whose outcome is not recorded yet (R7). */
export interface BarrierRow {
  readonly operation: Half;
  /** Raised by an operator's retry alone; effects stay unique per branch across generations (R4). */
  readonly generation: number;
  readonly outcome: 'succeeded' | 'refused' | 'empty' | 'planted' | 'claimed';
  /** What was answered, so that a duplicate gets the same answer. Absent for `planted` and `claimed`. */
  readonly reply?: Reply;
  /** Only for `claimed`: whether the claim still runs. */
  readonly claimIsLive?: boolean;
}

/** `run` the handler · `duplicate` repeats the saved reply · `empty` answers done without doing and plants the row of
 *  what it undoes · `late` refuses · `in-progress` says come back. */
export type Verdict = 'run' | 'duplicate' | 'empty' | 'late' | 'in-progress';

export interface Asked {
  readonly operation: Half;
  readonly generation: number;
}

/** `found` holds every row of this branch, of all halves and generations, in any order (R3). */
export function judge(asked: Asked, found: readonly BarrierRow[]): Verdict {
  const own = answerTo(asked, found);
  if (own !== undefined) return verdictOnOwn(own);
  if (asked.operation === 'action') return isOvertaken(asked, found) ? 'late' : 'run';
  return verdictOnUndo(found);
}

/** An undo of any kind closes the branch: an action that comes after it takes no effect, whatever its generation (I14).
 *  And once a later generation was refused, the transaction may have turned around on that word, so what is left of an
 *  earlier one must not take effect any more. */
function isOvertaken({ generation }: Asked, found: readonly BarrierRow[]): boolean {
  return found.some((row) => row.operation === 'compensation' || row.generation > generation);
}

/** The row that answers `asked`, if there is one: the one whose reply a `duplicate` repeats. An effect is unique per
 *  branch whatever the generation, so a row that took effect answers every generation, and before any other; a refused
 *  row answers only the generation that was refused (R4). */
export function answerTo(asked: Asked, found: readonly BarrierRow[]): BarrierRow | undefined {
  const own = found.filter((row) => row.operation === asked.operation);
  return (
    own.find((row) => row.outcome !== 'refused' && row.outcome !== 'claimed') ??
    own.find((row) => row.outcome === 'claimed' && row.claimIsLive === true) ??
    own.find((row) => row.outcome === 'claimed') ??
    own.find((row) => row.outcome === 'refused' && row.generation === asked.generation)
  );
}

function verdictOnOwn(own: BarrierRow): Verdict {
  switch (own.outcome) {
    case 'claimed':
      // A claim that ran out is claimed again and called with the same provider key (R7).
      return own.claimIsLive === true ? 'in-progress' : 'run';
    case 'planted':
      return 'late';
    case 'succeeded':
    case 'refused':
    case 'empty':
      return 'duplicate';
  }
}

/** There is something to undo if any generation of the action took effect, or may have: an expired claim may have
 *  reached the outside, so its undo runs, by key (R8, S7). A live claim must end first. */
function verdictOnUndo(found: readonly BarrierRow[]): Verdict {
  const actions = found.filter((row) => row.operation === 'action');
  if (actions.some((row) => row.outcome === 'claimed' && row.claimIsLive === true)) return 'in-progress';
  return actions.some((row) => row.outcome === 'succeeded' || row.outcome === 'claimed') ? 'run' : 'empty';
}
