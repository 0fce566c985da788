/**
 * Three-phase commit for teaching, in the simulated world alone and on no road of an order: it shows why the platform
 * does not offer it. Survivors of a lost coordinator go on without it, and agree as long as all of them can talk to each
 * other; let the network split, and each side goes on by itself. Nothing may ever import this as a protocol.
 */

/** `ready`: voted yes · `pre-committed`: knows that everybody voted yes. */
export type ParticipantState = 'working' | 'ready' | 'pre-committed' | 'committed' | 'aborted';

/** What reaches a participant. */
export type Letter = 'can-commit' | 'pre-commit' | 'do-commit' | 'abort';

/** A participant's state after a letter; one that no longer matters changes nothing. */
export function receive(state: ParticipantState, letter: Letter, votesYes = true): ParticipantState {
  switch (letter) {
    case 'can-commit':
      if (state !== 'working') return state;
      return votesYes ? 'ready' : 'aborted';
    case 'pre-commit':
      return state === 'ready' ? 'pre-committed' : state;
    case 'do-commit':
      return state === 'pre-committed' ? 'committed' : state;
    case 'abort':
      return state === 'committed' ? state : 'aborted';
  }
}

/** What participants that have lost the coordinator, and can all talk to each other, agree on (Skeen's termination rule).
 *  None of them waits: that is the promise of the third phase. */
export function terminate(group: readonly ParticipantState[]): 'committed' | 'aborted' {
  if (group.includes('aborted')) return 'aborted';
  return group.includes('committed') || group.includes('pre-committed') ? 'committed' : 'aborted';
}

export interface Script {
  /** Each participant's vote. */
  readonly votes: readonly boolean[];
  /** How many letters the coordinator sends before it is lost. Default: it is not lost. */
  readonly lettersSent?: number;
  /** Which side of the split each participant is on when the coordinator is lost. Default: there is no split. */
  readonly sides?: readonly number[];
}

/** How each participant ends. The coordinator writes to one after another, phase by phase; where it is lost, each side of
 *  the split times out and goes on by itself. */
export function simulate({ votes, lettersSent = Number.POSITIVE_INFINITY, sides = [] }: Script) {
  const states = votes.map((): ParticipantState => 'working');
  let left = lettersSent;
  const write = (letter: Letter): void => {
    for (const [index, vote] of votes.entries()) {
      if (left <= 0) return;
      left -= 1;
      states[index] = receive(states[index] ?? 'working', letter, vote);
    }
  };
  const all = (wanted: ParticipantState): boolean => states.every((state) => state === wanted);
  write('can-commit');
  if (all('ready')) {
    write('pre-commit');
    if (all('pre-committed')) write('do-commit');
  } else write('abort');
  return states.map((state, index) => {
    if (state === 'committed' || state === 'aborted') return state;
    return terminate(states.filter((_state, other) => (sides[other] ?? 0) === (sides[index] ?? 0)));
  });
}
