/**
 * Try, confirm, cancel as a pure machine. All branches are tried at once; all are confirmed when every try has
 * succeeded, and all are cancelled, those without an answer too, as soon as one has not (S72). Once confirming has
 * begun nothing is ever cancelled: what cannot be confirmed waits for a person (S73).
 */
import type { Machine, Transition } from '../machine.js';
import type { Confirmation, Undo } from '../operation.js';
import {
  advance,
  bugReason,
  dueOf,
  endReasonOf,
  firstUnhappy,
  isOver,
  outstandingOf,
  reasonOf,
  reopen,
  settlementReasonOf,
  type Progress,
  type Round,
} from '../round/round.js';
import { ask, commandOf, isOpen, type EndedLane, type Knowledge, type Lane } from '../round/round.lane.js';
import type { RestReason, Start, TransactionCommand, TransactionEvent } from '../transaction.js';
import type { TccDefinition } from './tcc.definition.js';
import {
  isMoving,
  type Cancelling,
  type Confirming,
  type Moving,
  type TccState,
  type Trying,
} from './tcc.state.js';

type Step = Transition<TccState, TransactionCommand>;

const none: readonly TransactionCommand[] = Object.freeze([]);

/** The machine of every TCC transaction. Total: no event throws in any state, unless a function of the definition does;
 *  then nothing has happened, and the host tells `bug-found` instead of that event (R2). */
export const tccMachine: Machine<TccDefinition, Start, TccState, TransactionEvent, TransactionCommand> = {
  begin: ({ branches }, { input, at }) => {
    const round = branches.map((branch) => {
      const payload = branch.input(input);
      return ask({ branch, half: 'try', payload, policy: branch.retry }, at);
    });
    return { state: { status: 'trying', input, round }, commands: round.map(commandOf) };
  },
  transition,
  outstanding: (_definition, state) => (isMoving(state) ? outstandingOf(state.round) : none),
  dueAt: (_definition, state) => (isMoving(state) ? dueOf(state.round) : undefined),
};

function transition(definition: TccDefinition, state: TccState, event: TransactionEvent): Step {
  switch (event.type) {
    case 'replied':
    case 'time-passed': {
      const progress = isMoving(state) ? advance(state.round, event) : undefined;
      return isMoving(state) && progress !== undefined
        ? follow(definition, state, progress, event.at)
        : unchanged(state);
    }
    case 'operator-resumed':
      if (state.status !== 'parked' || !Number.isFinite(event.at)) return unchanged(state);
      return going(state.suspended, reopen(state.suspended.round, event.at));
    case 'bug-found':
      // Already parked, the first reason is the one a person must see.
      return isMoving(state) ? park(state, bugReason(event.message)) : unchanged(state);
    case 'definition-missing':
      return isMoving(state) ? park(state, { kind: 'no-handler' }) : unchanged(state);
    case 'decided':
    case 'decision-asked':
    case 'outcome-reported':
    default:
      // Events of other protocols mean nothing to this one.
      return unchanged(state);
  }
}

/** The very same object says: nothing to save. */
function unchanged(state: TccState): Step {
  return { state, commands: none };
}

/** The same phase with its round moved on. */
function going(state: Moving, { round, commands }: Progress): Step {
  return { state: { ...state, round }, commands };
}

function follow(definition: TccDefinition, state: Moving, progress: Progress, at: number): Step {
  if (progress.ended === undefined) return going(state, progress);
  switch (state.status) {
    case 'trying':
      return settleTrying(definition, { state, progress, ended: progress.ended, at });
    case 'confirming':
      return isOver(progress.round)
        ? settleConfirming({ ...state, round: progress.round })
        : going(state, progress);
    case 'cancelling':
      return isOver(progress.round)
        ? settleCancelling(definition, { ...state, round: progress.round }, at)
        : going(state, progress);
  }
}

interface TryEnded {
  readonly state: Trying;
  readonly progress: Progress;
  readonly ended: EndedLane;
  readonly at: number;
}

function settleTrying(definition: TccDefinition, { state, progress, ended, at }: TryEnded): Step {
  const { round } = progress;
  if (ended.ending.outcome !== 'succeeded') return cancel(state.input, round, reasonOf(ended), at);
  return isOver(round) ? confirm(definition, state.input, round, at) : going(state, progress);
}

/** The point of no return: the event that led here is saved BEFORE the first of these is sent. */
function confirm(definition: TccDefinition, input: unknown, tried: readonly EndedLane[], at: number): Step {
  const results: Record<string, unknown> = {};
  for (const lane of tried) results[lane.branch.name] = outputOf(lane);
  const details = new Map(
    definition.branches.map((branch) => [branch.name, branch.confirm?.({ input, results })]),
  );
  const round = tried.map((lane) => {
    const { branch, payload: tryInput } = lane;
    const held: Confirmation = { input: tryInput, output: outputOf(lane) };
    const more = details.get(branch.name);
    const payload = more === undefined ? held : { ...held, details: more };
    return ask({ branch, half: 'confirm', payload, policy: branch.settleRetry, over: 'succeeded' }, at);
  });
  return { state: { status: 'confirming', round }, commands: round.map(commandOf) };
}

function outputOf({ ending }: EndedLane): unknown {
  return ending.outcome === 'succeeded' ? ending.output : undefined;
}

/** S72: every branch is told to let go, what is unknown first of all, for it may hold something. Whether it does is for
 *  its barrier to say; one that has not begun finds its seat taken (S3, S4). */
function cancel(input: unknown, tried: Round, reason: RestReason, at: number): Step {
  const round = tried.map((lane) => {
    const payload = undoOf(lane);
    const { branch } = lane;
    return ask({ branch, half: 'cancel', payload, policy: branch.settleRetry, over: payload.outcome }, at);
  });
  return {
    state: { status: 'cancelling', input, reason, closing: false, round },
    commands: round.map(commandOf),
  };
}

/** A cancel is told what is known of its try, so that it can tell `nothing was held` from `what was held is lost` (R5). */
function undoOf(lane: Lane): Undo & { readonly outcome: Knowledge } {
  const { payload: input } = lane;
  if (isOpen(lane)) return { input, outcome: 'unknown' };
  const { ending } = lane;
  if (ending.outcome === 'succeeded') return { input, outcome: 'succeeded', output: ending.output };
  return { input, outcome: ending.outcome === 'refused' ? 'refused' : 'unknown' };
}

function settleConfirming({ status, round }: Confirming): Step {
  const unhappy = firstUnhappy(round);
  if (unhappy !== undefined) return park({ status, round }, settlementReasonOf(unhappy, 'settlement'));
  return { state: { status: 'confirmed' }, commands: [{ type: 'announce', outcome: 'confirmed' }] };
}

function settleCancelling(definition: TccDefinition, state: Cancelling, at: number): Step {
  const { reason, closing, round } = state;
  const unhappy = firstUnhappy(round);
  if (unhappy !== undefined)
    return park(state, closing ? reasonOf(unhappy) : settlementReasonOf(unhappy, 'undo'));
  return closing ? cancelled(reason) : close(definition, state, at);
}

/** AFTER the last cancel: tell of the end, if the definition wants it told, and only then rest (R28). */
function close({ onCancelled: branch }: TccDefinition, state: Cancelling, at: number): Step {
  const { input, reason } = state;
  if (branch === undefined) return cancelled(reason);
  const payload = branch.input({ input, reason: endReasonOf(reason) });
  const lane = ask({ branch, half: 'action', payload, policy: branch.settleRetry }, at);
  return { state: { ...state, closing: true, round: [lane] }, commands: [commandOf(lane)] };
}

function cancelled(reason: RestReason): Step {
  return {
    state: { status: 'cancelled', reason },
    commands: [{ type: 'announce', outcome: 'cancelled', reason }],
  };
}

/** Rests with a reason, and says so. */
function park(suspended: Moving, reason: RestReason): Step {
  return {
    state: { status: 'parked', reason, suspended },
    commands: [{ type: 'announce', outcome: 'parked', reason }],
  };
}
