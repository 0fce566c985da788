/**
 * What goes wrong in an explored run: nothing but what its schedule names. On the way it notes every place at which something
 * could have gone wrong, for the explorer to choose the next schedules from. It knows no luck.
 */
import { seededRandom } from '@sagamore/primitives';
import { calm } from '../world/fault-plan.js';
import { Faults } from '../world/faults.js';
import type { Chance, Move, Schedule } from './move.js';

type OfMessage = Extract<Move, { readonly message: string }>;

export class ChosenFaults extends Faults {
  /** In the order of passing. */
  readonly chances: Chance[] = [];
  private readonly seen = new Map<string, number>();
  private readonly struck = new Map<Move, number>();
  private isWatching = false;

  constructor(
    private readonly schedule: Schedule,
    now: () => number,
  ) {
    super(calm, seededRandom(0), now);
  }

  /** From here on it is the saga's own doing: what a process does when it starts is not looked at. */
  watch(): void {
    this.isWatching = true;
  }

  /** The number of the last chance at which something went wrong; -1 where nothing did yet. */
  get lastStruck(): number {
    return Math.max(-1, ...this.struck.values());
  }

  /** What the schedule names and the run never came to. */
  get missed(): Schedule {
    return this.schedule.filter((move) => !this.struck.has(move));
  }

  /** `where` begins with the process: its role, and how often it was started. */
  override kills(where: string): boolean {
    if (!this.isWatching) return false;
    const name = this.unique(where.replace(/#\d+ /, ' '));
    this.chances.push({ type: 'place', name });
    return this.strike((move) => move.kind === 'kill' && move.at === name);
  }

  /** What happens to a message that is on its way. */
  onMessage(plain: string, road: string): readonly OfMessage[] {
    if (!this.isWatching) return [];
    const name = this.unique(plain);
    this.chances.push({ type: 'message', name, road });
    const isMeant = (move: Move): move is OfMessage =>
      'message' in move && (move.kind === 'silence' ? move.message === road : move.message === name);
    const moves = this.schedule.filter(isMeant);
    for (const move of moves) this.mark(move);
    return moves;
  }

  /** Whether a step's answer is no. */
  refuses(step: string): boolean {
    return this.strike((move) => move.kind === 'no' && move.step === step);
  }

  override ms(from: number): number {
    return from;
  }

  private strike(isMeant: (move: Move) => boolean): boolean {
    const move = this.schedule.find(isMeant);
    if (move !== undefined) this.mark(move);
    return move !== undefined;
  }

  /** Of what strikes again and again the first time counts. */
  private mark(move: Move): void {
    if (!this.struck.has(move)) this.struck.set(move, this.chances.length - 1);
  }

  private unique(name: string): string {
    const times = (this.seen.get(name) ?? 0) + 1;
    this.seen.set(name, times);
    return times === 1 ? name : `${name} (time ${times})`;
  }
}
