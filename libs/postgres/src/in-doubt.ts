/**
 * Brings what was left in doubt to its end: lists prepared transactions that nobody has settled for a while, asks what
 * was decided, and obeys. It never decides alone (S69): without an answer everything stays prepared, with its locks.
 */
import type { Word } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import type { FindRows, InDoubt, Prepared } from '@sagamore/runtime';

export interface SweepOptions {
  /** The service's name and a colon: no other's transactions are touched. */
  readonly prefix: string;
  /** Younger ones are still in somebody's hands; ms by the server's clock. */
  readonly olderThanMs: number;
  /** Asks the coordinator's log. A transaction of which nothing is stored there was aborted (presumed abort); what cannot
   *  be asked is `not-yet`, or throws. */
  readonly decisionOn: (gid: string) => Promise<Word>;
  readonly found: (gid: string) => ReturnType<FindRows>;
  readonly onFault?: (gid: string, error: unknown) => void;
}

/** What a sweep came to: `waiting` are those that are still in doubt, to be shown with their age and counted. */
export interface Swept {
  readonly committed: readonly string[];
  readonly rolledBack: readonly string[];
  /** Settled otherwise than decided, by whomever; a person must see them (S71). */
  readonly contradicted: readonly string[];
  readonly waiting: readonly InDoubt[];
}

/** One sweep, one transaction after another: there are few, and each must not hide the next. */
export async function sweepInDoubt(prepared: Prepared, options: SweepOptions): Promise<Swept> {
  const swept = {
    committed: [] as string[],
    rolledBack: [] as string[],
    contradicted: [] as string[],
    waiting: [] as InDoubt[],
  };
  for (const inDoubt of await prepared.inDoubt(options.prefix)) {
    const end =
      inDoubt.ageMs < options.olderThanMs ? 'waiting' : await settle(prepared, inDoubt.gid, options);
    if (end === 'waiting') swept.waiting.push(inDoubt);
    else swept[end].push(inDoubt.gid);
  }
  return swept;
}

async function settle(
  prepared: Prepared,
  gid: string,
  { decisionOn, found, onFault }: SweepOptions,
): Promise<keyof Swept> {
  try {
    const word = await decisionOn(gid);
    if (word === 'not-yet') return 'waiting';
    const findRows: FindRows = () => found(gid);
    const settled = word === 'commit' ? prepared.commit(gid, findRows) : prepared.rollback(gid, findRows);
    if ((await settled) === 'contradicted') return 'contradicted';
    return word === 'commit' ? 'committed' : 'rolledBack';
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    onFault?.(gid, error);
    return 'waiting';
  }
}
