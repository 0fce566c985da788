/**
 * Words for the specs of the protocols that work in rounds: facts told in one line, commands read back in words, and
 * the moves of a world that answers, repeats, delays and raves. No part of the library's face, and nothing runs by it.
 */
import fc from 'fast-check';
import type { Machine } from '../machine.js';
import { halves, isHalf, type Half, type Reply } from '../operation.js';
import type { ProtocolCommand, SendCommand, Start, TransactionEvent } from '../transaction.js';

export const start: Start = { transactionId: 'a-transaction', input: { orderId: 'an-order' }, at: 0 };

/** What a transaction came to: its state, the last event's commands in words, and every command so far in words. */
export interface Told<State> {
  readonly state: State;
  readonly commands: readonly string[];
  readonly all: readonly string[];
  readonly raw: readonly ProtocolCommand[];
}

type AnyMachine<Definition, State> = Machine<Definition, Start, State, TransactionEvent, ProtocolCommand>;

/** Begins at instant 0 and tells the events in order. */
export function tell<Definition, State>(
  machine: AnyMachine<Definition, State>,
  definition: Definition,
  ...events: readonly TransactionEvent[]
): Told<State> {
  let { state, commands: raw } = machine.begin(definition, start);
  const all = raw.map(inWords);
  for (const event of events) {
    ({ state, commands: raw } = machine.transition(definition, state, event));
    all.push(...raw.map(inWords));
  }
  return { state, commands: raw.map(inWords), all, raw };
}

/** `try a`, with attempt and generation where they are not the first; `announce y`; `decide commit`. */
export function inWords(command: ProtocolCommand): string {
  if (command.type === 'announce') return `announce ${command.outcome}`;
  if (command.type === 'decide') return `decide ${command.decision}`;
  if (command.type !== 'send') return command.type;
  const { operation, branchId, attempt, generation } = command;
  return `${operation} ${branchId}${attempt > 1 ? ` attempt ${attempt}` : ''}${generation > 1 ? ` generation ${generation}` : ''}`;
}

/** What may be said about a reply beside what was replied. */
export interface Circumstances {
  readonly at?: number;
  readonly generation?: number;
  readonly attempt?: number;
  readonly retryAt?: number;
}

const refusal = { code: 'no-such-thing', details: { missing: 1 } } as const;
const hiccup = { code: 'PROVIDER_UNAVAILABLE', message: 'no answer', retryable: true } as const;
const defect = { code: 'DATA_REJECTED', message: 'never', retryable: false } as const;

/** The answers a participant can give, by a word. */
export const answers = {
  done: { outcome: 'succeeded', output: 'o' },
  empty: { outcome: 'succeeded', output: null, empty: true },
  'read-only': { outcome: 'succeeded', output: null, readOnly: true },
  refused: { outcome: 'refused', refusal },
  failed: { outcome: 'failed', failure: hiccup },
  broken: { outcome: 'failed', failure: defect },
  busy: { outcome: 'in-progress' },
} as const satisfies Record<string, Reply>;

export type Answer = keyof typeof answers;

/** `says('try a', 'done')`: the answer to a half of a branch, at instant 100 unless said otherwise. A success tells
 *  whose output it is. */
export function says(
  what: `${Half} ${string}`,
  answer: Answer,
  circumstances: Circumstances = {},
): TransactionEvent {
  const [operation, branchId = ''] = what.split(' ');
  if (!isHalf(operation)) throw new TypeError(`${what} is no half`);
  const reply: Reply =
    answer === 'done' ? { outcome: 'succeeded', output: `${branchId}-output` } : answers[answer];
  return { type: 'replied', at: 100, generation: 1, branchId, operation, reply, ...circumstances };
}

export const passed = (at: number, retryAt?: number): TransactionEvent =>
  retryAt === undefined ? { type: 'time-passed', at } : { type: 'time-passed', at, retryAt };
export const resumed = (at = 500): TransactionEvent => ({
  type: 'operator-resumed',
  at,
  actor: 'ada',
  reason: 'repaired',
});
export const bug = (at = 400): TransactionEvent => ({ type: 'bug-found', at, message: 'a rule broke' });
export const decided = (decision: 'commit' | 'abort', at = 100): TransactionEvent => ({
  type: 'decided',
  at,
  decision,
});
export const askedBy = (branchId: string, at = 200): TransactionEvent => ({
  type: 'decision-asked',
  at,
  branchId,
});
export const reported = (
  branchId: string,
  outcome: 'committed' | 'rolled-back',
  at = 300,
): TransactionEvent => ({ type: 'outcome-reported', at, branchId, outcome, actor: 'ada', reason: 'by hand' });

const names = ['a', 'b', 'c', 'd', 'closing', 'nobody', ''] as const;
const replies = fc.constantFrom<Reply[]>(...Object.values(answers), answers.done, answers.done, answers.done);
const instants = fc.oneof(fc.nat({ max: 20_000 }), fc.constantFrom(-1, Number.NaN, Infinity, 1e15));

const garbage: fc.Arbitrary<TransactionEvent> = fc.oneof(
  fc.record({
    type: fc.constant('replied' as const),
    at: instants,
    branchId: fc.constantFrom(...names),
    operation: fc.constantFrom(...halves),
    generation: fc.integer({ min: 0, max: 3 }),
    attempt: fc.integer({ min: 0, max: 4 }),
    reply: replies,
  }),
  fc.record({ type: fc.constant('time-passed' as const), at: instants, retryAt: instants }),
  instants.map((at) => resumed(at)),
  instants.map((at) => bug(at)),
  fc.tuple(fc.constantFrom('commit' as const, 'abort' as const), instants).map(([d, at]) => decided(d, at)),
  fc.tuple(fc.constantFrom(...names), instants).map(([name, at]) => askedBy(name, at)),
);

/** What the world does next: answers something that is in hand, says an earlier thing again, lets time pass, or raves.
 *  `crash`: the host dies here; another replays what was stored and sends what is outstanding. */
export const moves = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('answer' as const), which: fc.nat(), reply: replies }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), late: fc.nat({ max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('repeat' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rave' as const), event: garbage }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resume' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
);
export type Move = typeof moves extends fc.Arbitrary<infer M> ? M : never;

export interface Moment<State> {
  /** Undefined for the beginning, and for a host that took the transaction over. */
  readonly event: TransactionEvent | undefined;
  readonly state: State;
  readonly commands: readonly ProtocolCommand[];
}

/** Every moment of one run, the beginning first. The host does as it is bound to: it answers `decide` at once, unless
 *  it dies in between, which `crash` as the next move means. */
export function live<Definition, State>(
  machine: AnyMachine<Definition, State>,
  definition: Definition,
  drawn: readonly Move[],
): readonly Moment<State>[] {
  const moments: Moment<State>[] = [{ event: undefined, ...machine.begin(definition, start) }];
  const said: TransactionEvent[] = [];
  const stored: TransactionEvent[] = [];
  let asked: readonly SendCommand[] = sendsOf(moments[0]!.commands);
  let now = 0;
  const take = (event: TransactionEvent): Moment<State> => {
    const before = moments.at(-1)!.state;
    const after = machine.transition(definition, before, event);
    if (after.state !== before || after.commands.length > 0) stored.push(event);
    const moment = { event, ...after };
    moments.push(moment);
    asked = [...asked, ...sendsOf(after.commands)];
    return moment;
  };
  drawn.forEach((move, index) => {
    const before = moments.at(-1)!.state;
    const due = machine.dueAt(definition, before);
    now =
      move.kind === 'wait' && due !== undefined && Number.isFinite(due)
        ? Math.max(now, due) + move.late
        : now + 1;
    if (move.kind === 'crash') {
      let { state } = machine.begin(definition, start);
      for (const event of stored) state = machine.transition(definition, state, event).state;
      const commands = machine.outstanding(definition, state);
      moments.push({ event: undefined, state, commands });
      asked = [...asked, ...sendsOf(commands)];
      return;
    }
    const event = eventOf(move, { asked, said, now });
    said.push(event);
    const { commands } = take(event);
    const decide = commands.find((command) => command.type === 'decide');
    if (decide !== undefined && drawn[index + 1]?.kind !== 'crash') take(decided(decide.decision, now));
  });
  return moments;
}

function eventOf(
  move: Exclude<Move, { readonly kind: 'crash' }>,
  given: {
    readonly asked: readonly SendCommand[];
    readonly said: readonly TransactionEvent[];
    readonly now: number;
  },
): TransactionEvent {
  const { asked, said, now: at } = given;
  switch (move.kind) {
    case 'answer': {
      // The latest are the likeliest: what was asked last is answered soonest.
      const command = asked.at(-1 - (move.which % Math.min(4, Math.max(1, asked.length))));
      if (command === undefined) return passed(at, at + 7);
      const { branchId, operation, generation, attempt } = command;
      const { reply } = move;
      return { type: 'replied', at, retryAt: at + 5, branchId, operation, generation, attempt, reply };
    }
    case 'wait':
      return passed(at, at + 7);
    case 'repeat':
      return said[move.which % Math.max(1, said.length)] ?? passed(at, at + 7);
    case 'rave':
      return move.event;
    case 'resume':
      return resumed(at);
  }
}

export function sendsOf(commands: readonly ProtocolCommand[]): readonly SendCommand[] {
  return commands.filter((command): command is SendCommand => command.type === 'send');
}

/** Every command of a run, in order. */
export function allSends<State>(moments: readonly Moment<State>[]): readonly SendCommand[] {
  return moments.flatMap(({ commands }) => sendsOf(commands));
}

/** The events that a host stored: those that changed something or asked for something. */
export function storedOf<State>(moments: readonly Moment<State>[]): readonly TransactionEvent[] {
  return moments.flatMap(({ event, state, commands }, index) =>
    event !== undefined && (moments[index - 1]!.state !== state || commands.length > 0) ? [event] : [],
  );
}

const policy = fc.record({ attemptsMax: fc.integer({ min: 1, max: 3 }) });

/** How patient a drawn branch is. */
export const patience = fc.record({
  timeoutMs: fc.integer({ min: 1, max: 500 }),
  inProgressPollMs: fc.integer({ min: 1, max: 50 }),
  retry: policy,
  settleRetry: policy,
});

/** One to four branches and, perhaps, a closing. */
export const shapes = fc.record({
  branches: fc.array(patience, { minLength: 1, maxLength: 4 }),
  closing: fc.boolean(),
});

export const branchNames = ['a', 'b', 'c', 'd'] as const;
