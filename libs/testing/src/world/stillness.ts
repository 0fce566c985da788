/**
 * When a simulated world stands still: nothing but time can move it any more. The worlds and the explorer wait for it
 * between two instants, so that what follows from one is over before the next.
 */

/** Promises that run one after the other without calling a port are fewer than this. */
const idleTurns = 40;
/** Beyond this many turns something calls ports without end; time goes on, and the audit says what it came to. */
const turnsMax = 100_000;

/** Lets promises run until `activity`, which grows with every call of a port, has not grown for a while. It need not drain
 *  them: the order of what is left does not depend on it. Bounded. */
export async function untilStill(activity: () => number): Promise<void> {
  const turn = Promise.resolve();
  let seen = activity();
  for (let turns = 0, idle = 0; idle < idleTurns && turns < turnsMax; turns++) {
    await turn;
    idle = activity() === seen ? idle + 1 : 0;
    seen = activity();
  }
}
