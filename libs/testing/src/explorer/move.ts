/**
 * One thing that goes otherwise than planned, as data and in words. A schedule is a few of them; a place or a message bears
 * the same name in every run, so a schedule means the same wherever it is played.
 */

/** `no`: a step is refused · `kill`: a process dies and comes back · `repeat`: a message comes twice · `delay`: it comes
 *  once all else rests · `silence`: so do all of its repeats · `reorder`: the next one on its road comes before it. */
export type Move =
  | { readonly kind: 'no'; readonly step: string }
  | { readonly kind: 'kill'; readonly at: string }
  | { readonly kind: 'repeat'; readonly message: string; readonly when: 'at-once' | 'at-the-end' }
  | { readonly kind: 'delay' | 'silence' | 'reorder'; readonly message: string };

export type Schedule = readonly Move[];

/** A place of a run at which something can go wrong, in the order of passing. */
export type Chance =
  | { readonly type: 'place'; readonly name: string }
  /** `road`: the name without its attempt, the same for all of its repeats. */
  | { readonly type: 'message'; readonly name: string; readonly road: string };

/** Everything that can go wrong at a place, the plainest first. */
export function movesAt(chance: Chance): readonly Move[] {
  if (chance.type === 'place') return [{ kind: 'kill', at: chance.name }];
  const { name: message, road } = chance;
  const single: readonly Move[] = [
    { kind: 'repeat', message, when: 'at-once' },
    { kind: 'repeat', message, when: 'at-the-end' },
    { kind: 'delay', message },
    { kind: 'reorder', message },
  ];
  // What is silent is silent from its first message on.
  return message === road ? [...single, { kind: 'silence', message }] : single;
}

/** For people. */
export function inWords(move: Move): string {
  switch (move.kind) {
    case 'no':
      return `"${move.step}" is refused`;
    case 'kill':
      return move.at.replace(' ', ' is killed ');
    case 'repeat':
      return move.when === 'at-once'
        ? `${move.message} is delivered twice`
        : `${move.message} is delivered again after everything has come to rest`;
    case 'delay':
      return `${move.message} is delayed until everything else has come to rest`;
    case 'silence':
      return `${move.message} and all its repeats are delayed until everything else has come to rest`;
    case 'reorder':
      return `${move.message} is overtaken by the next message to the same service`;
  }
}
