/**
 * Answers probes from the barrier's rows, beside the handlers and without them. "Not done" is a promise: the seats of the
 * action are taken in the same database transaction, so that whatever of it is still on its way is late (R6).
 * It must never give that promise while somebody may be calling the outside; then it says "not yet".
 */
import { answerTo, type BarrierRow, type ProbeFinding } from '@sagamore/engine';
import { branchName, branchOf, groupByBranch, isConflict, isDatabaseAway, planted } from './branch.js';
import type { Commanded } from './branch.js';
import type { Barrier, Database, StoredBarrierRow, Tx } from './ports.js';

const notDone: ProbeFinding = { outcome: 'not-done' };
const notYet: ProbeFinding = { outcome: 'not-yet' };

/** A person's retry raises the generation by one; more seats than this are not taken at one word from the wire. */
const generationsMax = 64;

export class ProbedBranches {
  constructor(
    private readonly database: Database,
    private readonly barrier: Barrier,
    private readonly onFault: (error: unknown) => void,
  ) {}

  /** Answers each probe, in order, AFTER the commit that makes the answer true for good. Safe to repeat. Rejects only
   *  when the database is away or the fate of a commit unknown: nobody was answered, ask again. */
  async answer(probes: readonly Commanded[], retries = 2): Promise<readonly ProbeFinding[]> {
    if (probes.length === 0) return [];
    try {
      return await this.database.transaction((tx) => this.answerIn(tx, probes));
    } catch (error) {
      if (isDatabaseAway(error)) throw error;
      if (isConflict(error) && retries > 0) return this.answer(probes, retries - 1);
      if (probes.length === 1) return [this.cannotSay(error)];
      const half = probes.length >> 1;
      return [...(await this.answer(probes.slice(0, half))), ...(await this.answer(probes.slice(half)))];
    }
  }

  /** Whoever keeps taking the seat is at work on the branch. Anything else is a fault, and no finding. */
  private cannotSay(error: unknown): ProbeFinding {
    if (!isConflict(error)) this.onFault(error);
    return notYet;
  }

  private async answerIn(tx: Tx, probes: readonly Commanded[]): Promise<readonly ProbeFinding[]> {
    const found = groupByBranch(await this.barrier.find(tx, probes.map(branchOf)));
    const rowsOf = (probe: Commanded): readonly BarrierRow[] => found.get(branchName(branchOf(probe))) ?? [];
    const findings = probes.map((probe) => findingOf(probe, rowsOf(probe)));
    const absent = probes.filter((_, index) => findings[index] === notDone);
    const seats = absent.flatMap((probe) => freeSeats(probe, rowsOf(probe)));
    // Probes of one branch that come together ask for the same seats.
    const distinct = new Map(seats.map((seat) => [`${branchName(seat)}/${seat.generation}`, seat]));
    if (distinct.size > 0) await this.barrier.insert(tx, [...distinct.values()]);
    return findings;
  }
}

function findingOf({ command }: Commanded, rows: readonly BarrierRow[]): ProbeFinding {
  const { operation, generation } = command.data;
  const row = answerTo({ operation, generation }, rows);
  // A claim may have reached the outside. Whoever drives it, or the sweep, will find out there, by key (R7).
  if (row?.outcome === 'claimed' || generation > generationsMax) return notYet;
  const reply = row?.reply;
  switch (reply?.outcome) {
    case 'succeeded':
      return { outcome: 'succeeded', output: reply.output };
    case 'refused':
      return { outcome: 'refused', refusal: reply.refusal };
    default:
      return notDone;
  }
}

/** The seats in which the action could still take effect: that of every generation it may have been asked for in. */
function freeSeats(probe: Commanded, rows: readonly BarrierRow[]): readonly StoredBarrierRow[] {
  const { operation, generation: last } = probe.command.data;
  const isFree = (generation: number): boolean =>
    !rows.some((row) => row.operation === operation && row.generation === generation);
  const generations = Array.from({ length: last }, (_, index) => index + 1);
  return generations.filter(isFree).map((generation) => planted(probe, operation, generation));
}
