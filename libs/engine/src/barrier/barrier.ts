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

/** `run` the handler · `duplicate` repeats the saved reply · `empty` answers done without doing and plants a row of
 *  what it undoes (`seatsTakenBy`) · `late` refuses · `in-progress` says come back. */
export type Verdict = 'run' | 'duplicate' | 'empty' | 'late' | 'in-progress';

export interface Asked {
  readonly operation: Half;
  readonly generation: number;
}

/** The halves of one protocol by the part they play in a branch. */
interface Family {
  readonly does: Half;
  /** Makes final what was only held. A saga has none: what it does is final until it is undone. */
  readonly keeps?: Half;
  readonly undoes: Half;
}

const saga: Family = { does: 'action', undoes: 'compensation' };
const tcc: Family = { does: 'try', keeps: 'confirm', undoes: 'cancel' };
const twoPhaseCommit: Family = { does: 'prepare', keeps: 'commit', undoes: 'rollback' };

const familyOf: Readonly<Record<Half, Family>> = {
  action: saga,
  compensation: saga,
  try: tcc,
  confirm: tcc,
  cancel: tcc,
  prepare: twoPhaseCommit,
  commit: twoPhaseCommit,
  rollback: twoPhaseCommit,
};

/** The half that `half` settles; itself where it does something of its own. */
export function settledBy(half: Half): Half {
  return familyOf[half].does;
}

/** `found` holds every row of this branch, of all halves and generations, in any order (R3). */
export function judge(asked: Asked, found: readonly BarrierRow[]): Verdict {
  const own = answerTo(asked, found);
  if (own !== undefined) return verdictOnOwn(own);
  const family = familyOf[asked.operation];
  if (asked.operation === family.does) return isOvertaken(asked, found) ? 'late' : 'run';
  if (isSettledOtherwise(asked, found)) return 'late';
  return asked.operation === family.undoes ? verdictOnUndo(family, found) : verdictOnKeep(family, found);
}

/** An undo of any kind closes the branch: an action that comes after it takes no effect, whatever its generation (I14).
 *  And once a later generation was refused, the transaction may have turned around on that word, so what is left of an
 *  earlier one must not take effect any more. */
function isOvertaken({ operation, generation }: Asked, found: readonly BarrierRow[]): boolean {
  const { undoes } = familyOf[operation];
  return found.some((row) => row.operation === undoes || row.generation > generation);
}

/** R3, S12: keeping and undoing share one settlement, and the first to be recorded, or claimed, has it for good. A row
 *  that was merely planted holds the seat for the half that planted it. */
function isSettledOtherwise({ operation }: Asked, found: readonly BarrierRow[]): boolean {
  const other = counterpartOf(operation);
  return found.some(
    (row) => row.operation === other && row.outcome !== 'planted' && row.outcome !== 'refused',
  );
}

function counterpartOf(operation: Half): Half | undefined {
  const { keeps, undoes } = familyOf[operation];
  if (operation === keeps) return undoes;
  return operation === undoes ? keeps : undefined;
}

/** A row that is written beside a command's own, so that commands that exclude each other meet in one key. `planted`: what
 *  comes for it is late · `refused`: so is what comes for this generation, but a later one may be asked (R4). */
export interface Seat extends Asked {
  readonly outcome: 'planted' | 'refused';
}

/** The seats that `asked` takes, beside its own, when it is recorded or claimed. Whatever does something takes the lowest
 *  free generation, and so does an undo that finds nothing done: however often a person had a step asked again, of two that
 *  looked at the same rows only one is recorded (S4, S5, R4). Keeping and undoing take each the seat of the other (S12). */
export function seatsTakenBy(asked: Asked, found: readonly BarrierRow[]): readonly Seat[] {
  const { does, undoes } = familyOf[asked.operation];
  const generation = lowestFree(does, found);
  if (asked.operation === does)
    return generation < asked.generation ? [{ operation: does, generation, outcome: 'refused' }] : [];
  const isDone = found.some((row) => row.operation === does && row.outcome === 'succeeded');
  const isAbsent = asked.operation === undoes && !isDone;
  const other = counterpartOf(asked.operation);
  const isFree = other !== undefined && !found.some((row) => row.operation === other);
  return [
    ...(isAbsent ? [{ operation: does, generation, outcome: 'planted' } as const] : []),
    ...(isFree ? [{ operation: other, generation: 1, outcome: 'planted' } as const] : []),
  ];
}

function lowestFree(half: Half, found: readonly BarrierRow[]): number {
  const taken = new Set(found.filter((row) => row.operation === half).map((row) => row.generation));
  let generation = 1;
  while (taken.has(generation)) generation++;
  return generation;
}

/** The generation in which the row of `asked` stands. Whatever undoes or keeps stands in the first, where all of it meets
 *  in one key, however often a person had it asked again: what is refused leaves no row there, so the next may sit (R4, S12). */
export function seatGenerationOf({ operation, generation }: Asked): number {
  return operation === familyOf[operation].does ? generation : 1;
}

/** A settlement that finds its seat taken, or nothing to keep, is no trick of the network's: a coordinator, a person or
 *  a lost commit is behind it, so whoever refuses it also raises an alarm (S12). */
export function isAlarming({ operation }: Asked, verdict: Verdict): boolean {
  return verdict === 'late' && counterpartOf(operation) !== undefined;
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
function verdictOnUndo({ does }: Family, found: readonly BarrierRow[]): Verdict {
  const actions = found.filter((row) => row.operation === does);
  if (actions.some((row) => row.outcome === 'claimed' && row.claimIsLive === true)) return 'in-progress';
  return actions.some((row) => row.outcome === 'succeeded' || row.outcome === 'claimed') ? 'run' : 'empty';
}

/** Only what is known to be held can be made final. A claim will be settled by whoever drives it; what is absent, or was
 *  let go, is refused, for no coordinator that was told so would ask (R5). */
function verdictOnKeep({ does }: Family, found: readonly BarrierRow[]): Verdict {
  const actions = found.filter((row) => row.operation === does);
  if (actions.some((row) => row.outcome === 'succeeded')) return 'run';
  return actions.some((row) => row.outcome === 'claimed') ? 'in-progress' : 'late';
}
