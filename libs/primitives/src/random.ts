/**
 * Luck as a guest: whoever needs randomness is handed a `Random`, so that one seed replays a whole world.
 */

/** A source of numbers in [0, 1). */
export interface Random {
  next(): number;
}

/** The host's own luck. */
export const systemRandom: Random = { next: () => Math.random() };

/** A repeatable source: mulberry32 (Tommy Ettinger), 32 bits of state, period 2^32. Not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = state;
      mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}
