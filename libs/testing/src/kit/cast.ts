/**
 * Everybody that a saga asks, played by fakes behind the real barrier: a duplicate hears the saved reply, an undo that
 * overtakes its action plants a tombstone, and a probe is answered from what really happened (R3, R5, R6).
 */
import {
  answerTo,
  judge,
  seatGenerationOf,
  seatsTakenBy,
  type AskingCommand,
  type BarrierRow,
  type Half,
  type ProbeCommand,
  type ProbeFinding,
  type Reply,
} from '@sagamore/engine';
import { Fake, succeeds, type Move } from './fake.js';
import type { AnyFake, AnyParticipants, Asking, FakeFrom } from './participants.js';

/** One half of a branch, as it arrives. */
export type Asked = Exclude<AskingCommand, ProbeCommand>;

/** What comes back, and after how long; nothing comes back where it is undefined. */
export interface Word<Answer> {
  readonly answer: Answer | undefined;
  readonly delayMs: number;
}

const silence = { answer: undefined, delayMs: 0 };
const works = succeeds();
const cancelledBefore: Reply = { outcome: 'refused', refusal: { code: 'cancelled-before' } };

/** The step a branch belongs to, and its pass. */
export function stepOf(branchId: string): { readonly name: string; readonly pass?: number } {
  const [name = branchId, pass] = branchId.split('#');
  return pass === undefined ? { name } : { name, pass: Number(pass) };
}

/** The participants of one transaction. */
export class Cast {
  private readonly rows = new Map<string, BarrierRow[]>();
  private readonly turns = new Map<string, number>();
  private fakes: AnyParticipants;

  constructor(fakes: AnyParticipants = {}) {
    this.fakes = fakes;
  }

  /** From now on these behave as told here; the others as before. What was done stays done. */
  recast(fakes: AnyParticipants): void {
    this.fakes = { ...this.fakes, ...fakes };
    for (const key of this.turns.keys())
      if (Object.hasOwn(fakes, stepOf(key.slice(key.indexOf(' ') + 1)).name)) this.turns.delete(key);
  }

  /** What plays a step; undefined where nobody was told to. */
  fakeOf(step: string): AnyFake | undefined {
    return Object.hasOwn(this.fakes, step) ? this.fakes[step] : undefined;
  }

  /** Whether `branchId` took effect and was not undone. */
  standing(): readonly string[] {
    return [...this.rows]
      .filter(([, rows]) => took(rows, 'action') && !took(rows, 'compensation'))
      .map(([branchId]) => branchId);
  }

  /** Answers a command as the barrier and then the fake have it. */
  ask(command: Asked, fake: Fake): Word<Reply> {
    const { operation, generation, branchId } = command;
    const rows = this.rowsOf(branchId);
    const played = operation === 'compensation' ? (fake.undo ?? works) : fake;
    const { delayMs } = played;
    switch (judge({ operation, generation }, rows)) {
      case 'run':
        return this.run(command, played, rows);
      case 'duplicate': {
        const isLost = this.moveOf(played, command, false).kind === 'loses';
        return { answer: isLost ? undefined : answerTo({ operation, generation }, rows)?.reply, delayMs };
      }
      case 'empty': {
        const answer: Reply = { outcome: 'succeeded', output: null, empty: true };
        const seats = seatsTakenBy({ operation, generation }, rows);
        rows.push(
          { operation, generation: seatGenerationOf(command), outcome: 'empty', reply: answer },
          ...seats,
        );
        return { answer, delayMs };
      }
      case 'late':
        return { answer: cancelledBefore, delayMs };
      case 'in-progress':
        return { answer: { outcome: 'in-progress' }, delayMs };
    }
  }

  /** Answers what became of an action. R6: "not done" is a promise, so the tombstone is planted with it. */
  probe({ branchId, generation }: ProbeCommand, fake: Fake): Word<ProbeFinding> {
    const rows = this.rowsOf(branchId);
    const asked = { operation: 'action', generation, branchId } as const;
    if (this.moveOf(fake, asked, false).kind === 'away') return silence;
    const row = answerTo(asked, rows);
    if (row?.reply?.outcome === 'succeeded' || row?.reply?.outcome === 'refused')
      return { answer: row.reply, delayMs: 0 };
    if (row === undefined) rows.push({ operation: 'action', generation, outcome: 'planted' });
    return { answer: { outcome: 'not-done' }, delayMs: 0 };
  }

  private run(command: Asked, fake: Fake, rows: BarrierRow[]): Word<Reply> {
    const { operation } = command;
    const move = this.moveOf(fake, command, true);
    if (move.kind !== 'answers' && move.kind !== 'loses') return silence;
    const { reply } = move;
    const { outcome } = reply;
    // R4: the refusal of an undo is no final answer, so it takes no seat.
    const isKept = outcome === 'succeeded' || (outcome === 'refused' && operation === 'action');
    if (isKept) rows.push({ operation, generation: seatGenerationOf(command), outcome, reply });
    return { answer: move.kind === 'loses' ? undefined : reply, delayMs: fake.delayMs };
  }

  /** The move in turn: the next one when the work itself is reached, else the last one made. */
  private moveOf(
    fake: Fake,
    { operation, branchId }: Pick<Asked, 'operation' | 'branchId'>,
    isNext: boolean,
  ): Move {
    const key = `${operation} ${branchId}`;
    const turn = (this.turns.get(key) ?? 0) + (isNext ? 1 : 0);
    if (isNext) this.turns.set(key, turn);
    return fake.moves[Math.min(Math.max(turn, 1), fake.moves.length) - 1] ?? { kind: 'ignores' };
  }

  private rowsOf(branchId: string): BarrierRow[] {
    const rows = this.rows.get(branchId) ?? [];
    this.rows.set(branchId, rows);
    return rows;
  }
}

/** The fake itself, where it depends on what it is asked with. */
export function fakeFrom(played: Fake | FakeFrom<never, unknown>, input: unknown, asking: Asking): Fake {
  // Its type was checked where it was given; what reaches it is what the step's own input function made.
  return played instanceof Fake ? played : played(input as never, asking);
}

function took(rows: readonly BarrierRow[], half: Half): boolean {
  return rows.some(({ operation, outcome }) => operation === half && outcome === 'succeeded');
}
