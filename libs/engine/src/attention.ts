/**
 * Who has a transaction in hand: the one question a watchdog asks of every transaction that moves. Pure, for every protocol;
 * it reads a state and changes nothing. What it cannot answer is a transaction that would stand still for ever.
 */
import type { Protocol } from './transaction.js';

/** What a moving transaction waits for. `command`: the answer to something its owner asked for, whose time-out is part of the
 *  asking · `timer`: an instant · `person`: a pause to end, or a signal for which no end is set · `lock`: its turn at a key ·
 *  `nobody`: nothing will ever move it. */
export type Attention = 'command' | 'timer' | 'person' | 'lock' | 'nobody';

type Asked<State> = Pick<Protocol<State>, 'standing' | 'outstanding' | 'dueAt' | 'claims' | 'awaitsPerson'>;

/** Exactly one for each that moves; undefined for one that rests, for which nobody has to do anything. */
export function attentionOf<State>(protocol: Asked<State>, state: State): Attention | undefined {
  if (protocol.standing(state).phase !== 'moving') return undefined;
  if (protocol.outstanding(state).length > 0) return 'command';
  if (protocol.dueAt(state) !== undefined) return 'timer';
  if (protocol.awaitsPerson?.(state) === true) return 'person';
  const isInQueue = protocol.claims?.(state).some(({ isAwaited }) => isAwaited) ?? false;
  return isInQueue ? 'lock' : 'nobody';
}
