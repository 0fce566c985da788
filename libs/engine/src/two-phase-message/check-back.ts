/**
 * The marker that makes check-back safe: one row of the sender's barrier, under the sender's branch, for which its local
 * transaction and whoever asks about it compete. The transaction writes it FIRST and commits it with its work, so that
 * whoever asks meanwhile waits for it (S75); whoever asks when there is none writes a no in its place, and the
 * transaction that comes later finds its seat taken and cannot commit (S76).
 */
import { judge, type BarrierRow } from '../barrier/barrier.js';

/** `committed` and `rolled-back` are last words · `not-yet`: ask again · `plant`: write the no, in a transaction of its
 *  own, and answer `rolled-back` AFTER its commit; where the key turns out to be taken, ask this function again. */
export type CheckBack = 'committed' | 'rolled-back' | 'not-yet' | 'plant';

/** What the sender answers, given every row of its branch. `isOpen`: the row is being written by a transaction that has
 *  neither committed nor rolled back, as a wait for its key that ran out of time shows. */
export function judgeCheckBack({
  found,
  isOpen,
}: {
  readonly found: readonly BarrierRow[];
  readonly isOpen: boolean;
}): CheckBack {
  const marker = found.find(({ operation }) => operation === 'action');
  if (marker === undefined) return isOpen ? 'not-yet' : 'plant';
  switch (marker.outcome) {
    case 'succeeded':
      return 'committed';
    case 'claimed':
      return 'not-yet';
    case 'refused':
    case 'planted':
    case 'empty':
      return 'rolled-back';
  }
}

/** Whether the local transaction may go on, asked with the rows it found BEFORE it wrote its marker. */
export function mayBegin(found: readonly BarrierRow[]): boolean {
  return judge({ operation: 'action', generation: 1 }, found) === 'run';
}

/** The no that a check-back writes where it found nothing. */
export const plantedNo: BarrierRow = Object.freeze({
  operation: 'action',
  generation: 1,
  outcome: 'planted',
});

/** The marker of a local transaction. */
export const committedMarker: BarrierRow = Object.freeze({
  operation: 'action',
  generation: 1,
  outcome: 'succeeded',
});
