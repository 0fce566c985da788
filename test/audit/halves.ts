/**
 * The words by which rows of every protocol are read alike: which halves do, keep and undo, and what each protocol calls
 * its good and its bad end. Written down here, not taken from the platform, which is what is audited.
 */

/** Which transactions are those of an order, as a condition in SQL: others have no order's rows, and no order's end. */
export const ofAnOrder = `(definition like 'place-order%')`;

/** Which only wait, and for long, as a condition in SQL: nothing happens to them for months, so they are quiet. No order
 *  ever waits so long. */
export const onlyWaiting = `phase = 'moving' and due_at is not null and not ${ofAnOrder}`;

/** Lists for SQL. */
export const doing = `('action', 'try', 'prepare')`;
export const keeping = `('confirm', 'commit')`;
export const undoing = `('compensation', 'cancel', 'rollback')`;

/** The final statuses of each protocol: the good end and the undone one. */
const ends = [
  ['completed', 'compensated'],
  ['confirmed', 'cancelled'],
  ['committed', 'aborted'],
] as const;

/** A person gave it up: no protocol's end, and final all the same. */
export const givenUp = 'terminated';

export const finalStatuses = `(${ends
  .flat()
  .map((status) => `'${status}'`)
  .join(', ')})`;

/** Whatever its protocol calls it: `completed`, `compensated`, or undefined for what is at no end. */
export function endOf(status: string | undefined): 'completed' | 'compensated' | undefined {
  if (ends.some(([good]) => good === status)) return 'completed';
  return ends.some(([, undone]) => undone === status) ? 'compensated' : undefined;
}

export function does(half: string): boolean {
  return doing.includes(`'${half}'`);
}

export function keeps(half: string): boolean {
  return keeping.includes(`'${half}'`);
}

export function undoes(half: string): boolean {
  return undoing.includes(`'${half}'`);
}
