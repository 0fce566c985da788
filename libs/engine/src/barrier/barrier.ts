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

/** `found` holds every row of this branch, of all halves and generations (R3). */
export function judge(asked: Asked, found: readonly BarrierRow[]): Verdict {
  const own = found.find((row) => row.operation === asked.operation && isAnswer(row, asked));
  if (own !== undefined) return verdictOnOwn(own);
  if (asked.operation === 'action') return 'run';
  const action = found.find((row) => row.operation === 'action');
  if (action === undefined || action.outcome === 'refused' || action.outcome === 'planted') return 'empty';
  return action.outcome === 'claimed' && action.claimIsLive === true ? 'in-progress' : 'run';
}

/** An effect is unique per branch whatever the generation (R4), so a row that took effect answers every generation;
 *  a refused row answers only the generation that was refused. */
function isAnswer(row: BarrierRow, asked: Asked): boolean {
  return row.outcome !== 'refused' || row.generation === asked.generation;
}

function verdictOnOwn(own: BarrierRow): Verdict {
  switch (own.outcome) {
    case 'claimed':
      return 'in-progress';
    case 'planted':
      return 'late';
    case 'succeeded':
    case 'refused':
    case 'empty':
      return 'duplicate';
  }
}
